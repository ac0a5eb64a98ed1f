#include "pairs.h"

#include "buf.h"
#include "mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NOBODY UINT32_MAX
#define ALIGN_MAX 256			/* entries of one key that are compared each with each */

struct side {
	const struct ledger *l;
	uint32_t *with;			/* entry of the other side; NOBODY           */
	uint32_t *order;		/* entries without a partner, by their key   */
	char **key;			/* of each of these entries                  */
	uint32_t n;
};

/* A run of entries of one key on either side. */
struct run {
	const uint32_t *old, *now;
	uint32_t nold, nnow;
};

struct pairing {
	struct side old, now;
	bool *whole;			/* by entry of now: judged by the sum of its key */
};

/* --- who is like whom --------------------------------------------------------------- */

static uint32_t line_of(const struct ledger_entry *e)
{
	return e->nplaces ? e->place[0].line : 0;
}

/* How well two entries of one key fit; any fit is better than none. */
static int fit(const struct ledger_entry *a, const struct ledger_entry *b)
{
	uint32_t n = a->nplaces < b->nplaces ? a->nplaces : b->nplaces;
	int score = 1000, shift = 0;

	if (a->count && b->count && a->bytes / a->count == b->bytes / b->count)
		score += 300;
	if (!ledger_compare_lines(a, b))
		score += 200;
	for (uint32_t i = 0; i < n && shift < 100; i++)
		shift += abs((int)(a->place[i].line & INT32_MAX) - (int)(b->place[i].line & INT32_MAX));
	return score - (shift < 100 ? shift : 100);
}

static void couple(struct pairing *p, uint32_t old, uint32_t now)
{
	p->old.with[old] = now;
	p->now.with[now] = old;
}

/* The best way to pair two lists in order. */
static int align(struct pairing *p, const struct run *r)
{
	size_t width = (size_t)r->nnow + 1;
	int *best = mem_array(((size_t)r->nold + 1) * width, sizeof(*best));
	uint32_t i, k;

	if (!best)
		return -ENOMEM;
#define BEST(i, k) best[(i) * width + (k)]
#define FIT(i, k) fit(&p->old.l->entry[r->old[i]], &p->now.l->entry[r->now[k]])
	for (i = r->nold; i-- > 0;)
		for (k = r->nnow; k-- > 0;) {
			int here = BEST(i + 1, k + 1) + FIT(i, k);

			if (here < BEST(i + 1, k))
				here = BEST(i + 1, k);
			if (here < BEST(i, k + 1))
				here = BEST(i, k + 1);
			BEST(i, k) = here;
		}
	for (i = k = 0; i < r->nold && k < r->nnow;) {
		if (BEST(i, k) == BEST(i + 1, k)) {
			i++;
		} else if (BEST(i, k) == BEST(i, k + 1)) {
			k++;
		} else {
			couple(p, r->old[i], r->now[k]);
			i++, k++;
		}
	}
#undef FIT
#undef BEST
	mem_free(best);
	return 0;
}

static bool lineless(const struct ledger *l, const uint32_t *at, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (line_of(&l->entry[at[i]]))
			return false;
	return true;
}

/* Do sizes alone tell them apart?  Those of texts differ from run to run. */
static bool one_place(const struct ledger *l, const uint32_t *at, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		if (ledger_compare_lines(&l->entry[at[0]], &l->entry[at[i]]))
			return false;
	return true;
}

/*
 * Without debug information there are no lines, and what stands on several lines is
 * one entry: then all of the key are one.
 */
static void couple_whole(struct pairing *p, const struct run *r)
{
	for (uint32_t i = 0; i < r->nnow; i++) {
		p->now.with[r->now[i]] = r->old[0];
		p->whole[r->now[i]] = true;
	}
	for (uint32_t i = 0; i < r->nold; i++)
		p->old.with[r->old[i]] = r->now[0];
}

static int couple_run(struct pairing *p, const struct run *r)
{
	if (r->nold != r->nnow && (lineless(p->old.l, r->old, r->nold) ||
				   lineless(p->now.l, r->now, r->nnow) ||
				   (one_place(p->old.l, r->old, r->nold) &&
				    one_place(p->now.l, r->now, r->nnow)))) {
		couple_whole(p, r);
		return 0;
	}
	if (r->nold <= ALIGN_MAX && r->nnow <= ALIGN_MAX)
		return align(p, r);
	for (uint32_t i = 0; i < r->nold && i < r->nnow; i++)
		couple(p, r->old[i], r->now[i]);
	return 0;
}

/* --- by keys ------------------------------------------------------------------------- */

/* Names without files: a file may be renamed, and so may a program. */
static char *loose_key(const struct ledger_entry *e)
{
	struct buf b = {0};

	buf_puts(&b, e->kind);
	for (uint32_t i = 0; i < e->ntypes; i++)
		buf_printf(&b, "\n%s", e->type[i]);
	for (uint32_t i = 0; i < e->nplaces; i++)
		if (!i || strcmp(e->place[i - 1].function, e->place[i].function) ||
		    strcmp(ledger_file_name(e->place[i - 1].file), ledger_file_name(e->place[i].file)))
			buf_printf(&b, "\n@%s", e->place[i].function);
	for (uint32_t i = 0; i < e->nedges; i++)
		buf_printf(&b, "\n>%s", e->edge[i]);
	return buf_take(&b);
}

static char *strict_key(const struct ledger *l, const struct ledger_entry *e)
{
	struct buf b = {0};

	buf_puts(&b, texts_get(&l->texts, e->key));
	return buf_take(&b);
}

static int by_key(const void *a, const void *b, void *arg)
{
	const struct side *s = arg;
	const uint32_t *x = a, *y = b;
	int r = strcmp(s->key[*x], s->key[*y]);

	return r ? r : *x < *y ? -1 : *x > *y;
}

static void forget_keys(struct side *s)
{
	for (uint32_t i = 0; s->key && i < s->l->n; i++)
		mem_free(s->key[i]);
	mem_free(s->key);
	s->key = NULL;
	s->n = 0;
}

static int sort_side(struct side *s, bool strict)
{
	forget_keys(s);
	s->key = mem_array(s->l->n, sizeof(*s->key));
	if (!s->key)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->l->n; i++) {
		if (s->with[i] != NOBODY)
			continue;
		s->key[i] = strict ? strict_key(s->l, &s->l->entry[i]) : loose_key(&s->l->entry[i]);
		if (!s->key[i])
			return -ENOMEM;
		s->order[s->n++] = i;
	}
	if (s->n)
		qsort_r(s->order, s->n, sizeof(*s->order), by_key, s);
	return 0;
}

static uint32_t run_length(const struct side *s, uint32_t from)
{
	uint32_t to = from + 1;

	while (to < s->n && !strcmp(s->key[s->order[from]], s->key[s->order[to]]))
		to++;
	return to - from;
}

static int join(struct pairing *p, bool strict)
{
	struct side *a = &p->old, *b = &p->now;
	uint32_t i = 0, k = 0;
	int e = sort_side(a, strict);

	if (!e)
		e = sort_side(b, strict);
	while (!e && i < a->n && k < b->n) {
		int r = strcmp(a->key[a->order[i]], b->key[b->order[k]]);
		struct run run = { &a->order[i], &b->order[k], run_length(a, i), run_length(b, k) };

		if (!r)
			e = couple_run(p, &run);
		i += r <= 0 ? run.nold : 0;
		k += r >= 0 ? run.nnow : 0;
	}
	return e;
}

/* --- chains of calls, some of which an optimiser took away ------------------------------ */

/* One without a line has the name of a binary, not of a source file. */
static bool same_call(const struct ledger_place *a, const struct ledger_place *b)
{
	return !strcmp(a->function, b->function) && (!a->line || !b->line ||
		!strcmp(ledger_file_name(a->file), ledger_file_name(b->file)));
}

static bool same_names(const char *const *a, uint32_t n, const char *const *b, uint32_t m)
{
	if (n != m)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(a[i], b[i]))
			return false;
	return true;
}

/* The calls of the shorter chain that say something: the outermost is every chain's. */
static uint32_t common_calls(const struct ledger_entry *a, const struct ledger_entry *b)
{
	const struct ledger_entry *few = a->nplaces < b->nplaces ? a : b;
	const struct ledger_entry *many = few == a ? b : a;
	uint32_t k = 0;

	for (uint32_t i = 0; i < few->nplaces; i++, k++) {
		while (k < many->nplaces && !same_call(&few->place[i], &many->place[k]))
			k++;
		if (k == many->nplaces)
			return 0;
	}
	return few->nplaces;
}

static bool same_each(const struct ledger_entry *a, const struct ledger_entry *b)
{
	return a->count && b->count && a->bytes * b->count == b->bytes * a->count;
}

/* 0: not the same. */
static uint32_t likeness(const struct ledger_entry *a, const struct ledger_entry *b)
{
	uint32_t common;

	if (!a->chain || !b->chain || strcmp(a->kind, b->kind) ||
	    !same_names(a->type, a->ntypes, b->type, b->ntypes) ||
	    !same_names(a->edge, a->nedges, b->edge, b->nedges))
		return 0;
	common = common_calls(a, b);
	if (common > 1 || (common && same_each(a, b)))
		return common * 2 + same_each(a, b);
	return 0;
}

static void pair_chains(struct pairing *p)
{
	for (uint32_t k = 0; k < p->now.l->n; k++) {
		uint32_t most = 0, best = NOBODY;

		if (p->now.with[k] != NOBODY || !p->now.l->entry[k].chain)
			continue;
		for (uint32_t i = 0; i < p->old.l->n; i++) {
			uint32_t like = p->old.with[i] != NOBODY ? 0 :
				likeness(&p->old.l->entry[i], &p->now.l->entry[k]);

			if (like > most) {
				most = like;
				best = i;
			}
		}
		if (best != NOBODY)
			couple(p, best, k);
	}
}

/* --- how much is growth ------------------------------------------------------------------ */

double tolerance_allows(const struct tolerance *t, double base, double scale)
{
	double doublings = scale > 0 ? fabs(log2(scale)) : 0;

	return base * scale * pow(1 + t->share, 1 + doublings);
}

static double ratio(double now, double old)
{
	return now > 0 && old > 0 ? now / old : 1;
}

static double scale_of(enum ledger_per per, const struct ledger_entry *old,
		       const struct ledger_entry *now)
{
	switch (per) {
	case PER_ALLOCATION: return ratio(now->work, old->work);
	case PER_SECOND:     return ratio(now->seconds, old->seconds);
	default:             return 1;
	}
}

static bool above(const struct tolerance *t, const struct ledger_entry *old,
		  const struct ledger_entry *now, double scale)
{
	const double rounding = 1e-6;

	return (double)now->count > tolerance_allows(t, (double)old->count, scale) + rounding ||
		(double)now->objects > t->weight * tolerance_allows(t, (double)old->objects, scale) +
			rounding ||
		(double)now->bytes > t->weight * tolerance_allows(t, (double)old->bytes, scale) +
			t->slack + rounding;
}

static enum pair_verdict compare(const struct tolerance *t, const struct ledger_entry *old,
				 const struct ledger_entry *now, struct pair *p)
{
	bool strict = old->per != PER_ANY;
	double scale, back;

	p->per = strict ? old->per : t->per;
	p->scale = scale = scale_of(p->per, old, now);
	back = 1 / scale;
	/* Unless it is said to be in proportion, what stays the same in a shorter run is no growth. */
	if (!strict && scale < 1)
		scale = 1;
	if (!strict && back < 1)
		back = 1;
	p->allowed = tolerance_allows(t, (double)old->count, scale);
	if (above(t, old, now, scale))
		return PAIR_GROWN;
	return above(t, now, old, back) ? PAIR_SHRUNK : PAIR_SAME;
}

/* All entries of the key of one, as one. */
static struct ledger_entry sum_of(const struct side *s, const struct ledger_entry *like)
{
	struct ledger_entry sum = *like;

	sum.count = sum.objects = sum.bytes = 0;
	for (uint32_t i = 0; i < s->l->n; i++) {
		const struct ledger_entry *e = &s->l->entry[i];

		if (e->key != like->key)
			continue;
		sum.count += e->count;
		sum.objects += e->objects;
		sum.bytes += e->bytes;
	}
	return sum;
}

static void judge(const struct pairing *p, const struct tolerance *t, uint32_t now, struct pair *ret)
{
	const struct ledger_entry *n = &p->now.l->entry[now], *o;

	*ret = (struct pair){ .now = n, .verdict = PAIR_NEW, .scale = 1 };
	if (p->now.with[now] == NOBODY)
		return;
	ret->old = o = &p->old.l->entry[p->now.with[now]];
	ret->whole = p->whole[now];
	if (ret->whole) {
		struct ledger_entry all_old = sum_of(&p->old, o), all_now = sum_of(&p->now, n);

		ret->verdict = compare(t, &all_old, &all_now, ret);
	} else {
		ret->verdict = compare(t, o, n, ret);
	}
}

static int judge_all(struct pairs *ret, const struct pairing *p, const struct tolerance *t)
{
	ret->pair = mem_array((size_t)p->old.l->n + p->now.l->n, sizeof(*ret->pair));
	if (!ret->pair)
		return -ENOMEM;
	for (uint32_t k = 0; k < p->now.l->n; k++)
		judge(p, t, k, &ret->pair[ret->n++]);
	for (uint32_t i = 0; i < p->old.l->n; i++)
		if (p->old.with[i] == NOBODY)
			ret->pair[ret->n++] = (struct pair){ .old = &p->old.l->entry[i],
				.verdict = PAIR_GONE, .scale = 1 };
	for (uint32_t i = 0; i < ret->n; i++)
		ret->count[ret->pair[i].verdict]++;
	return 0;
}

/* --- all of it ------------------------------------------------------------------------------ */

static int side_init(struct side *s, const struct ledger *l)
{
	*s = (struct side){ .l = l, .with = mem_array(l->n, sizeof(*s->with)),
		.order = mem_array(l->n, sizeof(*s->order)) };
	if (!s->with || !s->order)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->n; i++)
		s->with[i] = NOBODY;
	return 0;
}

static void side_fini(struct side *s)
{
	forget_keys(s);
	mem_free(s->with);
	mem_free(s->order);
}

int pairs_make(struct pairs *ret, const struct ledger *old, const struct ledger *now,
	       const struct tolerance *t)
{
	struct pairing p = { .whole = mem_array(now->n, sizeof(*p.whole)) };
	int e = side_init(&p.old, old), f = side_init(&p.now, now);

	*ret = (struct pairs){0};
	e = e ? e : f;
	if (!p.whole)
		e = -ENOMEM;
	if (!e)
		e = join(&p, true);
	if (!e)
		pair_chains(&p);
	if (!e)
		e = join(&p, false);
	if (!e)
		e = judge_all(ret, &p, t);
	side_fini(&p.old);
	side_fini(&p.now);
	mem_free(p.whole);
	return e;
}

void pairs_fini(struct pairs *p)
{
	mem_free(p->pair);
	*p = (struct pairs){0};
}

const char *pair_verdict_name(enum pair_verdict v)
{
	static const char *const name[PAIR_VERDICTS] = { [PAIR_SAME] = "known",
		[PAIR_GROWN] = "grown", [PAIR_SHRUNK] = "shrunk", [PAIR_NEW] = "new",
		[PAIR_GONE] = "gone" };

	return name[v];
}
