#include "weight.h"

#include <math.h>

double weight_of(uint64_t mean, uint64_t size)
{
	if (!mean)
		return 1;
	size += !size;			/* as the guest counts them */
	return -1 / expm1(-(double)size / (double)mean);
}

static void add(struct weighed *w, double weight, double bytes, double sign)
{
	w->n += sign * weight;
	w->bytes += sign * weight * bytes;
	w->n_variance += sign * weight * (weight - 1);
	w->bytes_variance += sign * weight * (weight - 1) * bytes * bytes;
}

void weigh(struct weighed *w, double weight, uint64_t bytes)
{
	add(w, weight, (double)bytes, 1);
}

void weigh_off(struct weighed *w, double weight, uint64_t bytes)
{
	add(w, weight, (double)bytes, -1);
}

uint64_t weighed_error(double variance)
{
	return variance > 0 ? (uint64_t)(sqrt(variance) + 0.5) : 0;
}
