/*
 * waste_link.c - which pieces of waste are one thing
 */
#include "waste.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Pieces are one when they would have been parted so often, and hardly ever were. */
#define LINK_LEAST	3.0
#define LINK_APART	0.05

/* A piece made at one place and the next of its thread, made at another. */
struct pair {
	uint32_t places;
	uint32_t together, apart;	/* freed by one collection, by two           */
	uint64_t gap;			/* births between them, of those together    */
};

static uint32_t places_of(const struct waste *x, const struct waste *y)
{
	return (uint32_t)x->place << 16 | y->place;
}

static int pair_order(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return x->places > y->places ? 1 : x->places < y->places ? -1 : 0;
}

static uint32_t fold_pairs(struct pair *p, uint32_t n)
{
	uint32_t k = 0;

	qsort(p, n, sizeof(*p), pair_order);
	for (uint32_t i = 0; i < n; i++) {
		if (!k || pair_order(&p[k - 1], &p[i])) {
			p[k++] = p[i];
			continue;
		}
		p[k - 1].together += p[i].together;
		p[k - 1].apart += p[i].apart;
		p[k - 1].gap += p[i].gap;
	}
	return k;
}

/* What a collection freed later and is older tells nothing of neighbours. */
static struct pair pair_of(const struct waste *x, const struct waste *y)
{
	struct pair p = { .places = places_of(x, y) };

	p.together = x->run == y->run;
	p.apart = x->run != y->run && x->born <= y->oldest;
	if (p.together && y->born > x->born)
		p.gap = y->born - x->born;
	return p;
}

/*
 * Were they apart as often as they should be if they had nothing to do with each other?  Then a
 * collection would have come between them once in so many births.
 */
static bool is_one(const struct pair *p, double births_per_run)
{
	double expected = (double)p->gap / births_per_run;

	return expected >= LINK_LEAST && p->apart <= LINK_APART * expected;
}

int wastes_link(struct wastes *w, double births_per_run)
{
	struct pair *pair = mem_array(w->n, sizeof(*pair)), *found;
	struct waste *last[WASTE_THREADS] = {0};
	uint32_t n = 0;

	if (!pair)
		return -ENOMEM;
	for (uint32_t i = 0; i < w->n; i++) {
		struct waste *x = wastes_at(w, i);

		if (last[x->thread])
			pair[n++] = pair_of(last[x->thread], x);
		last[x->thread] = x;
	}
	n = fold_pairs(pair, n);
	memset(last, 0, sizeof(last));
	for (uint32_t i = 0; i < w->n; i++) {
		struct waste *x = wastes_at(w, i), *before = last[x->thread];

		last[x->thread] = x;
		if (!before || before->run != x->run)
			continue;
		found = bsearch(&(struct pair){ .places = places_of(before, x) }, pair, n,
				sizeof(*pair), pair_order);
		x->goes_on = found && is_one(found, births_per_run);
	}
	mem_free(pair);
	return 0;
}
