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
	uintptr_t scratch[COUNTED_SCRATCH];
	struct making making[MAKING];	/* the i-th at i % MAKING                    */
	struct {
		uintptr_t object;	/* 0: its death was told                     */
		enum counted_ending how;
	} ending[ENDING];
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

/*
 * In memory, an object whose last reference is being taken away may still have it.
 * False: it is dead already.
 */
static __attribute__((noinline)) bool look_for_ending(const struct counted_thread *own,
	uintptr_t object, uint64_t *count)
{
	for (unsigned i = 0; i < ENDING && i < own->endings; i++) {
		unsigned at = (own->endings - 1 - i) % ENDING;

		if (own->ending[at].object != object)
			continue;
		if (own->ending[at].how == COUNTED_ENDING_TOLD)
			return false;
		*count -= own->ending[at].how == COUNTED_ENDING_HELD && *count;
	}
	return true;
}

static inline __attribute__((always_inline)) void change(enum ouro_kind kind,
	uintptr_t object, uint64_t count, COUNTED_PARAMS)
{
	struct guard g;

	if (!enter(&g, sp))
		return;
	before_record(&g, object);
	if (__builtin_expect(g.t->counted->endings, 0)
	    && !look_for_ending(g.t->counted, object, &count))
		goto leave;
	if (event_repeated(g.t, kind, object, count, ip, sp, bp))
		goto leave;
	if (kind == OURO_DECREF)
		event_given_back(&g, object, count, ip, sp, bp);
	else
		event_from(&g, kind, object, count, ip, sp, bp);
leave:
	guard_leave(&g);
}

void counted_incref(uintptr_t object, uint64_t count, COUNTED_PARAMS)
{
	change(OURO_INCREF, object, count, ip, sp, bp);
}

void counted_decref(uintptr_t object, uint64_t count, COUNTED_PARAMS)
{
	change(OURO_DECREF, object, count, ip, sp, bp);
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

static void death(struct guard *g, uintptr_t object)
{
	before_record(g, object);
	g->t->pool_asked = true;
	event(g, OURO_DEATH, object, 0);
}

void counted_ending(uintptr_t object, enum counted_ending how, COUNTED_PARAMS)
{
	struct counted_thread *own;
	struct guard g;
	unsigned at;

	if (!enter(&g, sp))
		return;
	own = g.t->counted;
	at = own->endings++ % ENDING;
	own->ending[at].object = object;
	own->ending[at].how = how;
	if (how == COUNTED_ENDING_TOLD)
		death(&g, object);
	guard_leave(&g);
}

void counted_ended(uintptr_t object, COUNTED_PARAMS)
{
	const uint64_t args[] = { OURO_REFERENCE_REVIVED, 0 };
	struct counted_thread *own;
	struct guard g;
	unsigned at;

	if (!enter(&g, sp))
		return;
	own = g.t->counted;
	at = (own->endings - 1) % ENDING;
	if (own->endings && own->endings-- && own->ending[at].object == object
	    && own->ending[at].how != COUNTED_ENDING_TOLD)
		event_ext_from(&g, OURO_EXT_REFERENCE, object, args, 2, 0, 0, 0);
	guard_leave(&g);
}

/* True: it was there. */
static bool forget_ending(struct counted_thread *own, uintptr_t object)
{
	bool found = false;

	for (unsigned i = 0; i < ENDING && i < own->endings; i++) {
		unsigned at = (own->endings - 1 - i) % ENDING;

		if (own->ending[at].object != object || own->ending[at].how == COUNTED_ENDING_TOLD)
			continue;
		own->ending[at].object = 0;
		found = true;
	}
	return found;
}

void counted_death(uintptr_t object, COUNTED_PARAMS)
{
	struct guard g;

	if (!enter(&g, sp))
		return;
	forget_ending(g.t->counted, object);
	death(&g, object);
	guard_leave(&g);
}

bool counted_any_ending(void)
{
	const struct thr *t = thr_self;

	return t && t->counted->endings;
}

void counted_freed(uintptr_t block, COUNTED_PARAMS)
{
	struct guard g;

	if (!enter(&g, sp))
		return;
	if (forget_ending(g.t->counted, block))
		death(&g, block);
	guard_leave(&g);
}

uintptr_t *counted_scratch(void)
{
	struct thr *t = thr_self;

	return t ? t->counted->scratch : NULL;
}
