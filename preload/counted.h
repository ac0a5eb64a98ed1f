/*
 * counted.h - objects whose references are counted by calls of functions
 *
 * What is common to the hooks of such runtimes: GObject and GStreamer, those of
 * description files, programs that report by ouro/hooks.h.  Each call here is one
 * record with its stack; nothing is done when recording is off or this thread is in a
 * hook already.  errno stays as it was.
 *
 * Order.  A death is told before the memory is given back, a birth after it was
 * taken, an incref after it was done, a decref before: it may be the end of the object,
 * and what that sets off comes after it.  So while the last decref of an object runs,
 * its count in memory is one too high, and counts are corrected by counted_ending.
 *
 * Counts are what the hook read before (less 1) or after the change.  With several
 * threads at one count these can be off by what the others did in between; the number
 * of records never is.
 */
#ifndef COUNTED_H
#define COUNTED_H

#include "events.h"
#include "runtime.h"

#include <ouro/define.h>

/*
 * The caller of the hook that this stands in, in three words (see event_at): the first frame
 * of the stack is where the program called the function that was hooked.
 */
#define COUNTED_CALLER (uintptr_t)__builtin_return_address(0), \
	(uintptr_t)__builtin_frame_address(0) + 16, \
	*(uintptr_t *)__builtin_frame_address(0)
#define COUNTED_PARAMS uintptr_t ip, uintptr_t sp, uintptr_t bp

/* count: when not 1, it is told apart; 0: references of this object are not told. */
void counted_birth(uintptr_t object, uint32_t type, uint64_t count, COUNTED_PARAMS);
void counted_death(uintptr_t object, COUNTED_PARAMS);

void counted_incref(uintptr_t object, uint64_t count, COUNTED_PARAMS);
void counted_decref(uintptr_t object, uint64_t count, COUNTED_PARAMS);

/* Without a stack when ip is 0. */
void counted_note(uintptr_t object, enum ouro_reference what, uint64_t operand, COUNTED_PARAMS);
void counted_edge(uintptr_t holder, uintptr_t held, uint32_t name, enum ouro_hold hold,
	COUNTED_PARAMS);
void counted_unedge(uintptr_t holder, uintptr_t held, COUNTED_PARAMS);

/*
 * Around a constructor that may count before it returns the object.  Once it is told
 * what memory the object will be in, the first record about that brings the birth before
 * it.  All three in one hook, with its COUNTED_CALLER, so its frame; `count` is what a birth is told with.
 */
void counted_making(uint32_t type, uint64_t count, COUNTED_PARAMS);
void counted_making_in(uintptr_t block, size_t bytes);		/* for the innermost */
void counted_made(uintptr_t object, uint64_t count, COUNTED_PARAMS);	/* 0: it failed */

/*
 * Around the call that may be the end of an object, after its decref to 0; when it was
 * not, the second one says that the object was revived.
 */
enum counted_ending {
	COUNTED_ENDING_HELD,		/* memory has a count of 1 until the end          */
	COUNTED_ENDING_DROPPED,		/* ... of 0 from the start                        */
	COUNTED_ENDING_TOLD,		/* there is no way back: its death is told here, and no more of it */
};
void counted_ending(uintptr_t object, enum counted_ending how, COUNTED_PARAMS);
void counted_ended(uintptr_t object, COUNTED_PARAMS);

/* A block is given back: is it that of an object at its end?  Then that is its death. */
void counted_freed(uintptr_t block, COUNTED_PARAMS);
bool counted_any_ending(void);		/* else there is no need to ask              */

/* A few words of this thread's, 0 at first, for what a hook wants to know of one that runs in it. */
enum { COUNTED_SCRATCH = 4 };
uintptr_t *counted_scratch(void);	/* NULL: no events yet                       */

#endif
