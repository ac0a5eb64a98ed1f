#include "find_collector.h"

#include "buf.h"
#include "describe.h"
#include "mem.h"
#include "shape.h"
#include "tally.h"
#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	CALLS_MIN = 10, CALLS_PERCENT = 1,
	RUNS_MIN = 5, RUNS_PERCENT = 2, YIELD_PERCENT = 1,
	WARNING_PERCENT = 5,
	GARBAGE_MIN = 100, GARBAGE_PERCENT = 5, GARBAGE_WARNING_PERCENT = 1,
};

/* Of less, one moment in which the machine did something else could be the whole. */
#define WASTE_SECONDS 0.05

static double percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

/* --- explicit collections by their callers ----------------------------------------------- */

static bool is_explicit(const struct collection *c)
{
	return c->cause == OURO_CAUSE_CALL || c->cause == OURO_CAUSE_NATIVE_CALL;
}

struct of_caller {
	const struct collections *s;
	const uint32_t *caller;		/* by collection; UINT32_MAX: none           */
	uint32_t which;
};

static bool from_caller(const struct collection *c, const void *arg)
{
	const struct of_caller *x = arg;

	return x->caller[c - x->s->c] == x->which;
}

static int more_expensive_first(const void *a, const void *b)
{
	const struct collector_caller *x = a, *y = b;

	return x->sum.seconds > y->sum.seconds ? -1 : x->sum.seconds < y->sum.seconds;
}

/* Numbers the callers: runs of equal keys. */
struct numbering {
	struct collector_callers *callers;
	const struct collections *s;
	const uint32_t *site;
	uint32_t *caller;
};

static int add_caller(void *arg, const struct shaped *run, uint32_t n)
{
	struct numbering *x = arg;
	struct collector_callers *k = x->callers;

	if (mem_room(&k->c, k->n, &k->cap, sizeof(*k->c)))
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		x->caller[run[i].at] = k->n;
	k->c[k->n++] = (struct collector_caller){ .site = x->site[run[0].at],
						  .cause = x->s->c[run[0].at].cause };
	return 0;
}

static int number_callers(struct numbering *x, struct heap_loader *l, uint32_t *site,
			  struct shaped *key)
{
	struct shapes shapes;
	uint32_t n = 0;
	int e;

	for (uint32_t i = 0; i < x->s->n; i++) {
		int64_t at;

		x->caller[i] = UINT32_MAX;
		if (!is_explicit(&x->s->c[i]))
			continue;
		at = heap_load_site(l, x->s->c[i].site);
		if (at < 0)
			return (int)at;
		site[i] = (uint32_t)at;
		key[n++].at = i;
	}
	if (shapes_init(&shapes, l->h))
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t place = shapes.place[site[key[i].at]];

		key[i].shape = shape_mix(x->s->c[key[i].at].cause, place ? place : site[key[i].at]);
	}
	e = shape_runs(key, n, add_caller, x);
	shapes_fini(&shapes);
	return e;
}

int collector_callers(const struct collections *s, struct heap_loader *l,
		      struct collector_callers *ret)
{
	struct collector_callers k = {0};
	uint32_t *site = mem_array(s->n, sizeof(*site));
	uint32_t *caller = mem_array(s->n, sizeof(*caller));
	struct shaped *key = mem_array(s->n, sizeof(*key));
	struct numbering x = { &k, s, site, caller };
	int e = site && caller && key ? number_callers(&x, l, site, key) : -ENOMEM;

	for (uint32_t i = 0; i < k.n && !e; i++)
		e = collections_sum(s, l->r->trace, from_caller,
				    &(struct of_caller){ s, caller, i }, &k.c[i].sum);
	mem_free(site);
	mem_free(caller);
	mem_free(key);
	if (e) {
		collector_callers_fini(&k);
		return e;
	}
	if (k.n)
		qsort(k.c, k.n, sizeof(*k.c), more_expensive_first);
	*ret = k;
	return 0;
}

void collector_callers_fini(struct collector_callers *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		collection_sum_fini(&s->c[i].sum);
	mem_free(s->c);
	*s = (struct collector_callers){0};
}

/* --- collector-waste ----------------------------------------------------------------------- */

static int take_texts(struct finding *f, struct buf *headline, struct buf *story,
		      struct buf *advice)
{
	f->headline = buf_take(headline);
	f->story = buf_take(story);
	f->advice = buf_take(advice);
	return f->headline && f->story && f->advice ? 0 : -ENOMEM;
}

static int take_site(struct finding *f, const struct heap *h, uint32_t site, uint64_t n)
{
	f->stack = site;
	if (!heap_place(h, site))
		return 0;
	f->site = mem_array(1, sizeof(*f->site));
	if (!f->site)
		return -ENOMEM;
	f->site[0] = tally_site(h, site);
	f->site[0].variable = "";
	f->site[0].objects = n;
	f->nsites = 1;
	return 0;
}

static void tell_times(struct buf *b, const struct collection_sum *s, double run)
{
	buf_printf(b, "%.3f s in all, %.1f %% of the run, %.3f ms each at the median and %.3f ms at "
		   "most", s->seconds, percent(s->seconds, run), 1e3 * collection_pause(s, 50),
		   1e3 * collection_pause(s, 100));
	if (s->recorder > 0)
		buf_printf(b, "; about %.3f s of it is ouro's own recording", s->recorder);
}

static void tell_yield(struct buf *b, const struct collection_sum *s)
{
	buf_puts(b, "; they freed ");
	buf_number(b, s->freed);
	buf_puts(b, " objects");
	if (s->examined && !s->unexamined) {
		buf_puts(b, " of the ");
		buf_number(b, s->examined);
		buf_puts(b, " looked at");
	}
	buf_printf(b, ", %.1f per collection", (double)s->freed / (double)s->n);
}

static struct finding *add_waste(struct findings *to, const struct collection_sum *s, double run)
{
	struct finding *f = findings_add(to);

	if (!f)
		return NULL;
	f->kind = FINDING_COLLECTOR_WASTE;
	f->severity = percent(s->seconds, run) >= WARNING_PERCENT ? FINDING_WARNING : FINDING_INFO;
	f->count = s->n;
	f->objects = s->freed;
	return f;
}

static int tell_calls(struct findings *to, const struct heap *h, const struct collector_caller *c,
		      double run)
{
	struct buf headline = {0}, story = {0}, advice = {0};
	struct finding *f = add_waste(to, &c->sum, run);
	struct finding_site at;

	if (!f || take_site(f, h, c->site, c->sum.n))
		return -ENOMEM;
	at = tally_site(h, c->site);
	buf_number(&headline, c->sum.n);
	buf_printf(&headline, " explicit collections take %.1f %% of the run, called ",
		   percent(c->sum.seconds, run));
	if (f->nsites) {
		buf_puts(&headline, "in ");
		words_place(&headline, at.function, at.file, at.line);
	} else {
		buf_puts(&headline, "by C code");
	}
	tell_times(&story, &c->sum, run);
	tell_yield(&story, &c->sum);
	buf_puts(&advice, c->cause == OURO_CAUSE_CALL ?
		 "Take the call out of the loop, or out altogether: the collector runs by itself when "
		 "enough objects were made. Where a pause at a chosen moment is wanted, call it "
		 "there, once; gc.collect(0) looks at the youngest objects alone." :
		 "A C extension calls PyGC_Collect(): look for an option of the library, or for what "
		 "makes it believe that memory is short.");
	return take_texts(f, &headline, &story, &advice);
}

struct of_generation {
	unsigned generation;
	uint64_t ready;			/* ticks: the start-up's are not the program's */
};

static bool automatic_of(const struct collection *c, const void *arg)
{
	const struct of_generation *x = arg;

	return c->cause == OURO_CAUSE_THRESHOLD && c->generation == x->generation &&
		c->start >= x->ready;
}

/* What the machine did meanwhile for others is no waste of the collector's. */
static double own_seconds(const struct collection_sum *s)
{
	return s->cpu >= 0 && s->cpu < s->seconds ? s->cpu : s->seconds;
}

static bool yields_next_to_nothing(const struct collection_sum *s)
{
	return !s->unexamined && s->freed * 100 < s->examined * YIELD_PERCENT;
}

static int tell_automatic(struct findings *to, unsigned generation,
			  const struct collection_sum *s, double run)
{
	struct buf headline = {0}, story = {0}, advice = {0};
	struct finding *f;

	if (s->n < RUNS_MIN || own_seconds(s) < WASTE_SECONDS ||
	    percent(own_seconds(s), run) < RUNS_PERCENT ||
	    !yields_next_to_nothing(s))
		return 0;
	f = add_waste(to, s, run);
	if (!f)
		return -ENOMEM;
	buf_number(&headline, s->n);
	buf_printf(&headline, " automatic collections of generation %u take %.1f %% of the run and "
		   "free next to nothing", generation, percent(s->seconds, run));
	tell_times(&story, s, run);
	tell_yield(&story, s);
	buf_puts(&advice, generation == 2 ?
		 "What they look at again and again stays: gc.freeze() once it is built takes it out "
		 "of every later collection." :
		 "A higher first threshold (gc.set_threshold) makes them rarer; little garbage waits "
		 "for them.");
	return take_texts(f, &headline, &story, &advice);
}

int find_collector_waste(struct findings *to, const struct collections *s,
			 struct heap_loader *l, double run)
{
	struct collector_callers k;
	int e = collector_callers(s, l, &k);

	if (e)
		return e;
	for (uint32_t i = 0; i < k.n && !e; i++)
		if (k.c[i].sum.n >= CALLS_MIN && own_seconds(&k.c[i].sum) >= WASTE_SECONDS &&
		    percent(own_seconds(&k.c[i].sum), run) >= CALLS_PERCENT)
			e = tell_calls(to, l->h, &k.c[i], run);
	for (unsigned g = 0; g < GENERATIONS && !e; g++) {
		struct collection_sum sum;

		e = collections_sum(s, l->r->trace, automatic_of,
				    &(struct of_generation){ g, l->r->ready }, &sum);
		if (e)
			break;
		e = tell_automatic(to, g, &sum, run);
		collection_sum_fini(&sum);
	}
	collector_callers_fini(&k);
	return e;
}

/* --- collected-cycle ----------------------------------------------------------------------- */

/* What was made in one function and freed by the collector. */
struct garbage_sum {
	struct findings *to;
	const struct heap *h;
	const struct survival_table *t;
	const struct garbage *seen;
	uint64_t all;			/* objects that collections freed            */
	double run;
};

static uint64_t collected(const struct survival_place *p)
{
	return p->lives.garbage;
}

static void add_type(struct finding *f, const char *name, uint64_t n)
{
	uint32_t i;

	for (i = 0; i < f->ntypes; i++)
		if (!strcmp(f->type[i].name, name))
			break;
	if (i == f->ntypes)
		f->type[f->ntypes++].name = name;
	f->type[i].objects += n;
}

/* What is made in that place, seen before a collection or waiting for one at the end. */
static struct finding *one_like(const struct garbage_sum *g, const char *function,
				const char *file, uint32_t line)
{
	struct finding *like = garbage_like(g->seen, function, file, line);

	for (uint32_t i = 0; i < g->to->n && !like; i++)
		if (g->to->f[i].kind == FINDING_DEAD_CYCLE &&
		    finding_nearness(&g->to->f[i], function, file, line))
			like = &g->to->f[i];
	return like;
}

static void add_line(struct finding *f, const struct heap *h, const struct survival_place *p)
{
	struct finding_site at = tally_site(h, p->site);
	uint32_t i;

	for (i = 0; i < f->nsites; i++)
		if (f->site[i].line == at.line)
			break;
	if (i == f->nsites)
		f->site[f->nsites++] = at;
	else if (strcmp(f->site[i].variable, at.variable))
		f->site[i].variable = "";
	f->site[i].objects += collected(p);
}

static int more_types_first(const void *a, const void *b)
{
	const struct finding_count *x = a, *y = b;

	return x->objects > y->objects ? -1 : x->objects < y->objects;
}

static int more_sites_first(const void *a, const void *b)
{
	const struct finding_site *x = a, *y = b;

	return x->objects > y->objects ? -1 : x->objects < y->objects;
}

/* The place of which most objects came shows its stack. */
static int sum_up(struct finding *f, const struct garbage_sum *g, const struct shaped *run, uint32_t n)
{
	uint64_t most = 0;

	f->type = mem_array(n, sizeof(*f->type));
	f->site = mem_array(n, sizeof(*f->site));
	if (!f->type || !f->site)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const struct survival_place *p = &g->t->place[run[i].at];

		add_type(f, p->type, collected(p));
		add_line(f, g->h, p);
		f->bytes += p->lives.collected_bytes;
		if (collected(p) > most) {
			most = collected(p);
			f->stack = p->site;
		}
	}
	qsort(f->type, f->ntypes, sizeof(*f->type), more_types_first);
	qsort(f->site, f->nsites, sizeof(*f->site), more_sites_first);
	return 0;
}

/* Of a look at garbage, it is told nowhere else: what it shows of one cycle is taken over. */
static void take_members(struct finding *f, struct finding *like)
{
	f->heap = like->heap;
	f->member = like->member;
	f->edge = like->edge;
	f->nmembers = like->nmembers;
	f->nedges = like->nedges;
	f->members_all = like->members_all;
	like->member = NULL;
	like->edge = NULL;
	like->nmembers = like->nedges = 0;
}

static void tell_rate(struct buf *b, const struct finding *f)
{
	buf_puts(b, "; ");
	buf_number(b, (uint64_t)f->rate.objects);
	buf_puts(b, " objects and ");
	buf_bytes(b, (uint64_t)f->rate.bytes);
	buf_puts(b, " a second");
}

static int tell_garbage(void *arg, const struct shaped *run, uint32_t n)
{
	const struct garbage_sum *g = arg;
	struct buf headline = {0}, story = {0}, advice = {0};
	uint64_t objects = 0, births = 0;
	struct finding *like, *f;
	double cost = 0;

	for (uint32_t i = 0; i < n; i++) {
		objects += collected(&g->t->place[run[i].at]);
		births += g->t->place[run[i].at].lives.births;
		cost += g->t->place[run[i].at].lives.collecting;
	}
	if (!objects || objects * 100 < g->all * GARBAGE_PERCENT ||
	    !heap_place(g->h, g->t->place[run[0].at].site) ||
	    heap_is_import(g->h, g->t->place[run[0].at].site))
		return 0;
	f = findings_add(g->to);
	if (!f || sum_up(f, g, run, n))
		return -ENOMEM;
	f->kind = FINDING_COLLECTED_CYCLE;
	f->severity = percent(cost, g->run) >= GARBAGE_WARNING_PERCENT ? FINDING_WARNING : FINDING_INFO;
	f->count = 1;
	f->objects = f->retained_objects = objects;
	f->retained_bytes = f->bytes;
	f->rate.collecting = cost;
	if (g->run > 0) {
		f->rate.objects = (double)objects / g->run;
		f->rate.bytes = (double)f->bytes / g->run;
	}
	buf_puts(&headline, "only the collector freed ");
	describe_types(&headline, f->type, f->ntypes);
	buf_puts(&headline, ", made ");
	describe_sites(&headline, f);
	buf_number(&story, objects);
	buf_puts(&story, " of ");
	buf_number(&story, births);
	buf_printf(&story, " objects made there lay in cycles or hung from them until a collection "
		   "came, %.1f %% of all that collections freed", percent((double)objects,
		   (double)g->all));
	tell_rate(&story, f);
	buf_printf(&story, "; their part of automatic collections is %.3f s, %.1f %% of the run. ",
		   cost, percent(cost, g->run));
	like = one_like(g, f->site[0].function, f->site[0].file, f->site[0].line);
	if (like)
		buf_printf(&story, "One of them, %s: %s", like->heap ? "just before a collection"
			   : "still waiting in the snapshot", like->story);
	else
		buf_puts(&story, "Their shape is not known: no snapshot has one of them "
			 "(--snapshot exit+collection takes some before collections)");
	buf_puts(&advice, like ? like->advice :
		 "Break the cycle when the work is done (set the reference back to None, "
		 "clear the container), or make the reference that leads back a weakref.");
	buf_puts(&advice, " Then they go at once, and no collector is needed for them.");
	if (like && like->heap)
		take_members(f, like);
	return take_texts(f, &headline, &story, &advice);
}

static uint64_t hash_of(const char *text)
{
	uint64_t h = 2;

	while (*text)
		h = shape_mix(h, (unsigned char)*text++);
	return h;
}

/* Places of one shape of cycle together; where none is known, those of one function. */
static void by_shape(const struct garbage_sum *g, struct shaped *key)
{
	for (uint32_t i = 0; i < g->t->n; i++) {
		const struct heap_frame *at = heap_place(g->h, g->t->place[i].site);
		const struct finding *like = at ? one_like(g, heap_text(g->h, at->function),
			heap_text(g->h, at->file), at->line) : NULL;

		key[i] = (struct shaped){ at ? shape_mix(at->function, at->file) : 1, i };
		if (like)
			key[i].shape = hash_of(like->story);
	}
}

int find_collected_cycles(struct findings *to, const struct survival *lives,
			  struct heap_loader *l, const struct garbage *seen, double run)
{
	struct survival_table t;
	struct shaped *key;
	int e = survival_fold(lives, l, true, &t);

	if (e)
		return e;
	key = mem_array(t.n, sizeof(*key));
	if (!key)
		e = -ENOMEM;
	else if (t.all.garbage >= GARBAGE_MIN) {
		struct garbage_sum g = { .to = to, .h = l->h, .t = &t, .seen = seen,
					 .all = t.all.garbage, .run = run };

		by_shape(&g, key);
		e = shape_runs(key, t.n, tell_garbage, &g);
	}
	mem_free(key);
	survival_table_fini(&t);
	return e;
}
