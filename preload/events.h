/*
 * events.h - write what happened into this thread's stream (ouro/record.h)
 *
 * Stamp deaths before the memory is given back, and births after it was
 * taken: so an address is never seen alive twice.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include "thr.h"

#include <ouro/record.h>

/* Where the program called the hook: the state after the hook returns. */
struct caller {
	uintptr_t ip, sp, bp;
};
/* In a hook itself (interposed or entered by a detour), never in what it calls. */
#define CALLER() ((struct caller){ \
	(uintptr_t)__builtin_return_address(0), \
	(uintptr_t)__builtin_frame_address(0) + 16, \
	*(uintptr_t *)__builtin_frame_address(0) })

/* An event without a stack; one with. */
void event(struct guard *g, enum ouro_kind kind, uintptr_t addr, uint64_t arg);
void event_from(struct guard *g, enum ouro_kind kind, uintptr_t addr, uint64_t arg,
	uintptr_t ip, uintptr_t sp, uintptr_t bp);

/*
 * By registers: a struct of three words goes through memory, and what was
 * stored there by words is read by pairs, which must wait for the stores.
 */
static inline __attribute__((always_inline)) void event_at(struct guard *g,
	enum ouro_kind kind, uintptr_t addr, uint64_t arg, struct caller caller)
{
	event_from(g, kind, addr, arg, caller.ip, caller.sp, caller.bp);
}

/*
 * INCREF or DECREF.  Where a function takes a reference and gives it back, again and again, its
 * stack proven to be the same, event_repeated does it for a fraction of the price, by a REPEAT;
 * false: nothing was done.  event_given_back is event_from for a DECREF, and sees such pairs.
 */
static inline bool event_repeated(struct thr *t, enum ouro_kind kind, uintptr_t addr,
	uint64_t arg, uintptr_t ip, uintptr_t sp, uintptr_t bp);
void event_given_back(struct guard *g, uintptr_t addr, uint64_t arg, uintptr_t ip,
	uintptr_t sp, uintptr_t bp);

/*
 * The object `op` of `type` was made in the block of the last event_at() of
 * this thread, a POOL_ALLOC: turn that into a POOL_BIRTH.  False when other
 * events came between, or op does not lie within 64 bytes of the block's start: write a BIRTH instead.
 */
bool event_amend_birth(struct guard *g, uintptr_t op, uint32_t type);

/* The same for an EXT that is about an object, with its stack; ip 0: without. */
void event_ext_from(struct guard *g, enum ouro_ext ext, uintptr_t addr, const uint64_t *args,
	unsigned n, uintptr_t ip, uintptr_t sp, uintptr_t bp);

enum { EVENT_EXT_MAX = 16 };		/* numbers of an EXT are fewer               */
void event_ext(struct guard *g, enum ouro_ext ext, const uint64_t *args, unsigned n);
/* Was this the last event that this thread wrote? */
static inline bool event_last_was(const struct thr *t, enum ouro_kind kind, uintptr_t addr)
{
	return t->out.last && t->out.addr == addr && (*t->out.last & 31) == kind;
}

bool event_begin_repeats(struct thr *t);	/* event_repeated's: the first of a record   */

static inline __attribute__((always_inline)) bool event_repeated(struct thr *t,
	enum ouro_kind kind, uintptr_t addr, uint64_t arg, uintptr_t ip, uintptr_t sp, uintptr_t bp)
{
	struct event_pair *pair = &t->out.pair;
	unsigned turn = kind == OURO_DECREF;
	uint8_t *n = pair->repeats;

	if (pair->addr != addr || pair->ip[turn] != ip || pair->turn != turn
	    || pair->count - turn != arg || pair->last != t->out.last
	    || !unwind_stands(t->unwind, sp, bp))
		return false;
	if (__builtin_expect(!n || *n == OURO_REPEATS_MAX, 0))
		return event_begin_repeats(t);
	__atomic_store_n(n, *n + 1, __ATOMIC_RELAXED);
	pair->turn ^= 1;
	t->out.stacks++;
	return true;
}

uint64_t event_ticks(void);		/* the trace's clock, now                    */
void event_thread_start(struct thr *t);	/* its block changed hands: say whose events follow */
void event_statistics(struct thr *t);	/* into the header                           */

#endif
