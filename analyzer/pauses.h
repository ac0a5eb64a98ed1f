/*
 * pauses.h - what a collection costs, by what it looks at and what it frees
 *
 * Fitted to the recorded collections, the recorder's own part taken out: so much for each,
 * for each object looked at and for each freed.  Times are of the processor where the recording
 * has them: a thread that waits for one is no cost of the collector.  More objects need more memory than
 * caches have, so beside the line there is a factor for each power of two of objects.
 */
#ifndef OURO_PAUSES_H
#define OURO_PAUSES_H

#include "collections.h"

enum { PAUSE_SIZES = 32 };

/* A line, bent. */
struct pause_cost {
	double each, object, freed;	/* seconds                                   */
	double factor[PAUSE_SIZES];	/* by the logarithm of objects looked at     */
	uint64_t fitted;		/* to so many collections                    */
};

struct pauses {
	struct pause_cost young, full;	/* of generations 0 and 1, which look at what was */
					/* made just now; of generation 2, which does not */
	double record;			/* seconds that the recorder took for one event */
	bool of_cpu;			/* times are of the processor, not of the clock on the wall */
};

/* What one cost, as it was measured; <= 0: not known. */
double pauses_measured(const struct pauses *p, const struct collections *s, const struct trace *t,
		       const struct collection *c);

/* -ENOMEM.  Without collections all is 0. */
int pauses_fit(struct pauses *p, const struct collections *s, const struct trace *t);

double pauses_predict(const struct pauses *p, unsigned generation, uint64_t examined,
		      uint64_t freed);

#endif
