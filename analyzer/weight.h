/*
 * weight.h - from what was sampled to what there was
 *
 * A record of `size` bytes is there with probability p = 1 - exp(-size / mean), so
 * it stands for 1 / p: sums of that are right on average (Horvitz and Thompson), and
 * the variance of a sum over y is estimated by the sum of y * y * (1 - p) / p / p.
 */
#ifndef WEIGHT_H
#define WEIGHT_H

#include <stdint.h>

/* mean 0: everything was recorded, the weight is 1. */
double weight_of(uint64_t mean, uint64_t size);

struct weighed {
	double n, bytes;		/* estimates                                 */
	double n_variance, bytes_variance;
};

void weigh(struct weighed *w, double weight, uint64_t bytes);
void weigh_off(struct weighed *w, double weight, uint64_t bytes);

static inline void weighed_add(struct weighed *to, const struct weighed *from)
{
	to->n += from->n;
	to->bytes += from->bytes;
	to->n_variance += from->n_variance;
	to->bytes_variance += from->bytes_variance;
}

static inline uint64_t weighed_whole(double x)
{
	return x > 0 ? (uint64_t)(x + 0.5) : 0;
}

uint64_t weighed_error(double variance);	/* standard error                    */

#endif
