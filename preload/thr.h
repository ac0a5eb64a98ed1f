/*
 * thr.h - what ouro keeps for a thread, and the guard around every hook
 *
 * The program's thread-local storage is touched for one pointer; the rest is
 * memory of our own, taken at a thread's first event and handed to the next
 * new thread once its owner is gone.
 *
 *                 written by       read by
 *   owner         its thread       whoever looks for an unowned block
 *   all else      its thread       its thread
 */
#ifndef THR_H
#define THR_H

#include "hidden.h"
#include "unwind.h"

#include <errno.h>
#include <ouro/record.h>
#include <ouro/trace.h>
#include <stdbool.h>

/* The interpreter frames of a thread, as the runtime last found them; outermost first. */
struct interp_stack {
	uint32_t n, kept;		/* frames; those unchanged since the last take   */
	uint32_t *loc;			/* locations, INTERP_MAX of them                 */
	void *state;			/* the runtime's own, INTERP_STATE bytes, zeroed at first */
	bool cut;
};
#define INTERP_MAX	4096		/* frames; outer ones are cut: OURO_LOC_CUT stands first */
#define INTERP_STATE	(INTERP_MAX * 32)

/* A list of locations as it was last written, and how much of it still stands. */
struct written {
	uint32_t n;			/* locations                                     */
	uint32_t same;			/* ... of them those that the current stack has too */
	uint32_t mark;			/* native: the first is OURO_LOC_CUT or _LOST; 0 */
};

/*
 * The last two events, where one function took a reference and gave it back: if it does so
 * again, that is not written but counted (event_repeated).
 */
struct event_pair {
	const uint8_t *last;		/* the stream's last record, as long as nothing else was written */
	uint8_t *repeats;		/* that is a REPEAT, whose number is here; NULL: it is none yet */
	uintptr_t addr;			/* the object; 0: there is no such pair         */
	uint64_t count;			/* with the reference                           */
	uintptr_t ip[2];		/* where it is taken, and given back            */
	unsigned turn;			/* which of ip[] comes next                     */
};

/* What the events of one stream are written with: events.c's. */
struct event_writer {
	struct ouro_chunk *chunk;	/* live chunk, mapped; NULL: none could be had   */
	uint8_t *at, *end;		/* next byte, end of room                        */
	uint8_t *last;			/* start of the last record, NULL: none in chunk */
	uint64_t ticks, addr;		/* of the last record                            */
	struct written native, interp;
	struct event_pair pair;
	struct ouro_recent recent;	/* as a reader of the chunk has it               */
	uint32_t lost;			/* since the last record that could be written   */
	uint32_t stacks, cut, full, interp_cut;	/* statistics not yet in the header      */
};

struct thr {
	struct thr *next;		/* all blocks, never unlinked                    */
	uint32_t owner;			/* kernel tid; 0: free to take                   */
	uint32_t thread;		/* number in the trace                           */
	uint32_t stream;
	uintptr_t inside;		/* stack address of the hook that runs, 0: none  */
	uint64_t sample_seed;		/* sample.c's: of its gaps; 0: none drawn yet */
	bool sample_far;		/* ... there is none at the end of sample_left */
	uint64_t sample_kept_left;	/* ... bytes of objects in kept memory       */
	uint64_t sample_behind;		/* ... bytes from the end of sample_pool_left to the sample */
	uintptr_t sample_passed;	/* pool block last taken and not picked, until its object is born */
	uint8_t asked;			/* enum ouro_cause: why the next collection starts, when */
					/* somebody asked for it; collector.c's      */
	unsigned pool_depth;		/* inside a runtime's own allocator: its mallocs are its affair */
	bool pool_asked;		/* ... and it made some since the last POOL event    */
	struct event_writer out;
	struct ring_stream *ring;	/* mode ring: how far it was taken back; ring.c's */
	struct unwind *unwind;
	struct interp_stack interp;
	void *proof;			/* proof.c's                                     */
	struct counted_thread *counted;	/* counted.c's                                   */
	void *described;		/* described_call.c's                        */
	uint32_t epoch;			/* of the process: differs after fork            */
	int *error;			/* its errno                                     */
};

#define COUNTED_THREAD	2560		/* bytes of it                                   */

extern HIDDEN __thread struct thr *thr_self __attribute__((tls_model("initial-exec")));

/* Proof of being inside a hook: what writes events asks for one. */
struct guard {
	struct thr *t;
	int saved_errno;
};

extern HIDDEN bool thr_several;	/* a second thread has come, ever: set before its first event */

extern HIDDEN int recording;	/* 0: every hook forwards and does nothing else */
void go_inert(const char *why);		/* for good; the trace says why; any thread */

/*
 * Never 0 in the process that set it up, 0 in a child that has not noticed yet
 * that it is one, whatever call made it: the page is wiped at fork.  A child
 * that shares the memory (vfork) shares the page, too, and is the parent.
 */
extern HIDDEN const volatile uint32_t *process_epoch;

/*
 * False: do not record (not started, inert, no memory, or we are our own
 * caller; the last is counted).  The guard remembers the hook's stack
 * address, so that one left behind by siglongjmp is seen to be stale.
 */
bool guard_enter_slowly(struct guard *g, uintptr_t frame);

static inline bool guard_enter(struct guard *g, uintptr_t frame)
{
	struct thr *t = thr_self;

	if (!__atomic_load_n(&recording, __ATOMIC_RELAXED))
		return false;
	if (__builtin_expect(!t || t->inside || t->epoch != *process_epoch, 0))
		return guard_enter_slowly(g, frame);
	/* A signal handler that comes now sees either state whole. */
	t->inside = frame;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	g->t = t;
	g->saved_errno = *t->error;
	return true;
}

/*
 * This thread, where guard_enter would take no detour; NULL elsewhere.  For hooks that look
 * or take a note, write no event and leave errno alone.
 */
static inline struct thr *thr_here(void)
{
	struct thr *t = thr_self;

	return __builtin_expect(t && __atomic_load_n(&recording, __ATOMIC_RELAXED) && !t->inside
		&& t->epoch == *process_epoch, 1) ? t : NULL;
}

static inline void guard_leave(struct guard *g)
{
	struct thr *t = g->t;

	*t->error = g->saved_errno;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	t->inside = 0;
}
#define GUARD_ENTER(g) guard_enter(g, (uintptr_t)__builtin_frame_address(0))

/* All blocks, newest first, for who has the process to himself or reads statistics. */
struct thr *thr_all(void);

/* In a forked child: the other threads are gone, this one starts over in a new trace. */
void thr_forked(uint32_t epoch);

#endif
