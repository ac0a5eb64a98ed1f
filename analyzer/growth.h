/*
 * growth.h - does a series keep growing, or does it only look so?
 *
 * The question is put to the least that was alive in each of GROWTH_POINTS equal spans
 * of the time after the warm-up.  What is in a steady state, whatever it does
 * within a span, could have had these numbers in any order; so the chance that it
 * shows as many pairs in ascending order as this one does is a matter of counting
 * permutations (Mann, "Nonparametric tests against trend", 1945; Kendall, "Rank
 * correlation methods", 1948).  Equal neighbours count nothing, which only makes it harder.
 *
 * Of n series that are asked, all steady, one is called growing with a chance of
 * GROWTH_ERROR at most (Bonferroni: each is allowed an n-th of that).  Two more questions
 * only ever say no: is it still growing as it did (a cache that fills up slows down), and
 * is enough of what it has old (in a steady state the old is replaced)?
 */
#ifndef OURO_GROWTH_H
#define OURO_GROWTH_H

#include "trend.h"

#include <stdbool.h>
#include <stdint.h>

enum { GROWTH_POINTS = 12 };
#define GROWTH_ERROR	0.01		/* chance of any false finding in one run     */
#define GROWTH_SLOWING	0.33		/* the last third against the first: less is slowing down */
#define GROWTH_OLD	0.2		/* of what was born since the warm-up, from its first half */

struct growth {
	double chance;			/* that a steady one looks like this         */
	double per_segment;		/* mass it gains in one segment: Theil and Sen's median */
	uint64_t gained;		/* from the first point to the last          */
	bool slowing;
	double old;			/* share of what is left and young enough that is of */
					/* the older half; 1: nothing is             */
};

/*
 * The least alive by segment, and what was left at the end by the segment of its birth,
 * of which those from `warm` up to `end` are looked at.  False: they are too few.
 */
bool growth_measure(struct growth *g, const uint64_t low[TREND_SEGMENTS],
	const uint64_t born[TREND_SEGMENTS], unsigned warm, unsigned end);

/* Is it one of `n` that were asked? */
bool growth_is(const struct growth *g, uint32_t n);

/* The chance of S or more among all orders of n unlike numbers; n up to 20. */
double growth_kendall_tail(unsigned n, int s);

#endif
