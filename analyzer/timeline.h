/*
 * timeline.h - how much was alive, at points of time that are evenly spread
 *
 * The run is cut into bins; each says what was alive at its end, the most that was in
 * between, and what was made in it.
 */
#ifndef TIMELINE_H
#define TIMELINE_H

#include <stdint.h>

enum { TIMELINE_BINS = 480 };

struct timeline_bin {
	uint64_t ticks;			/* where it ends                             */
	uint64_t live, live_bytes, live_objects;	/* there                     */
	uint64_t high_bytes;		/* the most that was alive in it             */
	uint64_t made, made_bytes, births;	/* from the beginning to there       */
	uint64_t rss, shared;		/* bytes, as the kernel last said; 0: not known */
};

struct timeline {
	uint64_t start, step, next;	/* ticks; next: when the bin ends            */
	uint64_t high_bytes;		/* of the bin that is now                    */
	uint64_t rss, shared;		/* the last that was heard of                */
	struct timeline_bin bin[TIMELINE_BINS];
	uint32_t n;
};

void timeline_init(struct timeline *t, uint64_t start, uint64_t end);

/* Time passed t->next; `state` is how things stand, its ticks and rss aside. */
void timeline_advance(struct timeline *t, uint64_t ticks, const struct timeline_bin *state);

/* The run is over at this moment. */
void timeline_end(struct timeline *t, uint64_t ticks, const struct timeline_bin *state);

#endif
