/*
 * trend.h - does what a site has alive keep growing?
 *
 * The run is cut into segments of equal time, and of each site the least that it
 * had alive in each segment is kept: what a saw-tooth leaves of itself between two
 * teeth.  A series costs memory only for sites that had something alive from one
 * segment into the next, and little for those that had so much and no other at a time: most
 * made one block there.  What is counted is the mass: bytes of blocks, where nothing is less
 * than 1.
 */
#ifndef TREND_H
#define TREND_H

#include <stdbool.h>
#include <stdint.h>

enum { TREND_SEGMENTS = 48 };

struct trend_rows {
	uint64_t (*row)[TREND_SEGMENTS];	/* row 0 is nobody's                 */
	uint32_t n, cap;
};

struct trend {
	uint64_t start, step, next;	/* ticks; next: when the segment ends        */
	uint32_t now;			/* segment                                   */
	struct trend_series {
		uint64_t low;		/* this from segment `from` to `to`, else 0  */
		uint8_t from, to;	/* from > to: 0 everywhere                   */
		uint32_t row;		/* 0; or that does not say it: row of `lows` */
	} *series;			/* [0] is nobody's                           */
	uint32_t n, cap;
	struct trend_rows lows;		/* by segment                                */
	struct trend_left {
		uint64_t mass;		/* all of it was born in this segment        */
		uint32_t segment, row;	/* 0; or it was not: row of `borns`          */
	} *left;			/* by series, of those there were then       */
	struct trend_rows borns;	/* what was left, by birth                   */
	uint32_t lefts;
	uint32_t end;			/* the segment in which that was             */
	bool done, failed;		/* done: it was told; failed: there was no memory */
};

/* From the first to the last tick of the run. */
void trend_init(struct trend *t, uint64_t start, uint64_t end);
void trend_fini(struct trend *t);

/* Time has passed t->next. */
void trend_advance(struct trend *t, uint64_t ticks);

/*
 * A site's state is these three numbers, all 0 at first, beside its mass.  To be called
 * before the mass changes when `segment` is not t->now; low is min(low, mass) always.
 */
void trend_catch_up(struct trend *t, uint32_t *segment, uint32_t *series, uint64_t *low,
	uint64_t mass);

/* The same, and the segment that now is has its value too, as far as it is known. */
void trend_settle(struct trend *t, uint32_t *segment, uint32_t *series, uint64_t *low,
	uint64_t mass);

/*
 * What was left in the end, each by its birth, after trend_left(); then all is said.
 * -ENOMEM.
 */
int trend_left(struct trend *t);
void trend_count_left(struct trend *t, uint32_t series, uint64_t born, uint64_t mass);

/* The least in a segment; series 0 never had any. */
uint64_t trend_low(const struct trend *t, uint32_t series, unsigned segment);

/* Added to what is there: the least in each, and what was left by birth. */
void trend_add(const struct trend *t, uint32_t series, uint64_t low[TREND_SEGMENTS],
	uint64_t born[TREND_SEGMENTS]);

#endif
