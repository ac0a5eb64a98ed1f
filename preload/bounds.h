/*
 * bounds.h - how far up a stack may be read without ever faulting
 *
 * A thread's own stack is proven page by page once, from its innermost frame ever seen up
 * to its end, and stays good: it can't go while its thread runs.  Any other stack (of a
 * coroutine, a signal) may be unmapped behind our back between two captures, so of those
 * only what was proven during this capture is read.
 *
 * The proof of a page is a system call that reads 8 bytes there and then fails for another
 * reason.  A page next to a good one of the same stack needs none.
 */
#ifndef BOUNDS_H
#define BOUNDS_H

#include <stdbool.h>
#include <stdint.h>

struct bounds {
	uintptr_t thread;		/* thread pointer of the owner                      */
	uintptr_t own_lo, own_hi;	/* the thread's own stack as far as proven; 0, 0: not yet */
	uintptr_t hole;			/* no own stack at or below this                    */
};

/* What may be read around one stack pointer: [lo, hi). */
struct span {
	uintptr_t lo, hi;
	bool own;			/* hi is final                                      */
};

/* Once, on the main thread. */
void bounds_setup(void);

void bounds_init(struct bounds *b, uintptr_t thread_pointer);

/* A live stack pointer: what is at it or, at the end of a stack, just below it is mapped. */
void bounds_enter_slow(struct bounds *b, uintptr_t sp, struct span *ret_span);

/* Any address: is what it points to readable now? */
bool bounds_readable(uintptr_t addr);

/* Makes hi at least end, a page at a time.  False: it can't be had. */
bool bounds_reach_slow(struct span *s, uintptr_t end);

/*
 * What is there; it must have been proven.  A sanitizer would hold it against us that we
 * look at other functions' frames.
 */
static inline __attribute__((no_sanitize("address"))) uintptr_t bounds_word(uintptr_t addr)
{
	return *(const uintptr_t *)addr;
}

static inline void bounds_enter(struct bounds *b, uintptr_t sp, struct span *ret_span)
{
	if (sp - b->own_lo < b->own_hi - b->own_lo)
		*ret_span = (struct span){ b->own_lo, b->own_hi, true };
	else
		bounds_enter_slow(b, sp, ret_span);
}

static inline bool bounds_reach(struct span *s, uintptr_t end)
{
	return __builtin_expect(end <= s->hi, 1) || bounds_reach_slow(s, end);
}

#endif
