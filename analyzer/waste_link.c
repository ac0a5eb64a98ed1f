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
	double expected;		/* of those together: how many collections between them */
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
		p[k - 1].expected += p[i].expected;
	}
	return k;
}

/*
 * If they had nothing to do with each other, a collection would come between them once in so many
 * births, and part them once.  What a collection freed later and is older tells nothing.
 */
static struct pair pair_of(const struct waste *x, const struct waste *y, double births_per_run)
{
	struct pair p = { .places = places_of(x, y) };
	double gap = y->born > x->born ? (double)(y->born - x->born) : 0;

	p.together = x->run == y->run;
	p.apart = x->run != y->run && x->born <= y->oldest;
	if (p.together)
		p.expected = gap < births_per_run ? gap / births_per_run : 1;
	return p;
}

static bool is_one(const struct pair *p)
{
	return p->expected >= LINK_LEAST && p->apart <= LINK_APART * p->expected;
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
			pair[n++] = pair_of(last[x->thread], x, births_per_run);
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
		x->goes_on = found && is_one(found);
	}
	mem_free(pair);
	return 0;
}
