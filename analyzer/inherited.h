/*
 * inherited.h - what a forked process had from its parents
 *
 * The trace of a fork begins with the fork: of what it inherited it has no births.  They are in
 * the trace of its parent, which stands beside it (recorded.h), or in that of its parent.
 * Those are replayed to the moment of the fork.  What is not there, or was recorded into a
 * ring, is not known; nothing else depends on it.
 */
#ifndef OURO_INHERITED_H
#define OURO_INHERITED_H

#include "heap_load.h"

#define ANCESTORS_MAX 8

struct ancestor {
	struct trace trace;
	struct defs defs;
	struct replay replay;
	struct heap_loader loader;
	uint32_t base;			/* of its code, among the child's locations  */
	uint64_t fork;			/* ticks: the child began                    */
};

struct inherited {
	struct ancestor *of[ANCESTORS_MAX];	/* the nearest first                 */
	uint32_t n;
	bool replayed;
};

/* Finds the parents of the trace at `path`, and adds their code to its definitions.  -ENOMEM. */
int inherited_open(struct inherited *x, const char *path, const struct trace *t, struct defs *d);
void inherited_fini(struct inherited *x);

/* Runs them to the forks; their sites become the heap's as they are asked for.  -ENOMEM. */
int inherited_replay(struct inherited *x, struct heap *h, struct symbols *symbols);
void inherited_forget(struct inherited *x);	/* the replays; code can be named as before */

/* The site of the object that lived here at the fork; 0: none of this type (its address) did.  -ENOMEM. */
int64_t inherited_site(struct inherited *x, uint64_t address, uint64_t type, uint64_t *ret_born);

#endif
