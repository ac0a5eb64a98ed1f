/*
 * sample.h - record an allocation now and then, and follow what was picked
 *
 * A block of `size` bytes is picked with probability 1 - exp(-size / sample):
 * each thread counts bytes down from a gap drawn from the exponential
 * distribution.  Gaps have no memory, so what is counted down and then not
 * recorded does no harm.  Block of size 0 counts as one byte.  Not picked costs
 * a comparison and a subtraction; no clock, no stack, no guard.
 *
 * The addresses of what was picked are kept until they are given back.  For
 * every free a count by page says whether there is any; then the set is asked.
 * The count also says so for an object that begins a little behind its block.
 *
 * An interpreter's small blocks have a count down of their own.  It also ends the
 * turns of a window, SAMPLE_TURNS of them between two samples: in each turn that is open
 * with the odds of one in SAMPLE_WINDOWS, whatever the program does.  Objects that are
 * made of memory that was kept, which nobody takes from the allocator, are only seen by
 * looking at each birth.  That is done while the window is open, and that many
 * times as many are picked then.
 *
 *             written by                read by     ordered by
 *   pages     whoever follows/forgets   any thread  nothing: who gives a block back got it
 *   sets      the same, slot by CAS     any thread  from whoever followed it
 *   window    whose count down ended    any thread  nothing: the interpreter's lock, if it has one
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "thr.h"

#include <stddef.h>

extern HIDDEN bool sampling;

void sample_setup(uint64_t bytes);	/* 0: everything is recorded                 */
void sample_forked(void);		/* nothing is followed in the child          */

/* Bytes to this thread's next sample, or on the way to it; 0: it has drawn none yet. */
extern HIDDEN __thread uint32_t sample_left __attribute__((tls_model("initial-exec")));

bool sample_due(size_t size);

/* Is this one to be recorded?  Ask once for each block, with its size. */
static inline bool sample_picks(size_t size)
{
	size += !size;
	if (__builtin_expect(size >= sample_left, 0))
		return sample_due(size);
	sample_left -= size;
	return false;
}

enum { SAMPLE_TURNS = 64, SAMPLE_WINDOWS = 16 };
extern HIDDEN __thread uint32_t sample_pool_left __attribute__((tls_model("initial-exec")));
extern HIDDEN bool sample_window;	/* always open where samples are not rare        */
void sample_listen_always(void);	/* ... or so                                    */

bool sample_pool_due(size_t size);

/* The same for a small block of a pool. */
static inline bool sample_pool_picks(size_t size)
{
	if (__builtin_expect(size >= sample_pool_left, 0))
		return sample_pool_due(size);
	sample_pool_left -= size;
	return false;
}

/* ... and for an object of this size in memory that was kept; while the window is open. */
bool sample_kept_picks(size_t size);

/* From now on its end is to be recorded, too; false: no room, do not record it. */
bool sample_follow(uintptr_t addr);

#define SAMPLE_PAGES 65536
#define SAMPLE_OBJECT 32		/* bytes before an object, at most               */
extern HIDDEN uint16_t sample_page[SAMPLE_PAGES];

static inline bool sample_maybe(uintptr_t addr)
{
	return __atomic_load_n(&sample_page[(addr >> 12) % SAMPLE_PAGES], __ATOMIC_RELAXED);
}

bool sample_has_followed(uintptr_t addr);
bool sample_forget_followed(uintptr_t addr);

static inline bool sample_has(uintptr_t addr)
{
	return sample_maybe(addr) && sample_has_followed(addr);
}

/* Was it followed?  It is no longer. */
static inline bool sample_forget(uintptr_t addr)
{
	return sample_maybe(addr) && sample_forget_followed(addr);
}

#endif
