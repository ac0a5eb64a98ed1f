/*
 * clock.h - from a trace's ticks to nanoseconds
 *
 * Chunks carry pairs of (ticks, CLOCK_MONOTONIC ns), which make a line of
 * straight pieces.  Pairs that cannot be true (a damaged chunk) are left out.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock_pair {
	uint64_t ticks, ns;
};

/* Sorted by ticks; both only grow. */
struct clock {
	struct clock_pair *pair;
	size_t pairs;
	double rate;			/* ns a tick, overall                        */
};

/*
 * Takes over `pair` (malloc'ed, pairs > 0; pair[0] is the start and is believed).
 * `rate` is used where the pairs say nothing; exact: use no other.
 */
void clock_init(struct clock *c, struct clock_pair *pair, size_t pairs, double rate,
	bool exact);
void clock_fini(struct clock *c);

uint64_t clock_ns(const struct clock *c, uint64_t ticks);

#endif
