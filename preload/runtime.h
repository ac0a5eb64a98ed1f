/*
 * runtime.h - the reference-counted runtimes that ouro knows
 *
 * One file (or folder) of preload/ per runtime, its hooks behind this struct,
 * listed in runtime.c.  A runtime names no symbol of what it observes: it asks
 * the loader, and stays dormant where they are absent.  There may be several
 * in a process.
 *
 * One of them can be the interpreter: it has stack frames, pools, a lock and a
 * heap of its own that can be walked.  The others count by calls of functions
 * (counted.h); their objects lie in memory that is searched.
 */
#ifndef RUNTIME_H
#define RUNTIME_H

#include "thr.h"

#include <link.h>
#include <ouro/define.h>
#include <stdbool.h>

struct snapshot;

struct runtime {
	const char *name;

	/* In the library's constructor, one thread, before main.  0: found and hooked,
	 * -ENOENT: not in this process; else a reason was given by define_runtime.
	 * May be NULL. */
	int (*start)(void);

	/*
	 * A library was loaded and nothing of it has run; at start-up once for each
	 * that is there.  It is not relocated when it came later.  Called with the
	 * loader's lock: no lock, no call of the program's.  May be NULL.
	 */
	void (*library)(struct link_map *map);

	/* In a forked child that goes on recording in a trace of its own.  May be NULL. */
	void (*forked)(void);

	/* ---- the rest is for the interpreter ---- */
	bool interpreter;

	/*
	 * A lock sees to it that of all threads that may pass each other POOL
	 * blocks and objects one runs at a time.  (Interpreters with locks of their
	 * own have pools of their own.)
	 */
	bool serial;

	/* Bring s up to date with the frames this thread runs now, outermost first.
	 * Called for every event with a stack: cheap, no lock, no API call that allocates. */
	void (*frames)(struct thr *t, struct interp_stack *s);

	/* May the heap be walked by a child forked at this moment, from this thread? */
	bool (*quiescent)(void);

	/* Ask for `request` to be called soon, in a thread and state where it may; signal-safe. */
	void (*call_soon)(void (*request)(void));

	/*
	 * Has this thread the lock?  In a process made from a core file it can be taken, if no
	 * thread had it: nobody else runs.  NULL: there is none.
	 */
	bool (*attached)(bool take);

	/* In the forked child: write all objects, edges and roots. */
	int (*snapshot)(struct snapshot *s);

	/* ... and afterwards: does this word lead to one of them?  NULL: not known. */
	bool (*has)(uintptr_t word);

	/* ... does this address lie in memory of its allocator, so that it is a block that
	 * the events know, or free?  From `start` on memory can be read.  NULL: not known. */
	bool (*pool)(uintptr_t address, uintptr_t start);
};

extern const struct runtime *interpreter;	/* the one found and hooked, or NULL     */
extern bool interpreter_present;		/* one is there, recorded or not         */

void runtimes_start(void);		/* called by boot.c once the trace exists        */
void runtimes_forked(void);		/* in a child with a trace of its own            */

/* Of a runtime, in the trace (define.h).  CPython's needs not be asked for. */
enum { RUNTIME_CPYTHON = 0 };
unsigned runtime_number(void);		/* the next free one, from 1 on                  */

#endif
