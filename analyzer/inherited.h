/*
 * inherited.h - what a forked process had from its parents
 *
 * The trace of a fork begins with the fork.  What it inherited is in the trace of its parent,
 * which stands beside it (recorded.h), or in that of its parent.  Those are replayed to the
 * moment of the fork, and the replay of the fork begins with what lives there (replay_inherit).
 * A parent whose trace is not there or was recorded into a ring is not known: then the fork
 * begins with nothing.
 */
#ifndef OURO_INHERITED_H
#define OURO_INHERITED_H

#include "tape.h"

#define ANCESTORS_MAX 8

struct ancestor {
	struct trace trace;
	struct defs defs;
	struct defs_added added;	/* to the definitions of the one it forked   */
	uint64_t fork;			/* ticks: that one began                     */
};

struct inherited {
	struct ancestor *of[ANCESTORS_MAX];	/* the nearest first                 */
	uint32_t n;
	struct collections collections;	/* theirs, and those of the fork as it is replayed */
};

/* Finds the parents of the trace at `path`, and adds what they define to its definitions.  -ENOMEM. */
int inherited_open(struct inherited *x, const char *path, const struct trace *t, struct defs *d);
void inherited_fini(struct inherited *x);

/*
 * The fork's replay, which was not run yet, begins with what lived.  `tape`, where one is
 * wanted, is begun with the first parent and goes on with the fork, and x->collections
 * with it: both are to be told of its events.  -ENOMEM.
 */
int inherited_begin(struct inherited *x, struct replay *r, struct tape *tape);

#endif
