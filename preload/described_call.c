#include "described.h"

#include "bounds.h"
#include "counted.h"
#include "defs.h"
#include "keep.h"

#include <string.h>

/* --- from a call to a value ------------------------------------------------------------ */

/* Small numbers, negative ones and what no program has are no addresses. */
static bool is_address(uintptr_t p)
{
	return p >= 4096 && p < (uintptr_t)1 << 47;
}

/* Follows pointers that the function itself is about to follow. */
static uintptr_t follow(const struct ouro_place *place, uintptr_t p, unsigned steps)
{
	for (unsigned i = 0; i < steps; i++) {
		if (!is_address(p))
			return 0;
		memcpy(&p, (const void *)(p + (uintptr_t)(intptr_t)place->offset[i]), sizeof p);
	}
	return p;
}

static uintptr_t value_at(const struct ouro_place *place, const struct trampoline_call *c)
{
	uintptr_t p = place->from == OURO_FROM_RESULT ? c->regs[0] : c->arg[place->from - 1];

	return follow(place, p, place->steps);
}

/* A chain that only the file's author vouches for: each step is proven. */
static bool follow_proven(const struct ouro_place *place, uintptr_t p, unsigned steps,
			  uintptr_t *ret)
{
	for (unsigned i = 0; i < steps; i++) {
		p += (uintptr_t)(intptr_t)place->offset[i];
		if (!is_address(p) || p % sizeof p || !bounds_readable(p))
			return false;
		memcpy(&p, (const void *)p, sizeof p);
	}
	*ret = p;
	return true;
}

static int64_t integer(uintptr_t at, unsigned size)
{
	int8_t v1;
	int16_t v2;
	int32_t v4;
	int64_t v8;

	switch (size) {
	case 1:  memcpy(&v1, (void *)at, 1); return v1;
	case 2:  memcpy(&v2, (void *)at, 2); return v2;
	case 4:  memcpy(&v4, (void *)at, 4); return v4;
	default: memcpy(&v8, (void *)at, 8); return v8;
	}
}

static bool field(const struct ouro_field *f, uintptr_t object, int64_t *ret)
{
	unsigned last = f->at.steps - 1u;
	uintptr_t p;

	if (!f->at.steps)
		return false;
	p = follow(&f->at, object, last);
	if (!is_address(p))
		return false;
	*ret = integer(p + (uintptr_t)(intptr_t)f->at.offset[last], f->size);
	return true;
}

/* --- counts ---------------------------------------------------------------------------- */

struct count {
	bool known;
	bool immortal;
	int64_t n;
};

static struct count count_now(const struct described_action *a, uintptr_t object)
{
	const struct ouro_type *t = &a->of->d->type[a->rule->type];
	uint64_t (*by)(uintptr_t) = a->of->count_by[a->rule->type];
	struct count c = { 0 };

	if (t->count.at.from) {
		c.known = field(&t->count, object, &c.n);
	} else if (by) {
		c.known = true;
		c.n = (int32_t)by(object);
	}
	for (unsigned i = 0; c.known && i < t->immortals; i++)
		c.immortal |= c.n == t->immortal[i];
	c.n += t->count.plus;
	return c;
}

static uint64_t count_told(const struct count *c, int64_t change)
{
	return c->known ? (uint64_t)(c->n + change) : OURO_COUNT_UNKNOWN;
}

/* --- types ----------------------------------------------------------------------------- */

/*
 * Names found in objects: they stand in few places, so a place is asked for its number.
 * Who finds no row, or one that is not filled in yet, defines the type once more.
 */
enum { PLACES = 1024, PLACES_TRIED = 8, NAME_MAX_LENGTH = 200 };
static struct {
	uintptr_t key;
	uint32_t type;
} places[PLACES];

static uint32_t type_of_text(const struct described *of, uintptr_t text)
{
	uintptr_t key = text ^ (uintptr_t)of->number << 56;
	unsigned at = (unsigned)((key * 0x9e3779b97f4a7c15u) >> 48), i;
	uintptr_t page = text & ~(uintptr_t)4095;
	size_t room, n;
	uint32_t type;

	for (i = 0; i < PLACES_TRIED; i++) {
		uintptr_t k = __atomic_load_n(&places[(at + i) % PLACES].key, __ATOMIC_ACQUIRE);

		type = __atomic_load_n(&places[(at + i) % PLACES].type, __ATOMIC_RELAXED);
		if (k == key && type)
			return type;
		if (!k)
			break;
	}
	if (!is_address(text) || !bounds_readable(text & ~(uintptr_t)7))
		return 0;
	room = page + 4096 - text;
	if (room < NAME_MAX_LENGTH && bounds_readable(page + 4096))
		room = NAME_MAX_LENGTH;
	n = strnlen((const char *)text, room < NAME_MAX_LENGTH ? room : NAME_MAX_LENGTH);
	type = n ? described_type(of, (const char *)text, n) : 0;
	if (type && i < PLACES_TRIED) {
		uintptr_t none = 0;

		if (__atomic_compare_exchange_n(&places[(at + i) % PLACES].key, &none, key, false,
						__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			__atomic_store_n(&places[(at + i) % PLACES].type, type, __ATOMIC_RELAXED);
	}
	return type;
}

static uint32_t type_of_number(const struct described *of, const struct ouro_type *t, int64_t n)
{
	for (uint32_t i = t->name_first; i < t->name_first + t->names; i++) {
		uint32_t *type = (uint32_t *)&of->name_type[i], id;
		struct ouro_word name = of->d->type_name[i].name;

		if (of->d->type_name[i].number != n)
			continue;
		id = __atomic_load_n(type, __ATOMIC_RELAXED);
		if (!id) {
			id = described_type(of, name.s, name.n);
			__atomic_store_n(type, id, __ATOMIC_RELAXED);
		}
		return id;
	}
	return 0;
}

static uint32_t type_of(const struct described_action *a, uintptr_t object)
{
	const struct ouro_type *t = &a->of->d->type[a->rule->type];
	uint32_t type = 0;
	uintptr_t text;
	int64_t n;

	if (t->string.from && follow_proven(&t->string, object, t->string.steps, &text))
		type = type_of_text(a->of, text);
	else if (t->number.at.from && field(&t->number, object, &n))
		type = type_of_number(a->of, t, n);
	return type ? type : a->type;
}

/* --- births ---------------------------------------------------------------------------- */

/*
 * One constructor calls another, both are described, and both return the object: the inner
 * one told it.  So a thread remembers what it told last, and who returns looks whether it
 * was told while he ran.
 */
enum { TOLD = 64 };
struct told {
	uint64_t n;
	uintptr_t object[TOLD];
};

static struct told *told(void)
{
	struct thr *t = thr_self;

	if (t && !t->described)
		t->described = keep(sizeof(struct told));
	return t ? t->described : NULL;
}

/* What is told from here on comes after this. */
static uint64_t mark_now(uintptr_t frame)
{
	const struct told *t;
	struct guard g;

	/* The first event of this thread: it may get what another one, now gone, remembered. */
	if (!thr_self && guard_enter(&g, frame))
		guard_leave(&g);
	t = told();
	return t ? t->n : UINT64_MAX;
}

static bool told_since(uint64_t mark, uintptr_t object)
{
	const struct told *t = told();
	uint64_t n = t ? t->n : 0;

	for (uint64_t i = 0; i < TOLD && i < n && n - i > mark; i++)
		if (t->object[(n - 1 - i) % TOLD] == object)
			return true;
	return false;
}

static void remember(uintptr_t object)
{
	struct told *t = told();

	if (t)
		t->object[t->n++ % TOLD] = object;
}

/*
 * Objects that functions return that may also return one that is there already: those that
 * were told and not ended.  A row is taken and given back by its address; when none is free
 * near where it should be, the object is not known, and is told once more.
 *
 * Addresses spread over the table by their middle bits, so few rows have to be looked at.
 */
enum { KNOWN = 1 << 15, KNOWN_TRIED = 32 };
static uintptr_t known[KNOWN];

static bool known_swap(uintptr_t object, uintptr_t from, uintptr_t to)
{
	unsigned at = (unsigned)(object * 0x9e3779b97f4a7c15u >> 40);

	for (unsigned i = at; i < at + KNOWN_TRIED; i++) {
		uintptr_t expected = from;

		if (__atomic_load_n(&known[i % KNOWN], __ATOMIC_RELAXED) == from &&
		    __atomic_compare_exchange_n(&known[i % KNOWN], &expected, to, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

static bool is_known(uintptr_t object)
{
	return known_swap(object, object, object);
}

static void know(uintptr_t object)
{
	if (!is_known(object))
		known_swap(object, 0, object);
}

/* --- what a call means ----------------------------------------------------------------- */

#define CALLER_OF(f) (f)->ip, (uintptr_t)(f)->stack, (f)->bp

static void created(const struct described_action *a, const struct trampoline_call *c,
		    const struct trampoline_frame *f, uintptr_t object)
{
	struct count count = count_now(a, object);
	const struct ouro_type *t = &a->of->d->type[a->rule->type];
	uint64_t begins = count.known && count.n > 0 ? (uint64_t)count.n : 1;

	if (count.immortal || told_since(c->mark, object))
		return;
	if (t->shared && !(count.known && count.n == 1) && is_known(object)) {
		counted_incref(object, count_told(&count, 0), CALLER_OF(f));
		return;
	}
	counted_birth(object, type_of(a, object), a->of->d->counted ? begins : 0, CALLER_OF(f));
	remember(object);
	if (t->shared)
		know(object);
}

static void died(const struct described_action *a, const struct trampoline_frame *f,
		 uintptr_t object)
{
	counted_death(object, CALLER_OF(f));
	if (a->of->d->type[a->rule->type].shared)
		known_swap(object, object, 0);
}

enum { TIMES_MOST = 1000 };

static int64_t times(const struct described_action *a, const struct trampoline_call *c)
{
	int64_t n = a->rule->count;

	if (a->rule->times.from)
		n = (int32_t)value_at(&a->rule->times, c);
	return n < 0 ? 0 : n < TIMES_MOST ? n : TIMES_MOST;
}

static void retained(const struct described_action *a, const struct trampoline_call *c,
		     const struct trampoline_frame *f, uintptr_t object)
{
	struct count count = count_now(a, object);
	int64_t n = times(a, c), before = a->rule->object.after ? n : 0;

	for (int64_t i = 1; i <= n && !count.immortal; i++)
		counted_incref(object, count_told(&count, i - before), CALLER_OF(f));
	/* Perhaps by who returns it out of a cache: told once is enough. */
	if (a->of->d->type[a->rule->type].shared)
		remember(object);
}

static void released(const struct described_action *a, const struct trampoline_call *c,
		     const struct trampoline_frame *f, uintptr_t object)
{
	struct count count = count_now(a, object);
	int64_t n = times(a, c), before = a->rule->object.after ? n : 0;

	for (int64_t i = 1; i <= n && !count.immortal; i++)
		counted_decref(object, count_told(&count, before - i), CALLER_OF(f));
	/* Who has no function of its own for the end, ends with its count. */
	if (count.known && !count.immortal && n && count.n + before == n &&
	    !a->of->d->type[a->rule->type].destroyed)
		died(a, f, object);
}

static void act(const struct described_action *a, const struct trampoline_call *c,
		const struct trampoline_frame *f)
{
	uintptr_t object = value_at(&a->rule->object, c), held = 0;

	if (!is_address(object))
		return;
	if (a->rule->held.from)
		held = value_at(&a->rule->held, c);
	switch ((enum ouro_role)a->rule->role) {
	case OURO_ROLE_CREATE:
		created(a, c, f, object);
		break;
	case OURO_ROLE_RETAIN:
		retained(a, c, f, object);
		break;
	case OURO_ROLE_RELEASE:
		released(a, c, f, object);
		break;
	case OURO_ROLE_DESTROY:
		died(a, f, object);
		break;
	case OURO_ROLE_HOLD:
		if (is_address(held))
			counted_edge(object, held, a->as, OURO_HOLD_OWNED, CALLER_OF(f));
		break;
	case OURO_ROLE_UNHOLD:
		if (is_address(held))
			counted_unedge(object, held, CALLER_OF(f));
		break;
	case OURO_ROLE_WEAK:
		counted_note(object, OURO_REFERENCE_WEAK_ADD, held, CALLER_OF(f));
		break;
	case OURO_ROLE_UNWEAK:
		counted_note(object, OURO_REFERENCE_WEAK_REMOVE, held, CALLER_OF(f));
		break;
	}
}

/* Results of conditions are ints. */
static bool applies(const struct ouro_rule *r, int32_t result)
{
	switch ((enum ouro_when)r->when) {
	case OURO_WHEN_ALWAYS: return true;
	case OURO_WHEN_EQUAL:  return result == r->when_than;
	case OURO_WHEN_NOT:    return result != r->when_than;
	case OURO_WHEN_LEAST:  return result >= r->when_than;
	case OURO_WHEN_MOST:   return result <= r->when_than;
	case OURO_WHEN_ABOVE:  return result > r->when_than;
	case OURO_WHEN_BELOW:  return result < r->when_than;
	}
	return false;
}

/* Words of the caller's stack that can be read: all, but where it may end before. */
static uint64_t words_of(const struct trampoline_frame *f)
{
	uintptr_t from = (uintptr_t)f->stack, next = (from | 4095) + 1;

	if (next - from >= CALL_STACK || bounds_readable(next))
		return CALL_STACK / 8;
	return (next - from) / 8;
}

static bool is_recording(void)
{
	return __atomic_load_n(&recording, __ATOMIC_RELAXED);
}

void *trampoline_enter(struct trampoline_call *c, uint64_t number, struct trampoline_frame *f)
{
	const struct described_hook *h = &described_hook[number];

	c->follow = 0;
	if (!is_recording())
		return h->original;
	for (unsigned i = 0; i < h->actions; i++)
		if (!h->action[i].rule->object.after)
			act(&h->action[i], c, f);
	if (h->follow) {
		c->mark = mark_now((uintptr_t)f);
		c->follow = 1 + words_of(f);
	}
	return h->original;
}

void trampoline_leave(struct trampoline_call *c, uint64_t number, struct trampoline_frame *f)
{
	const struct described_hook *h = &described_hook[number];

	for (unsigned i = 0; i < h->actions && is_recording(); i++)
		if (h->action[i].rule->object.after &&
		    applies(h->action[i].rule, (int32_t)c->regs[0]))
			act(&h->action[i], c, f);
}
