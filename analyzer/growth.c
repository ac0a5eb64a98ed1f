#include "growth.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KENDALL_MAX	20
#define PAIRS_MAX	(KENDALL_MAX * (KENDALL_MAX - 1) / 2)

double growth_kendall_tail(unsigned n, int s)
{
	/* share[k]: of the orders of m numbers, those with k pairs the wrong way round. */
	double share[PAIRS_MAX + 1] = { 1 }, next[PAIRS_MAX + 1], tail = 0;
	int pairs = (int)(n * (n - 1) / 2), most;

	assert(n <= KENDALL_MAX);
	for (unsigned m = 2; m <= n; m++) {
		for (int k = 0; k <= pairs; k++) {
			next[k] = 0;
			for (int j = 0; j < (int)m && j <= k; j++)
				next[k] += share[k - j] / m;
		}
		memcpy(share, next, sizeof(share));
	}
	if (s > pairs)
		return 0;
	most = (pairs - s) / 2;		/* S = pairs - 2 * wrong ones */
	for (int k = 0; k <= most && k <= pairs; k++)
		tail += share[k];
	return tail < 1 ? tail : 1;
}

/* Pairs that ascend, less those that descend. */
static int kendall(const uint64_t *x, unsigned n)
{
	int s = 0;

	for (unsigned i = 0; i < n; i++)
		for (unsigned k = i + 1; k < n; k++)
			s += (x[k] > x[i]) - (x[k] < x[i]);
	return s;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double theil_sen(const uint64_t x[GROWTH_POINTS])
{
	double slope[GROWTH_POINTS * (GROWTH_POINTS - 1) / 2];
	unsigned n = 0;

	for (unsigned i = 0; i < GROWTH_POINTS; i++)
		for (unsigned k = i + 1; k < GROWTH_POINTS; k++)
			slope[n++] = ((double)x[k] - (double)x[i]) / (k - i);
	qsort(slope, n, sizeof(*slope), by_value);
	return slope[n / 2];
}

static double gain(const uint64_t *x, unsigned from, unsigned to)
{
	return (double)x[to] - (double)x[from];
}

bool growth_measure(struct growth *g, const uint64_t low[TREND_SEGMENTS],
	const uint64_t born[TREND_SEGMENTS], unsigned warm, unsigned end)
{
	const unsigned third = GROWTH_POINTS / 3;
	uint64_t x[GROWTH_POINTS];
	double old = 0, young = 0, first, last;

	if (end >= TREND_SEGMENTS || warm + GROWTH_POINTS > end)
		return false;
	for (unsigned i = 0; i < GROWTH_POINTS; i++) {
		unsigned from = warm + i * (end - warm) / GROWTH_POINTS;
		unsigned to = warm + (i + 1) * (end - warm) / GROWTH_POINTS;

		x[i] = UINT64_MAX;
		for (unsigned k = from; k < to; k++)
			x[i] = low[k] < x[i] ? low[k] : x[i];
	}
	for (unsigned k = warm; k < TREND_SEGMENTS; k++)
		*(k < (warm + end) / 2 ? &old : &young) += (double)born[k];
	first = gain(x, 0, third);
	last = gain(x, GROWTH_POINTS - 1 - third, GROWTH_POINTS - 1);
	*g = (struct growth){ .chance = growth_kendall_tail(GROWTH_POINTS, kendall(x, GROWTH_POINTS)),
		.per_segment = theil_sen(x) * GROWTH_POINTS / (end - warm),
		.gained = x[GROWTH_POINTS - 1] > x[0] ? x[GROWTH_POINTS - 1] - x[0] : 0,
		.slowing = last < GROWTH_SLOWING * first || last <= 0,
		.old = old + young > 0 ? old / (old + young) : 1 };
	return true;
}

bool growth_is(const struct growth *g, uint32_t n)
{
	return g->chance * n <= GROWTH_ERROR && g->per_segment > 0 && !g->slowing &&
		g->old >= GROWTH_OLD;
}
