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

static uint32_t later(uint64_t clock, uint64_t born)
{
	return clock <= born ? 0 : clock - born < UINT32_MAX ? (uint32_t)(clock - born) : UINT32_MAX;
}

/* A whole is its pieces together, of which the first does not go on. */
static void add_to_whole(struct waste *whole, const struct waste *x)
{
	uint64_t low = whole->born + whole->low, high = x->born + x->high;

	uint64_t eldest = whole->born - whole->length, from = whole->born - whole->looked;

	if (!x->goes_on) {
		*whole = *x;
		return;
	}
	if (x->born > whole->born) {
		whole->born = x->born;
		whole->cut = x->cut;
	}
	if (x->born - x->length < eldest)
		eldest = x->born - x->length;
	whole->length = later(whole->born, eldest);
	whole->looked = later(whole->born, from);
	whole->high = high > whole->born ? (uint32_t)(high - whole->born) : 0;
	whole->low = low > whole->born ? (uint32_t)(low - whole->born) : 0;
	if (whole->low > whole->high)
		whole->low = whole->high;
}

/* Where the whole that begins at piece[i] ends. */
static uint32_t whole_end(const struct wastes *w, const uint32_t *piece, uint32_t i)
{
	while (++i < w->n && wastes_at(w, piece[i])->goes_on)
		;
	return i;
}

static struct waste whole_of(const struct wastes *w, const uint32_t *piece, uint32_t n)
{
	struct waste whole = {0};

	for (uint32_t i = 0; i < n; i++)
		add_to_whole(&whole, wastes_at(w, piece[i]));
	return whole;
}

/* ------------------------------------------------------------------- what a place does */

/*
 * A loop that drops what it made one turn ago does so at the same age each time.  Then one age
 * is within nearly all intervals of the place, and what they have in common is nearly exact:
 * that matters, as what a collection frees fills free lists for the turn it comes in.
 *
 * And what holds a whole together need not be all of it.  When a collection came while some were made,
 * and the next one freed these though it looked only at what was made later, the cycle is in that part,
 * and the rest hangs from it.
 */
struct habit {
	uint32_t place;
	uint32_t low, high;		/* ages                                      */
	uint32_t core;			/* the cycle is in what was made last, in so many births */
};

enum { STEADY_LEAST = 16, STEADY_STRAYS = 100 };	/* wholes; one in so many may differ */

/* A whole, as it tells of its place's habits. */
struct sight {
	uint32_t place, low, high;
	uint32_t core;			/* UINT32_MAX: does not say; 0: it waited for what is older */
};

static int sight_order(const void *a, const void *b)
{
	const struct sight *x = a, *y = b;

	return x->place > y->place ? 1 : x->place < y->place ? -1 : 0;
}

static int habit_order(const void *a, const void *b)
{
	const struct habit *x = a, *y = b;

	return x->place > y->place ? 1 : x->place < y->place ? -1 : 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x > y ? 1 : x < y ? -1 : 0;
}

/* What is common to intervals of one place, with as few strays as can be. */
static void find_age(struct habit *h, const struct sight *x, uint32_t n, uint32_t *low, uint32_t *high)
{
	for (uint32_t i = 0; i < n; i++) {
		low[i] = x[i].low;
		high[i] = x[i].high;
	}
	qsort(low, n, sizeof(*low), by_number);
	qsort(high, n, sizeof(*high), by_number);
	for (uint32_t strays = 0; strays <= n / STEADY_STRAYS && n >= STEADY_LEAST; strays++)
		if (low[n - 1 - strays] <= high[strays]) {
			h->low = low[n - 1 - strays];
			h->high = high[strays];
			return;
		}
}

static void find_core(struct habit *h, const struct sight *x, uint32_t n)
{
	uint32_t sooner = 0, waited = 0, least = UINT32_MAX;

	for (uint32_t i = 0; i < n; i++) {
		waited += !x[i].core;
		sooner += x[i].core && x[i].core < UINT32_MAX;
		if (x[i].core && x[i].core < least)
			least = x[i].core;
	}
	if (sooner > waited)
		h->core = least;
}

static uint32_t fold_sights(struct sight *x, uint32_t n, uint32_t *low, uint32_t *high,
			    struct habit *ret)
{
	uint32_t k = 0;

	qsort(x, n, sizeof(*x), sight_order);
	for (uint32_t i = 0, end; i < n; i = end) {
		struct habit *h = &ret[k++];

		for (end = i; end < n && x[end].place == x[i].place; end++)
			;
		*h = (struct habit){ x[i].place, 0, UINT32_MAX, UINT32_MAX };
		find_age(h, x + i, end - i, low, high);
		find_core(h, x + i, end - i);
	}
	return k;
}

static struct sight sight_of(const struct waste *x)
{
	return (struct sight){ x->place, x->low, x->high, x->length > x->looked ? x->looked :
			       x->cut < x->length ? 0 : UINT32_MAX };
}

static uint32_t list_sights(const struct wastes *w, const uint32_t *piece, struct sight *ret)
{
	uint32_t n = 0;

	for (uint32_t i = 0, end; i < w->n; i = end) {
		struct waste x;

		end = whole_end(w, piece, i);
		x = whole_of(w, piece + i, end - i);
		ret[n++] = sight_of(&x);
	}
	return n;
}

/* By place, of all of them. */
struct habits {
	struct habit *h;
	uint32_t n;
};

static int find_habits(const struct wastes *w, const uint32_t *piece, struct habits *ret)
{
	struct sight *sight = mem_array(w->n, sizeof(*sight));
	uint32_t *low = mem_array(w->n, sizeof(*low)), *high = mem_array(w->n, sizeof(*high));

	ret->h = mem_array(w->n, sizeof(*ret->h));
	if (sight && low && high && ret->h)
		ret->n = fold_sights(sight, list_sights(w, piece, sight), low, high, ret->h);
	mem_free(sight);
	mem_free(low);
	mem_free(high);
	return sight && low && high && ret->h ? 0 : -ENOMEM;
}

/* What is known of a whole, what its place does included. */
static struct waste known_of(const struct wastes *w, const uint32_t *piece, uint32_t n,
			     const struct habits *s)
{
	struct waste x = whole_of(w, piece, n);
	const struct habit *h = bsearch(&(struct habit){ .place = x.place }, s->h, s->n,
					sizeof(*s->h), habit_order);

	if (!h)
		return x;
	if (h->low <= x.high && h->high >= x.low) {
		x.low = h->low > x.low ? h->low : x.low;
		x.high = h->high < x.high ? h->high : x.high;
	}
	/* One that waited for what is older may have had a reason. */
	if (sight_of(&x).core && h->core < x.length && x.born - h->core > x.oldest)
		x.oldest = x.born - h->core;
	return x;
}

/* All pieces of a whole go with it, and when its oldest is looked at. */
static void give_age(struct wastes *w, const uint32_t *piece, uint32_t n, struct place *place,
		     uint32_t places, const struct habits *habits)
{
	struct waste whole = known_of(w, piece, n, habits);
	struct place *p;
	double u;

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

		x->length = later(x->born, whole.born - whole.length);
		x->oldest = whole.oldest;
		for (unsigned g = 0; g < WASTE_GUESSES; g++)
			x->age[g] = later(whole.born + whole.age[g], x->born);
	}
}

static uint32_t list_cells(const struct wastes *w, const uint32_t *piece, const struct habits *s,
			   struct cell *ret)
{
	uint32_t n = 0;

	for (uint32_t i = 0, end; i < w->n; i = end) {
		struct waste whole;

		end = whole_end(w, piece, i);
		whole = known_of(w, piece + i, end - i, s);
		ret[n++] = (struct cell){ whole.place, (uint16_t)bin_of(whole.low),
					  (uint16_t)bin_of(whole.high), 1 };
	}
	return fold(ret, n);
}

static int fit_and_give(struct wastes *w, const uint32_t *piece, struct cell *c,
			const struct habits *habits)
{
	uint32_t n = list_cells(w, piece, habits, c), places;
	struct place *place = mem_array(count_places(c, n), sizeof(*place));
	struct ages all;
	int e = place ? fit_all(&all, c, n) : -ENOMEM;

	if (!e) {
		places = fit_places(place, c, n, &all);
		for (uint32_t i = 0, end; i < w->n; i = end) {
			end = whole_end(w, piece, i);
			give_age(w, piece + i, end - i, place, places, habits);
		}
	}
	mem_free(place);
	return e;
}

int wastes_fit(struct wastes *w)
{

	struct cell *c = mem_array(w->n, sizeof(*c));
	uint32_t *piece = wastes_by_thread(w);
	struct habits habits = {0};
	int e = c && piece ? find_habits(w, piece, &habits) : -ENOMEM;

	if (!e)
		e = fit_and_give(w, piece, c, &habits);
	mem_free(c);
	mem_free(piece);
	mem_free(habits.h);
	return e;
}
