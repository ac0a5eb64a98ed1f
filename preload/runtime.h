/*
 * runtime.h - a reference-counted runtime that ouro knows
 *
 * One file (or folder) of preload/ per runtime, its hooks behind this struct,
 * listed in runtime.c.  A runtime names no symbol of what it observes: it asks
 * the loader, and stays dormant where they are absent.
 */
#ifndef RUNTIME_H
#define RUNTIME_H

#include "thr.h"

#include <ouro/define.h>
#include <stdbool.h>

struct snapshot;

struct runtime {
	const char *name;

	/*
	 * A lock sees to it that of all threads that may pass each other POOL
	 * blocks and objects one runs at a time.  (Interpreters with locks of their
	 * own have pools of their own.)
	 */
	bool serial;

	/* In the library's constructor, one thread, before main.  0: found and hooked,
	 * -ENOENT: not in this process; else a reason was given by define_runtime. */
	int (*start)(void);

	/* Bring s up to date with the frames this thread runs now, outermost first.
	 * Called for every event with a stack: cheap, no lock, no API call that allocates. */
	void (*frames)(struct thr *t, struct interp_stack *s);

	/* May the heap be walked by a child forked at this moment, from this thread? */
	bool (*quiescent)(void);

	/* Ask for `request` to be called soon, in a thread and state where it may; signal-safe. */
	void (*call_soon)(void (*request)(void));

	/* In the forked child: write all objects, edges and roots. */
	int (*snapshot)(struct snapshot *s);

	/* ... and afterwards: does this word lead to one of them?  NULL: not known. */
	bool (*has)(uintptr_t word);

	/* ... does this address lie in memory of its allocator, so that it is a block that
	 * the events know, or free?  From `start` on memory can be read.  NULL: not known. */
	bool (*pool)(uintptr_t address, uintptr_t start);

	/* In a forked child that goes on recording in a trace of its own. */
	void (*forked)(void);
};

extern const struct runtime *runtime;	/* the one found, or NULL */
extern bool runtime_present;		/* one is there, recorded or not */
void runtime_start(void);		/* called by boot.c once the trace exists */

#endif
