/*
 * tracked.h - what share of tuples and dicts the collector looks at, from recorded collections
 *
 * Each says how many objects it looked at, and those of the middle and the oldest how many of
 * them stayed tracked.  What is neither tuple nor dict always is.  Shares that fit
 * all collections best (least squares, between 0 and 1) are taken.
 */
#ifndef OURO_TRACKED_H
#define OURO_TRACKED_H

#include "generations.h"

struct tracked_fit {
	double a[CLASSES][CLASSES], b[CLASSES];
};

/* A collection that looked at those of `objects` up to a generation counted `n`. */
void tracked_learn(struct tracked_fit *f, const uint64_t (*objects)[CLASSES], unsigned generation,
		   bool before, double n);

void tracked_fit(struct tracked *ret, const struct tracked_fit *f);

#endif
