#include "find_growth.h"

#include "buf.h"
#include "growth.h"
#include "growth_holder.h"
#include "mem.h"
#include "shape.h"
#include "usage.h"
#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A place that changed after the warm-up: sites of one function, file and line. */
struct candidate {
	uint32_t first, n;		/* sites in grower.key                       */
	struct growth g;
};

struct grower {
	struct findings *f;
	const struct growth_world *w;
	struct replay *r;
	unsigned warm, end;		/* segments                                  */
	struct shaped *key;		/* by place; at: site                        */
	uint32_t n;
	struct candidate *c;
	uint32_t nc, cap;
	struct growth_holder holder;	/* of the place in question                  */
};

/* --- which places ------------------------------------------------------------------ */

static double segment_seconds(const struct grower *x)
{
	const struct trend *t = &x->r->trend;
	const struct trace *trace = x->r->trace;

	return (double)(trace_ns(trace, t->start + t->step) - trace_ns(trace, t->start)) / 1e9;
}

/* False: too little is left. */
static bool choose_segments(struct grower *x)
{
	const struct trend *t = &x->r->trend;
	uint64_t warm = x->w->warm ? x->w->warm : x->r->ready;
	unsigned least = x->w->warm ? 0 : TREND_SEGMENTS / 4;

	x->warm = warm > t->start ? (unsigned)((warm - t->start + t->step - 1) / t->step) : 0;
	x->warm = x->warm < least ? least : x->warm;
	x->end = t->end;		/* in it the program began to tidy up        */
	if (t->failed || !t->done || x->warm + GROWTH_POINTS > x->end)
		return false;
	return x->w->warm || (x->end - x->warm) * segment_seconds(x) >= GROWTH_SECONDS;
}

static bool changed(const struct grower *x, const struct site *s)
{
	const struct trend *t = &x->r->trend;

	for (unsigned i = x->warm; s->series && i + 1 < x->end; i++)
		if (trend_low(t, s->series, i) != trend_low(t, s->series, i + 1))
			return true;
	return false;
}

static int collect(struct grower *x)
{
	struct replay *r = x->r;

	x->key = mem_array(r->sites, sizeof(*x->key));
	if (!x->key)
		return -ENOMEM;
	for (site_id i = 1; i < r->sites; i++) {
		struct place at;

		if (!r->site[i].series || !changed(x, &r->site[i]))
			continue;
		at = places_own(x->w->places, &r->stacks, r->site[i].stack);
		x->key[x->n++] = (struct shaped){ shape_mix((uint64_t)at.function << 32 | at.file,
			at.file || at.interp ? at.line : at.module), i };
	}
	return x->w->places->failed ? -ENOMEM : 0;
}

static int measure(void *arg, const struct shaped *run, uint32_t n)
{
	struct grower *x = arg;
	const struct trend *t = &x->r->trend;
	uint64_t low[TREND_SEGMENTS] = { 0 }, born[TREND_SEGMENTS] = { 0 };
	struct candidate c = { .first = (uint32_t)(run - x->key), .n = n };

	for (uint32_t i = 0; i < n; i++)
		trend_add(t, x->r->site[run[i].at].series, low, born);
	if (!growth_measure(&c.g, low, born, x->warm, x->end))
		return 0;
	if (mem_room(&x->c, x->nc, &x->cap, sizeof(*x->c)))
		return -ENOMEM;
	x->c[x->nc++] = c;
	return 0;
}

/* --- in words ---------------------------------------------------------------------- */

static int take_place(const struct growth_world *w, struct finding *f, site_id site, uint64_t n)
{
	struct heap *h = w->l->h;
	struct places *p = w->places;
	struct place at = places_own(p, &w->l->r->stacks, w->l->r->site[site].stack);
	int64_t stack = heap_load_site(w->l, site);
	text_id function = texts_add0(&h->texts, places_text(p, at.function));
	text_id file = texts_add0(&h->texts, places_text(p, at.file ? at.file : at.module));

	f->site = mem_array(1, sizeof(*f->site));
	if (stack < 0 || !f->site)
		return -ENOMEM;
	heap_load_symbols(h, w->l->symbols, (uint32_t)stack);
	f->site[0] = (struct finding_site){ heap_text(h, function), heap_text(h, file), "", at.line, n };
	f->nsites = 1;
	f->stack = (uint32_t)stack;
	return 0;
}

static int by_objects(const void *a, const void *b)
{
	const struct finding_count *x = a, *y = b;

	return x->objects > y->objects ? -1 : x->objects < y->objects;
}

/* What is left of the place, and of what types. */
static int take_types(struct grower *x, struct finding *f)
{
	struct heap *h = x->w->l->h;
	uint32_t cap = 0;
	struct usage sum = { 0 };

	for (part_id i = 0; i < x->r->parts && i < x->r->parts_left; i++) {
		const struct part *p = &x->r->part[i];
		const char *name;
		struct part_left left = replay_left(x->r, i);
		uint64_t n = left.live_objects;
		uint32_t k = 0;

		if ((!n && !left.live) || !bits_has(&x->holder.of, p->site))
			continue;
		name = usage_type(x->r, x->w->places, p->type);
		usage_add_part(&sum, x->r, i);
		while (n && k < f->ntypes && strcmp(f->type[k].name, name))
			k++;
		if (n && k == f->ntypes) {
			if (mem_room(&f->type, f->ntypes, &cap, sizeof(*f->type)))
				return -ENOMEM;
			f->type[f->ntypes++] = (struct finding_count){
				heap_text(h, texts_add0(&h->texts, name)), 0 };
		}
		if (n)
			f->type[k].objects += n;
	}
	if (f->ntypes)
		qsort(f->type, f->ntypes, sizeof(*f->type), by_objects);
	f->objects = weighed_whole(f->ntypes ? sum.live_objects : sum.live);
	f->bytes = f->retained_bytes = weighed_whole(sum.live_bytes);
	f->retained_objects = f->objects;
	return 0;
}

static void put_things(struct buf *b, const struct finding *f)
{
	if (f->ntypes == 1)
		words_objects(b, f->type[0].name, 2);
	else
		buf_puts(b, f->ntypes ? "objects" : "blocks");
}

/* "list objects" without the number that words_objects puts before them. */
static const char *without_number(const struct buf *b)
{
	const char *space = strchr(buf_text(b), ' ');

	return space && buf_text(b)[0] == '2' ? space + 1 : buf_text(b);
}

static int tell_words(struct grower *x, struct finding *f, const struct candidate *c,
	const char *verb)
{
	struct buf b = { 0 }, things = { 0 };

	put_things(&things, f);
	buf_printf(&b, "%s made in ", without_number(&things));
	words_place(&b, f->site[0].function, f->site[0].file, f->site[0].line);
	buf_puts(&b, " keep growing");
	f->headline = buf_take(&b);
	buf_fini(&things);

	buf_bytes(&b, c->g.gained);
	buf_printf(&b, " more in the %.1f s after the warm-up, ", f->seconds);
	buf_bytes(&b, weighed_whole(f->per_hour));
	buf_puts(&b, " an hour; ");
	buf_number(&b, f->objects);
	buf_puts(&b, " are left, ");
	buf_bytes(&b, f->bytes);
	if (f->holder)
		buf_printf(&b, "; one of them %s %s", verb, f->holder);
	else if (!x->w->graph && !x->w->blocks)
		buf_puts(&b, "; without a snapshot it is not known who holds them");
	f->story = buf_take(&b);

	buf_puts(&b, "If it is meant to be a cache, give it a bound; else let go of each when its work "
		 "is done. `ouro timeline` shows the whole, `ouro sites --by stack` who made them.");
	f->advice = buf_take(&b);
	return f->headline && f->story && f->advice ? 0 : -ENOMEM;
}

/* The stack that gained most stands for the place. */
static site_id most_of(const struct grower *x, const struct candidate *c)
{
	site_id best = x->key[c->first].at;
	uint64_t most = 0;

	for (uint32_t i = 0; i < c->n; i++) {
		uint32_t series = x->r->site[x->key[c->first + i].at].series;
		uint64_t late = trend_low(&x->r->trend, series, x->end - 1);
		uint64_t early = trend_low(&x->r->trend, series, x->warm);
		uint64_t gained = late > early ? late - early : 0;

		if (gained > most) {
			most = gained;
			best = x->key[c->first + i].at;
		}
	}
	return best;
}

/* Sampled: what was gained stands for more. */
static double scale_of(const struct grower *x, const struct finding *f, const struct candidate *c)
{
	double seen = 0;

	for (uint32_t i = 0; x->r->part_scaled && i < c->n; i++)
		seen += (double)x->r->site[x->key[c->first + i].at].live_bytes;
	return seen > 0 ? (double)f->bytes / seen : 1;
}

/* Which sites are of this place. */
static void mark(struct grower *x, const struct candidate *c, bool on)
{
	for (uint32_t i = 0; i < c->n; i++)
		growth_holder_mark(&x->holder, x->key[c->first + i].at, on);
}

static int tell(struct grower *x, struct candidate *c)
{
	site_id site = most_of(x, c);
	struct finding *f;
	struct growth_held held = { 0 };
	int e = 0;

	if (x->w->graph || x->w->blocks)
		e = growth_holder_find(&x->holder, &held);
	f = e || held.dead ? NULL : findings_add(x->f);
	if (!f) {
		mem_free(held.words);
		return e || held.dead ? e : -ENOMEM;
	}
	f->kind = FINDING_GROWTH;
	f->count = 1;
	f->holder = held.words;
	e = take_types(x, f);
	if (!e)
		e = take_place(x->w, f, site, f->objects);
	if (e)
		return e;
	c->g.gained = weighed_whole((double)c->g.gained * scale_of(x, f, c));
	f->seconds = (x->end - x->warm) * segment_seconds(x);
	f->per_hour = c->g.per_segment * scale_of(x, f, c) / segment_seconds(x) * 3600;
	f->chance = c->g.chance;
	/* A hundredth of what the program has: else it is true and hardly matters. */
	f->severity = (double)c->g.gained * 100 >= (double)x->r->total_left.live_bytes ?
		FINDING_WARNING : FINDING_INFO;
	return tell_words(x, f, c, held.verb);
}

int find_growth(struct findings *f, const struct growth_world *w, bool *ret_tested)
{
	struct grower x = { .f = f, .w = w, .r = w->l->r };
	int e;

	*ret_tested = choose_segments(&x);
	if (!*ret_tested)
		return 0;
	e = collect(&x);
	if (!e)
		e = shape_runs(x.key, x.n, measure, &x);
	if (!e)
		e = growth_holder_init(&x.holder, w, x.r->trend.start + x.warm * x.r->trend.step);
	for (uint32_t i = 0; i < x.nc && !e; i++) {
		if (!growth_is(&x.c[i].g, x.nc) || x.c[i].g.gained < GROWTH_BYTES)
			continue;
		mark(&x, &x.c[i], true);
		e = tell(&x, &x.c[i]);
		mark(&x, &x.c[i], false);
	}
	growth_holder_fini(&x.holder);
	mem_free(x.key);
	mem_free(x.c);
	return e;
}

/* --- churn ------------------------------------------------------------------------- */

#define CHURN_BLOCKS	100000		/* fewer cost nothing                        */
#define CHURN_SHARE	0.25		/* of all blocks of the program: told        */
#define CHURN_MUCH	0.50		/* ... a warning                             */
#define CHURN_OWN	0.5		/* of what the place makes                   */
#define CHURN_RATE	10000		/* a second                                  */

static int tell_churn(struct findings *fs, const struct growth_world *w,
	const struct usage_row *row, double all, double run)
{
	struct finding *f = findings_add(fs);
	const struct usage *u = &row->u;
	struct buf b = { 0 };

	if (!f)
		return -ENOMEM;
	f->kind = FINDING_CHURN;
	f->count = 1;
	f->severity = u->brief >= CHURN_MUCH * all ? FINDING_WARNING : FINDING_INFO;
	f->objects = weighed_whole(u->brief);
	f->bytes = weighed_whole(u->bytes * u->brief / u->blocks);
	f->per_hour = u->brief / run * 3600;
	if (take_place(w, f, row->site, f->objects))
		return -ENOMEM;
	buf_number(&b, f->objects);
	buf_puts(&b, " blocks made in ");
	words_place(&b, row->function, row->file, row->line);
	buf_puts(&b, " are freed at once");
	f->headline = buf_take(&b);
	buf_printf(&b, "%.0f %% of all that the program makes, ", 100 * u->brief / all);
	buf_number(&b, weighed_whole(u->brief / run));
	buf_puts(&b, " a second, ");
	buf_bytes(&b, weighed_whole(u->bytes / u->blocks));
	buf_puts(&b, " each: their thread frees them before it makes or frees anything else");
	f->story = buf_take(&b);
	buf_puts(&b, w->graph ? "Make it once, outside of the loop, where that can be." :
		 "Keep one and use it again, or put it on the stack.");
	f->advice = buf_take(&b);
	return f->headline && f->story && f->advice ? 0 : -ENOMEM;
}

int find_churn(struct findings *f, const struct growth_world *w, double run)
{
	struct usage_query q = { .by = USAGE_BY_SITE, .least_brief = CHURN_BLOCKS / 50.0 };
	double all = (double)replay_totals(w->l->r).blocks;
	struct usage_table t;
	int e;

	if (all < CHURN_BLOCKS || run <= 0)
		return 0;
	e = usage_table_init(&t, w->l->r, w->places, &q);
	if (e)
		return e;
	for (uint32_t i = 0; i < t.n && !e; i++) {
		const struct usage *u = &t.row[i].u;

		if (u->brief >= CHURN_SHARE * all && u->brief >= CHURN_OWN * u->blocks &&
		    u->brief / run >= CHURN_RATE)
			e = tell_churn(f, w, &t.row[i], all, run);
	}
	usage_table_fini(&t);
	return e;
}
