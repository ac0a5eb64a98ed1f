/*
 * waste_fit.c - the ages at which things become garbage
 */
#include "waste.h"

#include "base.h"
#include "mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum {
	PER_OCTAVE = 8, BINS = 1 + 32 * PER_OCTAVE,
	ROUNDS = 20,
};

/* A place is believed as if so many wholes of it had the ages that all have. */
#define LEANS 4.0

static const double golden = 0.6180339887498949;

/* Ages from low to high bin; so many pieces. */
struct cell {
	uint32_t place;
	uint16_t low, high;
	uint32_t n;
};

/* What the ages of a place are: the part of its pieces in each bin. */
struct ages {
	double part[BINS];
};

static unsigned bin_of(uint32_t age)
{
	return age ? 1 + (unsigned)(log2(age) * PER_OCTAVE) : 0;
}

static double first_of(double bin)
{
	return bin < 1 ? 0 : exp2((bin - 1) / PER_OCTAVE);
}

static int by_place(const void *a, const void *b)
{
	const struct cell *x = a, *y = b;

	return x->place != y->place ? (x->place > y->place ? 1 : -1) :
		x->low != y->low ? x->low - y->low : x->high - y->high;
}

static uint32_t fold(struct cell *c, uint32_t n)
{
	uint32_t k = 0;

	qsort(c, n, sizeof(*c), by_place);
	for (uint32_t i = 0; i < n; i++)
		if (k && !by_place(&c[k - 1], &c[i]))
			c[k - 1].n += c[i].n;
		else
			c[k++] = c[i];
	return k;
}

static double sum(const double *part, unsigned low, unsigned high)
{
	double s = 0;

	for (unsigned b = low; b <= high; b++)
		s += part[b];
	return s;
}

/* Each round shares every piece out over its bins as the round before has them. */
static void fit(struct ages *x, const struct cell *c, uint32_t n, const struct ages *lean, double leans)
{
	*x = *lean;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct ages next;
		double all = leans;

		for (unsigned b = 0; b < BINS; b++)
			next.part[b] = leans * lean->part[b];
		for (uint32_t i = 0; i < n; i++) {
			double s = sum(x->part, c[i].low, c[i].high);

			if (s <= 0)
				continue;
			for (unsigned b = c[i].low; b <= c[i].high; b++)
				next.part[b] += c[i].n * x->part[b] / s;
			all += c[i].n;
		}
		for (unsigned b = 0; b < BINS && all > 0; b++)
			x->part[b] = next.part[b] / all;
	}
}

/* The age that so much (0 to 1) of the distribution within the piece's interval is below. */
static uint32_t age_at(const struct ages *a, const struct waste *x, double u)
{
	unsigned b = bin_of(x->low), high = bin_of(x->high);
	double left = u * sum(a->part, b, high), age;

	for (; b < high && left >= a->part[b]; b++)
		left -= a->part[b];
	age = first_of(b + (a->part[b] > 0 ? fmin(left / a->part[b], 1) : 0));
	return age <= x->low ? x->low : age >= x->high ? x->high : (uint32_t)age;
}

struct place {
	uint32_t place, seen;		/* seen: pieces that have their age          */
	struct ages ages;
};

static int place_order(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return x->place > y->place ? 1 : x->place < y->place ? -1 : 0;
}

static int fit_all(struct ages *ret, const struct cell *c, uint32_t n)
{
	struct cell *all = mem_array(n, sizeof(*all));
	struct ages early;

	if (!all)
		return -ENOMEM;
	for (unsigned b = 0; b < BINS; b++)
		early.part[b] = exp2(-(double)b / PER_OCTAVE);
	for (uint32_t i = 0; i < n; i++) {
		all[i] = c[i];
		all[i].place = 0;
	}
	fit(ret, all, fold(all, n), &early, 0);
	mem_free(all);
	return 0;
}

static uint32_t fit_places(struct place *place, const struct cell *c, uint32_t n,
			   const struct ages *all)
{
	uint32_t places = 0;

	for (uint32_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && c[end].place == c[i].place; end++)
			;
		place[places].place = c[i].place;
		place[places].seen = 0;
		fit(&place[places++].ages, c + i, end - i, all, LEANS);
	}
	return places;
}

static uint32_t count_places(const struct cell *c, uint32_t n)
{
	uint32_t places = n > 0;

	for (uint32_t i = 1; i < n; i++)
		places += c[i].place != c[i - 1].place;
	return places;
}

/* --------------------------------------------------------------------- pieces and wholes */

/* A whole is its pieces together, of which the first does not go on. */
static void add_to_whole(struct waste *whole, const struct waste *x)
{
	uint64_t low = whole->born + whole->low, high = x->born + x->high;

	if (!x->goes_on) {
		*whole = *x;
		return;
	}
	if (x->born > whole->born)
		whole->born = x->born;
	whole->high = high > whole->born ? (uint32_t)(high - whole->born) : 0;
	whole->low = low > whole->born ? (uint32_t)(low - whole->born) : 0;
	if (whole->low > whole->high)
		whole->low = whole->high;
}

static uint32_t later(uint64_t clock, uint64_t born)
{
	return clock <= born ? 0 : clock - born < UINT32_MAX ? (uint32_t)(clock - born) : UINT32_MAX;
}

/* All pieces of a whole go with it, and when its oldest is looked at. */
static void give_age(struct wastes *w, const uint32_t *piece, uint32_t n, struct place *place,
		     uint32_t places)
{
	struct waste whole = {0};
	struct place *p;
	double u;

	for (uint32_t i = 0; i < n; i++)
		add_to_whole(&whole, wastes_at(w, piece[i]));
	p = bsearch(&(struct place){ .place = whole.place }, place, places, sizeof(*place),
		    place_order);
	assert(p);
	/* Quantiles that are spread evenly, however many of them a place has. */
	u = fmod(0.5 + golden * p->seen++, 1);
	whole.age[WASTE_LIKELY] = age_at(&p->ages, &whole, u);
	whole.age[WASTE_EARLY] = age_at(&p->ages, &whole, u / 2);
	whole.age[WASTE_LATE] = age_at(&p->ages, &whole, (1 + u) / 2);
	for (uint32_t i = 0; i < n; i++) {
		struct waste *x = wastes_at(w, piece[i]);

		x->oldest = whole.oldest;
		for (unsigned g = 0; g < WASTE_GUESSES; g++)
			x->age[g] = later(whole.born + whole.age[g], x->born);
	}
}

/* Numbers of pieces, those of a thread together, so that a whole is a run of them. */
static uint32_t *by_thread(const struct wastes *w)
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

/* Where the whole that begins at piece[i] ends. */
static uint32_t whole_end(const struct wastes *w, const uint32_t *piece, uint32_t i)
{
	while (++i < w->n && wastes_at(w, piece[i])->goes_on)
		;
	return i;
}

static uint32_t list_cells(const struct wastes *w, const uint32_t *piece, struct cell *ret)
{
	uint32_t n = 0;

	for (uint32_t i = 0, end; i < w->n; i = end) {
		struct waste whole = {0};

		end = whole_end(w, piece, i);
		for (; i < end; i++)
			add_to_whole(&whole, wastes_at(w, piece[i]));
		ret[n++] = (struct cell){ whole.place, (uint16_t)bin_of(whole.low),
					  (uint16_t)bin_of(whole.high), 1 };
	}
	return fold(ret, n);
}

static int fit_and_give(struct wastes *w, const uint32_t *piece, const struct cell *c, uint32_t n)
{
	struct place *place = mem_array(count_places(c, n), sizeof(*place));
	struct ages all;
	uint32_t places;
	int e = place ? fit_all(&all, c, n) : -ENOMEM;

	if (!e) {
		places = fit_places(place, c, n, &all);
		for (uint32_t i = 0, end; i < w->n; i = end) {
			end = whole_end(w, piece, i);
			give_age(w, piece + i, end - i, place, places);
		}
	}
	mem_free(place);
	return e;
}

int wastes_fit(struct wastes *w)
{
	struct cell *c = mem_array(w->n, sizeof(*c));
	uint32_t *piece = by_thread(w);
	int e = c && piece ? fit_and_give(w, piece, c, list_cells(w, piece, c)) : -ENOMEM;

	mem_free(c);
	mem_free(piece);
	return e;
}
