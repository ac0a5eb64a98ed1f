/*
 * trend.h - does what a site has alive keep growing?
 *
 * The run is cut into segments of equal time, and of each site the least that it
 * had alive in each segment is kept: what a saw-tooth leaves of itself between two
 * teeth.  A series costs memory only for sites that had something alive from one
 * segment into the next.  What is counted is the mass: bytes of blocks, where
 * nothing is less than 1.
 */
#ifndef TREND_H
#define TREND_H

#include <stdbool.h>
#include <stdint.h>

enum { TREND_SEGMENTS = 48 };

struct trend {
	uint64_t start, step, next;	/* ticks; next: when the segment ends        */
	uint32_t now;			/* segment                                   */
	uint32_t n, cap;		/* of low; row 0 is nobody's                 */
	uint64_t (*low)[TREND_SEGMENTS];
	uint64_t (*born)[TREND_SEGMENTS];	/* what was left, by birth; NULL: not told */
	uint32_t borns;			/* rows of it                                */
	uint32_t end;			/* the segment in which that was             */
	bool done, failed;		/* failed: there was no memory for a series  */
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

#endif
