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

/* What is being made is no longer than this part of what is made between collections. */
enum { UNFINISHED = 4 };

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

uint32_t *wastes_by_thread(const struct wastes *w)
{
	uint32_t *piece = mem_array(w->n, sizeof(*piece)), at[WASTE_THREADS + 1] = {0};

	if (!piece)
		return NULL;
	for (uint32_t i = 0; i < w->n; i++)
		at[wastes_at(w, i)->thread + 1]++;
	for (unsigned t = 0; t < WASTE_THREADS; t++)
		at[t + 1] += at[t];
	for (uint32_t i = 0; i < w->n; i++)
		piece[at[wastes_at(w, i)->thread]++] = i;
	return piece;
}

/*
 * What was being made when a collection came lies on both sides of it, and can be in several pieces, all
 * of them at the start of what the next one frees.  The last has what that one did not look at.
 * So pieces up to one that reaches back a little are one thing; nothing follows from it for others.
 */
static uint32_t unfinished_end(const struct wastes *w, const uint32_t *piece, uint32_t i,
			       uint32_t end, double births_per_run)
{
	uint64_t last = 0;
	uint32_t ret = i + 1;

	for (uint32_t k = i; k < end; k++) {
		const struct waste *x = wastes_at(w, piece[k]);

		if (x->born < last || x->length > births_per_run / UNFINISHED ||
		    (x->looked > x->length && x->looked > births_per_run / UNFINISHED))
			break;
		last = x->born;
		if (x->length > x->looked)
			ret = k + 1;
	}
	return ret;
}

/* Pieces of one thread that one collection freed: where they end. */
static uint32_t run_end(const struct wastes *w, const uint32_t *piece, uint32_t i)
{
	const struct waste *x = wastes_at(w, piece[i]);

	while (++i < w->n && wastes_at(w, piece[i])->run == x->run &&
	       wastes_at(w, piece[i])->thread == x->thread)
		;
	return i;
}

static uint32_t list_pairs(const struct wastes *w, const uint32_t *piece, double births_per_run,
			   struct pair *ret)
{
	uint32_t n = 0;

	for (uint32_t i = 0, end; i < w->n; i = end) {
		const struct waste *before = i ? wastes_at(w, piece[i - 1]) : NULL;
		uint32_t from = unfinished_end(w, piece, i, end = run_end(w, piece, i),
					       births_per_run);

		/* Of one run and the next. */
		if (before && before->thread == wastes_at(w, piece[i])->thread)
			ret[n++] = pair_of(before, wastes_at(w, piece[i]), births_per_run);
		for (uint32_t k = from + (from > i + 1); k < end; k++)
			ret[n++] = pair_of(wastes_at(w, piece[k - 1]), wastes_at(w, piece[k]),
					   births_per_run);
	}
	return n;
}

static void link_run(struct wastes *w, const uint32_t *piece, uint32_t i, uint32_t end,
		     double births_per_run, const struct pair *pair, uint32_t n)
{
	uint32_t from = unfinished_end(w, piece, i, end, births_per_run);

	for (uint32_t k = i + 1; k < end; k++) {
		struct waste *before = wastes_at(w, piece[k - 1]), *x = wastes_at(w, piece[k]);
		const struct pair *found = bsearch(&(struct pair){ .places = places_of(before, x) },
						   pair, n, sizeof(*pair), pair_order);

		x->goes_on = k < from || (found && is_one(found));
	}
}

int wastes_link(struct wastes *w, double births_per_run)
{
	struct pair *pair = mem_array(w->n, sizeof(*pair));
	uint32_t *piece = wastes_by_thread(w), n;

	if (pair && piece) {
		n = fold_pairs(pair, list_pairs(w, piece, births_per_run, pair));
		for (uint32_t i = 0, end; i < w->n; i = end) {
			end = run_end(w, piece, i);
			link_run(w, piece, i, end, births_per_run, pair, n);
		}
	}
	n = pair && piece;
	mem_free(pair);
	mem_free(piece);
	return n ? 0 : -ENOMEM;
}
