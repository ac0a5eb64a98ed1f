/*
 * find_collector.h - what the collector costs in vain, and what only it frees
 *
 * collector-waste   explicit collections, from one line: at least 10 that take
 *                   1 % of the run; automatic ones of a generation that free less
 *                   than 1 % of what they look at: at least 5 that take 2 %;
 *                   0.05 s in all, too
 * collected-cycle   of the program's objects that collections freed (at least 100 in
 *                   all), those of one shape of cycle, where a snapshot before a
 *                   collection shows it, else those made in one function: at least 5 %
 *
 * A waste of 5 % of the run and more is a warning, and so is cyclic garbage whose part
 * in the collector's time is 1 % of the run; what is less is told as information.
 */
#ifndef OURO_FIND_COLLECTOR_H
#define OURO_FIND_COLLECTOR_H

#include "finding.h"
#include "garbage.h"
#include "survival.h"

/* Explicit collections by the line that called. */
struct collector_caller {
	uint32_t site;			/* of the heap; its stack is one of them     */
	unsigned cause;			/* enum ouro_cause: CALL or NATIVE_CALL      */
	struct collection_sum sum;
};

struct collector_callers {
	struct collector_caller *c;	/* the most expensive first                  */
	uint32_t n, cap;
};

/* -ENOMEM. */
int collector_callers(const struct collections *s, struct heap_loader *l,
		      struct collector_callers *ret);
void collector_callers_fini(struct collector_callers *s);

/* Findings are added; the replay of `l` is at its end.  `run`: seconds of it.  -ENOMEM. */
int find_collector_waste(struct findings *f, const struct collections *s,
			 struct heap_loader *l, double run);
/* Members and edges are taken from the garbage that was looked at, where it has them. */
int find_collected_cycles(struct findings *f, const struct survival *lives,
			  struct heap_loader *l, const struct garbage *seen, double run);

#endif
