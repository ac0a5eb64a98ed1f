#include "whatif.h"

#include "buf.h"
#include "mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROWS = 16,
	WRONG_LET_PASS = 1, WRONG_PER_MILLE = 2,	/* collections of a generation */
	GARBAGE_MAX = 20 * 1000 * 1000,
};

#define SAVES_PERCENT	1.0
#define SAVES_SECONDS	0.05
#define NEARLY_AS_GOOD	0.1	/* of what could be saved: then the simpler one is better */

/* ------------------------------------------------------------------------ what to try */

static bool same(const struct setting *a, const struct setting *b)
{
	return a->off == b->off && a->keep == b->keep && a->freeze == b->freeze &&
		!memcmp(a->threshold, b->threshold, sizeof(a->threshold));
}

static void try(struct whatif *w, struct setting s, bool asked)
{
	for (uint32_t i = 1; i < w->n; i++)
		if (same(&w->p[i].setting, &s)) {
			w->p[i].asked |= asked;
			return;
		}
	if (w->n < ROWS)
		w->p[w->n++] = (struct prediction){ .setting = s, .asked = asked };
}

static struct setting thresholds(uint32_t a, uint32_t b, uint32_t c, uint64_t freeze)
{
	return (struct setting){ .threshold = { a, b, c }, .freeze = freeze };
}

/* The last ones of the program itself, which are what a change is made to. */
static void thresholds_now(const struct tape *t, uint32_t *ret)
{
	uint32_t young = t->lists.minor >= 13 ? 2000 : 700;

	ret[0] = young;
	ret[1] = ret[2] = 10;
	if (t->nsettings)
		memcpy(ret, t->settings[t->nsettings - 1].threshold, GENERATIONS * sizeof(*ret));
}

/* The simplest first: of two that are as good, the first is recommended. */
static void choose(struct whatif *w, const struct tape *t, const struct trace *trace,
		   const struct whatif_options *o)
{
	uint64_t start = t->settled && t->settled < t->clock / 2 ? t->settled : NEVER;
	uint64_t freeze = o->freeze >= 0 ? tape_clock_at(t, trace, o->freeze) : NEVER;
	uint32_t now[GENERATIONS];

	thresholds_now(t, now);
	w->n = 1;
	w->p[0].setting = (struct setting){ .recorded = true, .freeze = NEVER };
	memcpy(w->p[0].setting.threshold, now, sizeof(now));
	for (uint32_t i = 0; i < o->nasked; i++)
		try(w, o->asked[i].off ?
		    (struct setting){ .keep = true, .off = true, .freeze = freeze } :
		    thresholds(o->asked[i].threshold[0], o->asked[i].threshold[1],
			       o->asked[i].threshold[2], freeze), true);
	if (!o->nasked && freeze != NEVER)
		try(w, (struct setting){ .keep = true, .freeze = freeze }, true);
	if (start != NEVER) {
		w->freeze_seconds = tape_seconds_at(t, trace, start);
		try(w, (struct setting){ .keep = true, .freeze = start }, false);
	}
	try(w, thresholds(10000, 10, 10, NEVER), false);
	try(w, thresholds(50000, 10, 10, NEVER), false);
	try(w, thresholds(10000, 50, 100, NEVER), false);
	if (start != NEVER)
		try(w, thresholds(10000, 10, 10, start), false);
	try(w, (struct setting){ .keep = true, .off = true, .freeze = NEVER }, false);
}

/* ------------------------------------------------------------------------ the numbers */

static void widen(struct range *r, double v, bool first)
{
	if (first)
		*r = (struct range){ v, v, v };
	if (v < r->low)
		r->low = v;
	if (v > r->high)
		r->high = v;
}

static int shorter_first(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double quantile(const double *pause, uint32_t n, double part)
{
	uint32_t at = (uint32_t)(n * part);

	return n ? pause[at < n ? at : n - 1] : 0;
}

static void take_quantiles(struct prediction *p, double *pause, uint32_t n)
{
	if (n)
		qsort(pause, n, sizeof(*pause), shorter_first);
	p->pause_median = quantile(pause, n, 0.5);
	p->pause_p99 = quantile(pause, n, 0.99);
}

static int add_up(struct prediction *p, const struct simulation *s, const struct pauses *cost,
		  bool first)
{
	double *pause = mem_array(s->n, sizeof(*pause)), seconds = 0;
	uint32_t n = 0;

	if (!pause)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n; i++) {
		if (s->run[i].start_up)
			continue;
		pause[n] = pauses_predict(cost, s->run[i].generation, s->run[i].examined,
					  s->run[i].freed);
		seconds += pause[n++];
	}
	if (first)
		take_quantiles(p, pause, n);
	else if (n)
		qsort(pause, n, sizeof(*pause), shorter_first);
	if (n && pause[n - 1] > p->pause_max)
		p->pause_max = pause[n - 1];
	for (unsigned g = 0; g < GENERATIONS; g++)
		widen(&p->runs[g], (double)s->runs[g], first);
	widen(&p->seconds, seconds, first);
	widen(&p->peak_bytes, (double)s->peak_bytes, first);
	widen(&p->waiting_bytes, (double)s->peak_waiting, first);
	mem_free(pause);
	return 0;
}

/*
 * The first row is measured; what its garbage held is not, and stays the model's.  So do times of
 * single collections that were not measured.
 */
static int take_measured(struct prediction *p, const struct collections *s, const struct trace *t,
			 const struct pauses *cost)
{
	double *pause = mem_array(s->n, sizeof(*pause)), runs[GENERATIONS] = {0}, seconds = 0;
	uint32_t n = 0;

	if (!pause)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->n; i++) {
		const struct collection *c = &s->c[i];
		double took;

		if (c->cause == OURO_CAUSE_FINALISATION || collection_of_start_up(s, c))
			continue;
		took = pauses_measured(cost, s, t, c);
		if (took <= 0)
			took = pauses_predict(cost, c->generation, c->examined ? c->examined - 1 : 0,
					      c->freed);
		pause[n++] = took;
		seconds += took;
		if (c->generation < GENERATIONS)
			runs[c->generation]++;
	}
	for (unsigned g = 0; g < GENERATIONS; g++)
		widen(&p->runs[g], runs[g], true);
	widen(&p->seconds, seconds, true);
	take_quantiles(p, pause, n);
	p->pause_max = n ? pause[n - 1] : 0;
	mem_free(pause);
	return 0;
}

/* Does the model repeat what was recorded?  Else why not, in words. */
static bool holds(struct whatif *w)
{
	const struct self_check *k = &w->check;

	for (unsigned g = 0; g < GENERATIONS; g++) {
		uint64_t a = k->recorded[g], b = k->simulated[g], d = a > b ? a - b : b - a;

		if (d <= WRONG_LET_PASS || d * 1000 <= a * WRONG_PER_MILLE)
			continue;
		snprintf(w->why, sizeof(w->why), "the model of the collector gives %llu collections of "
			 "generation %u where %llu were recorded", (unsigned long long)b, g,
			 (unsigned long long)a);
		return false;
	}
	return true;
}

static int play(struct whatif *w, struct tape *t)
{
	struct setting setting[ROWS];
	struct simulation sim[ROWS];

	for (uint32_t i = 0; i < w->n; i++)
		setting[i] = w->p[i].setting;
	for (int k = 0; k < WASTE_GUESSES; k++) {
		struct self_check check;
		int e;

		tape_guess(t, (enum waste_guess)k);
		e = simulate(t, setting, w->n, sim, &check);
		if (e)
			return e;
		if (!k)
			w->check = check;
		for (uint32_t i = 0; i < w->n && !e; i++)
			e = add_up(&w->p[i], &sim[i], &w->pauses, !k);
		simulations_fini(sim, w->n);
		if (e)
			return e;
		if (!k && !holds(w)) {
			w->refused = w->why;
			return 0;
		}
	}
	return 0;
}

/* ------------------------------------------------------------------------ the best of them */

static void judge(struct whatif *w, const struct whatif_options *o)
{
	const struct prediction *now = &w->p[0];

	w->memory_percent = o->memory_percent;
	w->pause = o->pause > 0 ? o->pause : now->pause_max;
	for (uint32_t i = 0; i < w->n; i++) {
		struct prediction *p = &w->p[i];

		p->memory_holds = p->peak_bytes.high <=
			now->peak_bytes.high * (1 + o->memory_percent / 100);
		p->pause_holds = p->pause_max <= w->pause;
	}
}

/* Off is for who knows that there will be no garbage: one run does not say so. */
static bool may_be_best(const struct prediction *p)
{
	return p->memory_holds && p->pause_holds && !p->setting.off;
}

bool whatif_worth(double seconds, double run)
{
	return seconds >= SAVES_SECONDS && seconds * 100 >= run * SAVES_PERCENT;
}

static void find_best(struct whatif *w, double run)
{
	double now = w->p[0].seconds.likely, least = now, saved;

	for (uint32_t i = 1; i < w->n; i++)
		if (may_be_best(&w->p[i]) && w->p[i].seconds.high < least)
			least = w->p[i].seconds.high;
	saved = now - least;
	if (!whatif_worth(saved, run))
		return;
	for (uint32_t i = 1; i < w->n && !w->best; i++)
		if (may_be_best(&w->p[i]) &&
		    w->p[i].seconds.high <= least + NEARLY_AS_GOOD * saved)
			w->best = (int)i;
}

int whatif_init(struct whatif *w, struct tape *t, const struct replay *r,
		const struct whatif_options *o, double run)
{
	const struct collections *s = t->collections;
	int e;

	*w = (struct whatif){ .refused = t->refused, .living = t->living };
	if (t->failed)
		return -ENOMEM;
	if (!s)
		w->refused = "not all of the recording was looked at";
	if (!w->refused && collections_missed(s))
		w->refused = "not all collections were seen";
	if (!w->refused && !s->n)
		w->refused = "no collection was recorded to measure";
	if (!w->refused && t->waste.objects > GARBAGE_MAX)
		w->refused = "there is too much garbage in it";
	if (w->refused)
		return 0;
	w->p = mem_array(ROWS, sizeof(*w->p));
	if (!w->p)
		return -ENOMEM;
	choose(w, t, r->trace, o);
	e = pauses_fit(&w->pauses, s, r->trace);
	if (!e)
		e = play(w, t);
	if (!e && !w->refused)
		e = take_measured(&w->p[0], s, r->trace, &w->pauses);
	if (e) {
		whatif_fini(w);
		return e;
	}
	if (!w->refused) {
		judge(w, o);
		find_best(w, run);
	}
	return 0;
}

void whatif_fini(struct whatif *w)
{
	mem_free(w->p);
	w->p = NULL;
	w->n = 0;
}

void whatif_name(char *buf, size_t size, const struct prediction *p)
{
	const struct setting *s = &p->setting;
	char set[80] = "";

	if (!s->keep)
		snprintf(set, sizeof(set), "%u, %u, %u", s->threshold[0], s->threshold[1],
			 s->threshold[2]);
	if (s->off)
		snprintf(buf, size, s->freeze == NEVER ? "off" : "freeze, off");
	else if (s->freeze == NEVER)
		snprintf(buf, size, "%s", set);
	else
		snprintf(buf, size, s->keep ? "freeze" : "freeze, %s", set);
}

/* ------------------------------------------------------------------------ collector-tuning */

static void tell_setting(struct buf *b, const struct whatif *w, const struct prediction *p)
{
	const struct setting *s = &p->setting;

	if (!s->keep)
		buf_printf(b, "gc.set_threshold(%u, %u, %u)", s->threshold[0], s->threshold[1],
			   s->threshold[2]);
	if (s->freeze != NEVER)
		buf_printf(b, "%sgc.freeze() after start-up", s->keep ? "" : " and ");
	(void)w;
}

static void tell_counts(struct buf *b, const struct prediction *p)
{
	for (unsigned g = 0; g < GENERATIONS; g++) {
		buf_puts(b, g ? ", " : "");
		buf_number(b, (unsigned long long)p->runs[g].likely);
	}
}

static int write_tuning(struct finding *f, const struct whatif *w, double run)
{
	const struct prediction *now = &w->p[0], *best = &w->p[w->best];
	double saved = now->seconds.likely - best->seconds.likely;
	struct buf headline = {0}, story = {0}, advice = {0};

	buf_puts(&headline, "the collector takes ");
	buf_printf(&headline, "%.1f %% of the run; with ", 100 * now->seconds.likely / run);
	tell_setting(&headline, w, best);
	buf_printf(&headline, " it would take %.1f %%", 100 * best->seconds.likely / run);
	buf_puts(&story, "now ");
	tell_counts(&story, now);
	buf_printf(&story, " collections of generations 0, 1 and 2 take %.3f s, the longest %.1f ms; then ",
		   now->seconds.likely, 1e3 * now->pause_max);
	tell_counts(&story, best);
	buf_printf(&story, " would take %.3f s, the longest %.1f ms, and memory at the peak would be ",
		   best->seconds.likely, 1e3 * best->pause_max);
	buf_bytes(&story, (unsigned long long)best->peak_bytes.high);
	buf_puts(&story, " instead of ");
	buf_bytes(&story, (unsigned long long)now->peak_bytes.high);
	buf_printf(&story, ". Of what was tried it is the cheapest that needs no more than %g %% more "
		   "memory and has no pause above %.1f ms", w->memory_percent, 1e3 * w->pause);
	buf_puts(&advice, "Write ");
	if (!best->setting.keep)
		buf_printf(&advice, "gc.set_threshold(%u, %u, %u) where the program starts",
			   best->setting.threshold[0], best->setting.threshold[1],
			   best->setting.threshold[2]);
	if (best->setting.freeze != NEVER)
		buf_printf(&advice, "%sgc.freeze() where it is done with starting up (%.1f s into this "
			   "run nine of ten objects that stayed had been made)",
			   best->setting.keep ? "" : ", and ", w->freeze_seconds);
	buf_printf(&advice, ". It is a prediction from this one run, and saves %.3f s of it; `ouro gc` "
		   "shows other settings.", saved);
	f->headline = buf_take(&headline);
	f->story = buf_take(&story);
	f->advice = buf_take(&advice);
	return f->headline && f->story && f->advice ? 0 : -ENOMEM;
}

int find_tuning(struct findings *to, const struct whatif *w, double run)
{
	struct finding *f;

	if (w->refused || !w->best)
		return 0;
	f = findings_add(to);
	if (!f)
		return -ENOMEM;
	f->kind = FINDING_COLLECTOR_TUNING;
	f->severity = FINDING_INFO;
	f->count = 1;
	return write_tuning(f, w, run);
}
