/*
 * unwind.h - the native stack of the calling thread, in tens of nanoseconds
 *
 * Two ideas.  How to get from a frame to its caller is read from .eh_frame once per
 * address and then kept as one word (rules.h).  And the frames a thread had at its last
 * event are kept together with the memory words that led from one to the next: when a
 * walk meets a frame of that stack in the same state, and those words are unchanged, the
 * rest of the stack is unchanged too, at one comparison per frame.
 *
 * Takes no lock, allocates nothing, cannot fault, may be used anywhere in a program: in
 * signal handlers, in coroutines, inside malloc and the loader.  What can't be unwound is
 * cut, never guessed: see unwind.cut and the counters.
 */
#ifndef UNWIND_H
#define UNWIND_H

#include "bounds.h"
#include "cfi.h"
#include "fullwalk.h"

#define UNWIND_DEPTH 4096		/* frames; of a deeper stack the inner half or more */

#define UNWIND_NEAR 8			/* frames beyond the stored stack that need no further care */

struct unwind_frame {
	uintptr_t ip;			/* return address; interrupted instruction above a signal frame */
	uintptr_t sp;			/* ... as it is when the callee has returned        */
	uintptr_t bp;			/* the walker's, as is the rule                     */
	uint32_t rule;
	uint32_t loc;			/* what loc_of said                                 */
};

/* A word of the stack that led from one frame to the next. */
struct unwind_link {
	uintptr_t slot, value;
};

enum unwind_cut {
	UNWIND_WHOLE,			/* frame 0 is the program's or thread's outermost   */
	UNWIND_TOO_DEEP,		/* outer frames were left out                       */
	UNWIND_LOST,			/* no way on from frame 0: a counter says why       */
};

/* Of one thread; zeroed memory, of which only as much is touched as the stack is deep. */
struct unwind {
	struct unwind_frame *frames;	/* outermost first                                  */
	uint32_t n;			/* of them                                          */
	uint32_t kept;			/* of them unchanged since the previous take        */
	enum unwind_cut cut;

	/* ---- the rest is unwind.c's ---- */
	uint64_t takes, walked;		/* statistics: stacks taken, frames walked for them */
	uint64_t tag;			/* generation of rules that frames and links are of */
	uint32_t fruitless;		/* takes in a row that found little to share        */
	uint32_t plain;			/* takes to come that do not even look for it       */
	bool linked;			/* links tell all that the stack rests on           */
	bool busy;			/* in a take, or one was left by siglongjmp         */
	bool ready;			/* the next take may go on from this one: linked, not busy, ... */
	struct unwind_frame fresh[UNWIND_NEAR];	/* of a take that goes on from the stored stack */
	struct bounds bounds;
	struct fullwalk full;
	struct cfi_work work;
	uint16_t end[UNWIND_DEPTH];	/* links of frames 0 .. i                           */
	struct unwind_link link[2 * UNWIND_DEPTH];
	struct unwind_frame frame[UNWIND_DEPTH];
};
#define UNWIND_SIZE sizeof(struct unwind)

/*
 * Once per process, on the main thread, before any other call.  loc_of names an address;
 * it is asked once per address and generation of modules (more often only when threads
 * race), with return addresses, or with interrupted ones plus 1: so always for the
 * instruction before.  It must keep the promises above itself.  False: no memory.
 */
bool unwind_setup(uint32_t (*loc_of)(uintptr_t ip));

/*
 * Take the stack of this thread from the state (ip, sp, bp), which must be that of a
 * function that is still running: normally by UNWIND_HERE.  Not reentrant per `u`.
 */
void unwind_take(struct unwind *u, uintptr_t ip, uintptr_t sp, uintptr_t bp);

/* The caller of the function this stands in; that function must not be inlined. */
#define UNWIND_HERE(u) unwind_take((u), (uintptr_t)__builtin_return_address(0), \
	(uintptr_t)__builtin_frame_address(0) + 16, \
	*(uintptr_t *)__builtin_frame_address(0))

/*
 * Is the stack that was taken last still there, outside its innermost function, which has sp
 * and bp as it had?  From any address of that function with the same unwind_way, a take would
 * then find the same frames.  False: perhaps; take it.
 */
bool unwind_stands(const struct unwind *u, uintptr_t sp, uintptr_t bp);

/* How the frame that called the hook leads to its caller, at the address it was called from. */
static inline uint32_t unwind_way(const struct unwind *u)
{
	return u->frames[u->n - 1].rule & ~CFI_RULE_LIVE;
}

/* The next take shares nothing with this one. */
void unwind_forget(struct unwind *u);

/* Code was loaded or unloaded: no rule of before is used in takes that start from now on. */
void unwind_modules_changed(void);

/*
 * The same without memory of the last stack, for events inside a take (a signal handler
 * that allocates).  p needs no initialisation.
 */
#define UNWIND_PLAIN_DEPTH 1024
struct unwind_plain {
	struct unwind_frame *frames;	/* outermost first                                  */
	uint32_t n;
	enum unwind_cut cut;
	struct unwind_frame fresh[UNWIND_NEAR];	/* of a take that goes on from the stored stack */
	struct bounds bounds;
	struct fullwalk full;
	struct cfi_work work;
	struct unwind_frame frame[UNWIND_PLAIN_DEPTH];
};
void unwind_take_plain(struct unwind_plain *p, uintptr_t ip, uintptr_t sp, uintptr_t bp);

/* What happened in this process, with relaxed atomics; all but the first three are rare. */
enum unwind_counter {
	UNWIND_RULES_READ,		/* addresses whose unwind information was read      */
	UNWIND_GENERATIONS,		/* changes of modules                               */
	UNWIND_FULL,			/* frames that no rule expresses, walked in full    */
	UNWIND_TABLE_FULL,		/* rules that found no room and will be read again  */
	UNWIND_CUT_DEPTH,		/* stacks cut: deeper than UNWIND_DEPTH             */
	UNWIND_CUT_NO_MODULE,		/* ... at code made at run time                     */
	UNWIND_CUT_NO_ENTRY,		/* ... at code without unwind information           */
	UNWIND_CUT_DAMAGED,		/* ... at unwind information that makes no sense    */
	UNWIND_CUT_BOUNDS,		/* ... where a frame would lie outside its stack    */
	UNWIND_CUT_FULL,		/* ... where even the full walk failed              */
	UNWIND_COUNTERS,
};
extern _Atomic uint64_t unwind_stats[UNWIND_COUNTERS];

static inline void unwind_count(enum unwind_counter which)
{
	__atomic_fetch_add((uint64_t *)&unwind_stats[which], 1, __ATOMIC_RELAXED);
}

#endif
