/*
 * clock.c - a line through the pairs that agree with each other
 */
#include "clock.h"

#include <stdlib.h>

/* Pairs nearer than this say more about the moment of reading than about the rate. */
#define SPAN_NS 1000000

static int by_ticks(const void *a, const void *b)
{
	const struct clock_pair *p = a, *q = b;

	return p->ticks < q->ticks ? -1 : p->ticks > q->ticks;
}

static int by_value(const void *a, const void *b)
{
	double p = *(const double *)a, q = *(const double *)b;

	return p < q ? -1 : p > q;
}

static double slope(const struct clock_pair *from, const struct clock_pair *to)
{
	return (double)(to->ns - from->ns) / (double)(to->ticks - from->ticks);
}

static bool after(const struct clock_pair *from, const struct clock_pair *to)
{
	return to->ticks > from->ticks && to->ns > from->ns;
}

/* The median is right as long as fewer than half of the chunks are damaged. */
static double median_rate(const struct clock_pair *pair, size_t n, double rate)
{
	double *rates = malloc(n * sizeof(*rates));
	size_t m = 0;

	if (!rates)
		return rate;
	for (size_t i = 1; i < n; i++)
		if (after(&pair[0], &pair[i]) && pair[i].ns - pair[0].ns >= SPAN_NS)
			rates[m++] = slope(&pair[0], &pair[i]);
	if (m) {
		qsort(rates, m, sizeof(*rates), by_value);
		rate = rates[m / 2];
	}
	free(rates);
	return rate;
}

static bool believable(
	const struct clock_pair *from, const struct clock_pair *to, double rate)
{
	double r;

	if (!after(from, to) || to->ns - from->ns < SPAN_NS)
		return false;
	r = slope(from, to);
	return r > rate / 2 && r < rate * 2;
}

void clock_init(
	struct clock *c, struct clock_pair *pair, size_t pairs, double rate, bool exact)
{
	struct clock_pair start = pair[0];
	size_t kept = 1;

	c->rate = exact ? rate : median_rate(pair, pairs, rate);
	qsort(pair + 1, pairs - 1, sizeof(*pair), by_ticks);
	for (size_t i = 1; i < pairs && !exact; i++)
		if (believable(&pair[kept - 1], &pair[i], c->rate) &&
		    believable(&start, &pair[i], c->rate))
			pair[kept++] = pair[i];
	c->pair = pair;
	c->pairs = kept;
}

void clock_fini(struct clock *c)
{
	free(c->pair);
	*c = (struct clock){ 0 };
}

/* The last pair at or before; the first one for what is before them all. */
static size_t find(const struct clock *c, uint64_t ticks)
{
	size_t low = 0, high = c->pairs;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (c->pair[mid].ticks <= ticks)
			low = mid;
		else
			high = mid;
	}
	return low;
}

uint64_t clock_ns(const struct clock *c, uint64_t ticks)
{
	size_t i = find(c, ticks);
	const struct clock_pair *p = &c->pair[i];
	double rate = i + 1 < c->pairs ? slope(p, p + 1) : c->rate;
	double ns;

	if (ticks < p->ticks) {
		ns = (double)(p->ticks - ticks) * rate;
		return ns < (double)p->ns ? p->ns - (uint64_t)ns : 0;
	}
	ns = (double)(ticks - p->ticks) * rate;
	return ns < (double)(UINT64_MAX - p->ns) ? p->ns + (uint64_t)ns : UINT64_MAX;
}
