/*
 * pauses.h - what a collection costs, by what it looks at and what it frees
 *
 * Fitted to the recorded collections, the recorder's own part taken out: so much for each,
 * for each object looked at and for each freed.  More objects need more memory than
 * caches have, so beside the line there is a factor for each power of two of objects.
 */
#ifndef OURO_PAUSES_H
#define OURO_PAUSES_H

#include "collections.h"

enum { PAUSE_SIZES = 32 };

struct pauses {
	double each, object, freed;	/* seconds                                   */
	double factor[PAUSE_SIZES];	/* by the logarithm of objects looked at     */
	uint64_t fitted;		/* to so many collections                    */
};

/* -ENOMEM.  Without collections all is 0. */
int pauses_fit(struct pauses *p, const struct collections *s, const struct trace *t);

double pauses_predict(const struct pauses *p, uint64_t examined, uint64_t freed);

#endif
