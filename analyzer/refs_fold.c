/*
 * refs_fold.c - which release gave back which retain
 *
 * Nothing says so, but programs are written so that it can be guessed: what one
 * call of a function took it gives back; a holder's functions take and give back
 * for it and are named after it; else ownership was handed from one function to
 * another that is near it in the tree of calls.  So of all pairs of a retain and a
 * release the closest is matched first:
 *
 *	0 and up	frames behind the function in which the two ways part
 *			(callers_distance)
 *	an eighth	... of that, when both are by functions of one holder:
 *			basket_add() and basket_clear(), or by one function alone
 *	an eighth	... as well, when one took as often as the other gave back, and that is
 *			not just once or twice
 *	more		when the program itself took it, and a library gives back: what
 *			libraries give back they took themselves, or were given at the making
 *	1		when just these two went together in an object that died in order
 *
 * and of equally close ones the earliest release with what its maker had, as
 * makers hand on what they make, else with the latest retain.
 */
#include "refs.h"

#include "mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX    512			/* looked at at once: more are left as they are */
#define HOLDER_NAME 5			/* letters that two names share, at least    */
#define PAIRS       (1u << 14)
#define LEARNED     1
#define AS_OFTEN    3
#define LIFE_ROWS   32			/* of a life that is learned from            */
#define LIVES_MASK  7			/* ... when so many were alike               */
#define FOREIGN     (2 * PROGRAM_FRAME)

struct way {
	uint32_t row, n;
	struct caller *path;
	bool made;			/* the object was made there                 */
	bool direct;			/* by the program's own code                 */
};

struct match {
	uint32_t distance;
	uint32_t retain, release;	/* rows                                      */
	bool learned;
};

/* --- what went together ----------------------------------------------------------------- */

struct refs_pair {
	site_id retain, release;	/* 0: free                                   */
};

static struct refs_pair *pair_slot(const struct refs *s, site_id retain, site_id release)
{
	uint64_t h = ((uint64_t)retain << 32 | release) * 0x9e3779b97f4a7c15u;

	return &s->pair[(h >> 40) % PAIRS];
}

static bool learn_pair(struct refs *s, site_id up, site_id down)
{
	if (!up || !down)
		return true;
	if (!s->pair)
		s->pair = mem_array(PAIRS, sizeof(*s->pair));
	if (!s->pair) {
		s->failed = true;
		return false;
	}
	*pair_slot(s, up, down) = (struct refs_pair){ up, down };
	return true;
}

/*
 * Is it time to learn from lives like this one?  One alone may have ended by a mistake of its
 * own, an early release that a later one will find dead; what is done again and again is the rule.
 */
static bool is_usual_life(struct refs *s, const struct book *l)
{
	uint64_t h = l->n, *seen;

	for (uint32_t i = 0; i < l->n; i++)
		h = (h ^ l->row[i].site ^ (uint64_t)(uint32_t)l->row[i].n << 32) *
			0x9e3779b97f4a7c15u;
	seen = &s->life[h >> 52];
	h &= ~(uint64_t)LIVES_MASK;
	if ((*seen & ~(uint64_t)LIVES_MASK) != h)
		*seen = h;
	if ((*seen & LIVES_MASK) == LIVES_MASK)
		return false;		/* learned already                           */
	return (++*seen & LIVES_MASK) == LIVES_MASK;
}

/*
 * In a life in order everything goes together.  Mostly one retain and one release are
 * left of it; where more are, what is closest there is what belongs together.
 */
void refs_learn(struct refs *s, const struct book *l)
{
	struct refs_match *match;
	uint32_t n;

	if (book_balance(l))
		return;
	if (l->n == 2) {
		bool down = l->row[0].n < 0;

		learn_pair(s, l->row[down].site, l->row[!down].site);
		return;
	}
	if (l->n > LIFE_ROWS || !is_usual_life(s, l))
		return;
	if (refs_match(s, l, REFS_ANY, &match, &n)) {
		s->failed = true;
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		if (!learn_pair(s, l->row[match[i].retain].site, l->row[match[i].release].site))
			break;
	mem_free(match);
}

void refs_forget_pairs(struct refs *s)
{
	mem_free(s->pair);
	s->pair = NULL;
}

static bool is_learned(const struct refs *s, site_id retain, site_id release)
{
	const struct refs_pair *p = s->pair ? pair_slot(s, retain, release) : NULL;

	return p && retain && release && p->retain == retain && p->release == release;
}

/* --- one holder -------------------------------------------------------------------------- */

/* "basket_add" and "basket_clear" share the name of what they work on, "on_click" and "on_close" don't. */
static bool share_a_name(const char *a, const char *b)
{
	uint32_t letters = 0, whole = 0;
	bool scope = false;

	for (; *a && *a == *b; a++, b++) {
		if (isalnum((unsigned char)*a)) {
			letters++;
			continue;
		}
		whole = letters;
		scope |= *a == ':' || *a == '.';
	}
	return whole >= (scope ? 2 : HOLDER_NAME);
}

/*
 * The program's innermost function, and the library's that it called, unless that is
 * the one which counts: all of those are named alike.
 */
static uint32_t names_of(const struct refs *s, const struct way *w, const char *ret[2])
{
	const struct caller *at = callers_blame(w->path, w->n);
	uint32_t i = at ? (uint32_t)(at - w->path) : 0, n = 0;

	if (!at)
		return 0;
	if (at->program)
		ret[n++] = callers_name(&s->callers, at);
	if (at->program && i + 2 < w->n)
		ret[n++] = callers_name(&s->callers, at + 1);
	return n;
}

static bool same_holder(const struct refs *s, const struct way *a, const struct way *b)
{
	const char *x[2], *y[2];
	uint32_t nx = names_of(s, a, x), ny = names_of(s, b, y);

	for (uint32_t i = 0; i < nx; i++)
		for (uint32_t k = 0; k < ny; k++)
			if (share_a_name(x[i], y[k]))
				return true;
	return false;
}

static uint32_t distance(const struct refs *s, const struct book *l, const struct way *up,
	const struct way *down)
{
	uint32_t d = callers_distance(up->path, up->n, down->path, down->n);

	if (is_learned(s, l->row[up->row].site, l->row[down->row].site) && d > LEARNED)
		return LEARNED;
	if (up->n && down->n && up->path[up->n - 1].function == down->path[down->n - 1].function)
		return d / 8;
	if (l->row[up->row].n == -l->row[down->row].n && l->row[up->row].n >= AS_OFTEN)
		return d / 8;
	if (d >= 2 * PROGRAM_FRAME && same_holder(s, up, down))
		return d / 8;
	return up->direct && !up->made && !down->direct ? d + FOREIGN : d;
}

/* --- all of it --------------------------------------------------------------------------- */

struct fold {
	struct refs *s;
	const struct book *l;
	struct caller *room;
	struct way *way;
	struct match *match;
	uint32_t n, matches, cap;
};

/* The library that makes such objects, when that is not the program itself; else 0. */
static uint32_t home_of(const struct fold *f)
{
	struct caller path[CALLERS_DEPTH];
	const struct replay *r = f->s->r;
	uint32_t n = f->l->born && f->l->born < r->sites ?
		callers_path(&f->s->callers, r->site[f->l->born].stack, path) : 0;

	return n && !path[n - 1].program ? path[n - 1].module : 0;
}

static int find_ways(struct fold *f)
{
	const struct book *l = f->l;
	uint32_t home = home_of(f);

	f->way = mem_array(l->n, sizeof(*f->way));
	f->room = mem_array((size_t)l->n * CALLERS_DEPTH, sizeof(*f->room));
	if (!f->way || !f->room)
		return -ENOMEM;
	for (; f->n < l->n; f->n++) {
		site_id site = l->row[f->n].site;
		struct way *w = &f->way[f->n];

		*w = (struct way){ .row = f->n, .path = f->room + (size_t)f->n * CALLERS_DEPTH };
		w->n = site < f->s->r->sites ?
			callers_path(&f->s->callers, f->s->r->site[site].stack, w->path) : 0;
		w->made = site && site == l->born;
		/* What the runtime does between its caller and the count is the same everywhere. */
		while (home && w->n && w->path[w->n - 1].module == home)
			w->n--;
		w->direct = w->n && w->path[w->n - 1].program;
	}
	return 0;
}

static int find_matches(struct fold *f, uint32_t reach)
{
	for (uint32_t i = 0; i < f->n; i++)
		for (uint32_t k = 0; k < f->n && f->l->row[i].n > 0; k++) {
			uint32_t d;

			if (f->l->row[k].n > 0)
				continue;
			d = distance(f->s, f->l, &f->way[i], &f->way[k]);
			if (d > reach)
				continue;
			if (mem_room(&f->match, f->matches, &f->cap, sizeof(*f->match)))
				return -ENOMEM;
			f->match[f->matches++] = (struct match){ d, i, k,
				is_learned(f->s, f->l->row[i].site, f->l->row[k].site) };
		}
	return 0;
}

static int closest_first(const void *a, const void *b, void *arg)
{
	const struct match *x = a, *y = b;
	const struct fold *f = arg;
	const struct ref_row *row = f->l->row;

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	if (x->learned != y->learned)
		return x->learned ? -1 : 1;
	if (row[x->release].last != row[y->release].last)
		return row[x->release].last < row[y->release].last ? -1 : 1;
	if (f->way[x->retain].made != f->way[y->retain].made)
		return f->way[x->retain].made ? -1 : 1;
	if (row[x->retain].last != row[y->retain].last)
		return row[x->retain].last > row[y->retain].last ? -1 : 1;
	return x->retain < y->retain ? -1 : x->retain > y->retain;
}

/* The closest ones that are left, in place of all that could be. */
static uint32_t take_matches(struct fold *f, struct refs_match *ret, int32_t *left)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->matches; i++) {
		int32_t *up = &left[f->match[i].retain], *down = &left[f->match[i].release];
		int32_t by = *up < -*down ? *up : -*down;

		if (*up <= 0 || *down >= 0)
			continue;
		*up -= by;
		*down += by;
		ret[n++] = (struct refs_match){ f->match[i].retain, f->match[i].release, by };
	}
	return n;
}

static bool has_both(const struct book *l)
{
	bool up = false, down = false;

	for (uint32_t i = 0; i < l->n; i++) {
		up |= l->row[i].n > 0;
		down |= l->row[i].n < 0;
	}
	return up && down;
}

int refs_match(struct refs *s, const struct book *l, uint32_t reach, struct refs_match **ret,
	uint32_t *ret_n)
{
	struct fold f = { .s = s, .l = l };
	struct refs_match *match = NULL;
	int32_t *left = NULL;
	uint32_t n = 0;
	int r = 0;

	*ret = NULL;
	*ret_n = 0;
	if (!has_both(l) || l->n > ROWS_MAX)
		return 0;
	r = find_ways(&f);
	if (!r)
		r = find_matches(&f, reach);
	if (!r && f.matches) {
		qsort_r(f.match, f.matches, sizeof(*f.match), closest_first, &f);
		match = mem_array(f.matches, sizeof(*match));
		left = mem_array(l->n, sizeof(*left));
		r = match && left ? 0 : -ENOMEM;
	}
	for (uint32_t i = 0; left && i < l->n; i++)
		left[i] = l->row[i].n;
	if (!r && f.matches)
		n = take_matches(&f, match, left);
	mem_free(left);
	mem_free(f.way);
	mem_free(f.room);
	mem_free(f.match);
	if (r) {
		mem_free(match);
		return r;
	}
	*ret = match;
	*ret_n = n;
	return 0;
}

int refs_fold(struct refs *s, struct book *l, uint32_t reach)
{
	struct refs_match *match;
	uint32_t matches, n = 0;
	int r = refs_match(s, l, reach, &match, &matches);

	if (r)
		return r;
	for (uint32_t i = 0; i < matches; i++) {
		l->row[match[i].retain].n -= match[i].times;
		l->row[match[i].release].n += match[i].times;
	}
	for (uint32_t i = 0; i < l->n; i++)
		if (l->row[i].n)
			l->row[n++] = l->row[i];
	l->n = n;
	mem_free(match);
	return 0;
}
