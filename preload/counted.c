#include "counted.h"

#include "sample.h"
#include "thr.h"

/* An object that is being made by a call that runs in this thread. */
struct making {
	uintptr_t ip, sp, bp;		/* who made that call                        */
	uintptr_t block, end;		/* the object is in here; 0: not known yet   */
	uint32_t type;
	uint64_t count;			/* told with the birth; it may be told early */
	bool born;
};

/* Of more than these, nested, the outermost are forgotten: then they are told late or not at all. */
enum { MAKING = 16, ENDING = 64 };

struct counted_thread {
	unsigned makings, endings;	/* calls that run now, nested                */
	struct making making[MAKING];	/* the i-th at i % MAKING                    */
	uintptr_t ending[ENDING];	/* objects; 0: its death was told            */
};
static_assert(sizeof(struct counted_thread) <= COUNTED_THREAD, "thr.c makes room for it");

/* Neither do runtimes of this kind know how to be sampled, nor would half of the references help. */
static inline bool enter(struct guard *g, uintptr_t sp)
{
	return !sampling && guard_enter(g, sp - 16);
}

/* --- births -------------------------------------------------------------------------- */

static void birth(struct guard *g, uintptr_t object, uint32_t type, uint64_t count,
	COUNTED_PARAMS)
{
	const uint64_t args[] = { OURO_REFERENCE_COUNT, count };

	g->t->pool_asked = true;	/* no interpreter's lock orders it: its time is to be exact */
	event_from(g, OURO_BIRTH, object, type, ip, sp, bp);
	if (count != 1)
		event_ext_from(g, OURO_EXT_REFERENCE, object, args, 2, 0, 0, 0);
}

/* The object shows up before its constructor is done. */
static __attribute__((noinline)) void look_for_making(struct guard *g, uintptr_t object)
{
	struct counted_thread *own = g->t->counted;
	unsigned n = own->makings;

	for (unsigned i = 0; i < MAKING && i < n; i++) {
		struct making *m = &own->making[(n - 1 - i) % MAKING];

		if (m->born || object < m->block || object >= m->end)
			continue;
		m->born = true;
		birth(g, object, m->type, m->count, m->ip, m->sp, m->bp);
		return;
	}
}

static inline void before_record(struct guard *g, uintptr_t object)
{
	if (__builtin_expect(g->t->counted->makings, 0))
		look_for_making(g, object);
}

void counted_birth(uintptr_t object, uint32_t type, uint64_t count, COUNTED_PARAMS)
{
	struct guard g;

	if (!object || !enter(&g, sp))
		return;
	birth(&g, object, type, count, ip, sp, bp);
	guard_leave(&g);
}

void counted_making(uint32_t type, uint64_t count, COUNTED_PARAMS)
{
	struct counted_thread *own;
	struct guard g;

	if (!enter(&g, sp))
		return;
	own = g.t->counted;
	own->making[own->makings++ % MAKING] = (struct making){ .ip = ip, .sp = sp, .bp = bp,
		.type = type, .count = count };
	guard_leave(&g);
}

void counted_making_in(uintptr_t block, size_t bytes)
{
	struct thr *t = thr_self;
	struct making *m;

	if (!t || !t->counted->makings)
		return;
	m = &t->counted->making[(t->counted->makings - 1) % MAKING];
	m->block = block;
	m->end = block + bytes;
}

/*
 * The call that counted_making was told of is known by its frame: it may have gone
 * unrecorded, and others that were told since may have ended by a long jump.
 */
void counted_made(uintptr_t object, uint64_t count, COUNTED_PARAMS)
{
	struct counted_thread *own;
	struct guard g;

	if (!enter(&g, sp))
		return;
	own = g.t->counted;
	while (own->makings && own->making[(own->makings - 1) % MAKING].sp <= sp) {
		struct making m = own->making[--own->makings % MAKING];

		if (m.sp == sp && object && !m.born)
			birth(&g, object, m.type, count, ip, sp, bp);
	}
	guard_leave(&g);
}

/* --- references ---------------------------------------------------------------------- */

/* In memory, an object whose last reference is being taken away still has it. */
static __attribute__((noinline)) uint64_t less_endings(const struct counted_thread *own,
	uintptr_t object, uint64_t count)
{
	for (unsigned i = 0; i < ENDING && i < own->endings; i++)
		if (own->ending[(own->endings - 1 - i) % ENDING] == object && count)
			count--;
	return count;
}

static inline uint64_t as_told(const struct counted_thread *own, uintptr_t object,
	uint64_t count)
{
	return __builtin_expect(own->endings, 0) ? less_endings(own, object, count) : count;
}

void counted_incref(uintptr_t object, uint64_t count, COUNTED_PARAMS)
{
	struct guard g;

	if (!enter(&g, sp))
		return;
	before_record(&g, object);
	event_from(&g, OURO_INCREF, object, as_told(g.t->counted, object, count), ip, sp, bp);
	guard_leave(&g);
}

void counted_decref(uintptr_t object, uint64_t count, COUNTED_PARAMS)
{
	struct guard g;

	if (!enter(&g, sp))
		return;
	before_record(&g, object);
	event_from(&g, OURO_DECREF, object, as_told(g.t->counted, object, count), ip, sp, bp);
	guard_leave(&g);
}

void counted_note(uintptr_t object, enum ouro_reference what, uint64_t operand, COUNTED_PARAMS)
{
	const uint64_t args[] = { what, operand };
	struct guard g;

	if (!enter(&g, sp))
		return;
	before_record(&g, object);
	event_ext_from(&g, OURO_EXT_REFERENCE, object, args, 2, ip, sp, bp);
	guard_leave(&g);
}

void counted_edge(uintptr_t holder, uintptr_t held, uint32_t name, enum ouro_hold hold,
	COUNTED_PARAMS)
{
	const uint64_t args[] = { held / 8, name, hold };
	struct guard g;

	if (!enter(&g, sp))
		return;
	before_record(&g, holder);
	event_ext_from(&g, OURO_EXT_EDGE, holder, args, 3, ip, sp, bp);
	guard_leave(&g);
}

void counted_unedge(uintptr_t holder, uintptr_t held, COUNTED_PARAMS)
{
	const uint64_t args[] = { held / 8 };
	struct guard g;

	if (!enter(&g, sp))
		return;
	event_ext_from(&g, OURO_EXT_UNEDGE, holder, args, 1, ip, sp, bp);
	guard_leave(&g);
}

/* --- ends ---------------------------------------------------------------------------- */

void counted_ending(uintptr_t object, COUNTED_PARAMS)
{
	struct counted_thread *own;
	struct guard g;

	if (!enter(&g, sp))
		return;
	own = g.t->counted;
	own->ending[own->endings++ % ENDING] = object;
	guard_leave(&g);
}

void counted_ended(uintptr_t object, COUNTED_PARAMS)
{
	const uint64_t args[] = { OURO_REFERENCE_REVIVED, 0 };
	struct counted_thread *own;
	struct guard g;

	if (!enter(&g, sp))
		return;
	own = g.t->counted;
	if (own->endings && own->ending[--own->endings % ENDING] == object)
		event_ext_from(&g, OURO_EXT_REFERENCE, object, args, 2, 0, 0, 0);
	guard_leave(&g);
}

void counted_death(uintptr_t object, COUNTED_PARAMS)
{
	struct counted_thread *own;
	struct guard g;

	if (!enter(&g, sp))
		return;
	own = g.t->counted;
	for (unsigned i = 0; i < ENDING && i < own->endings; i++) {
		uintptr_t *e = &own->ending[(own->endings - 1 - i) % ENDING];

		if (*e == object)
			*e = 0;
	}
	before_record(&g, object);
	g.t->pool_asked = true;
	event(&g, OURO_DEATH, object, 0);
	guard_leave(&g);
}
