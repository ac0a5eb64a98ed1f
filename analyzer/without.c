#include "without.h"

#include "buf.h"
#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	TRIED = 7,			/* findings; the first have most objects     */
	ASKED = 1 << TRIED,
};

/* ------------------------------------------------------------------- whose garbage is it */

struct owners {
	struct finding *finding[TRIED];	/* number i has mark 1 << i                  */
	unsigned n;
	struct heap_loader *l;
	uint8_t *of;			/* by site: ASKED, and the mark of the finding */
	uint32_t sites;
	uint8_t marks;			/* all that there are                        */
};

static bool has_line(const struct finding *f, const char *function, const char *file, uint32_t line)
{
	for (uint32_t i = 0; i < f->nsites; i++)
		if (f->site[i].line == line && !strcmp(f->site[i].function, function) &&
		    !strcmp(f->site[i].file, file))
			return true;
	return false;
}

static uint8_t find_mark(const struct owners *o, uint32_t site)
{
	int64_t row = heap_load_site(o->l, site);
	const struct heap *h = o->l->h;
	const struct heap_frame *at = row > 0 ? heap_place(h, (uint32_t)row) : NULL;

	for (unsigned i = 0; at && i < o->n; i++)
		if (has_line(o->finding[i], heap_text(h, at->function), heap_text(h, at->file),
			     at->line))
			return (uint8_t)(ASKED | 1u << i);
	return ASKED;
}

struct whole {
	uint64_t oldest;		/* of a whole all pieces have the same       */
	uint32_t piece;
};

static int oldest_first(const void *a, const void *b)
{
	const struct whole *x = a, *y = b;

	return x->oldest > y->oldest ? 1 : x->oldest < y->oldest ? -1 : 0;
}

/* What hangs together is broken together, whoever it is told of. */
static void mark_wholes(struct owners *o, const struct wastes *w, struct whole *of)
{
	for (uint32_t i = 0; i < w->n; i++)
		of[i] = (struct whole){ wastes_at(w, i)->oldest, i };
	qsort(of, w->n, sizeof(*of), oldest_first);
	for (uint32_t i = 0, end; i < w->n; i = end) {
		uint8_t marks = 0;

		for (end = i; end < w->n && of[end].oldest == of[i].oldest; end++)
			marks |= wastes_at(w, of[end].piece)->marks;
		for (uint32_t k = i; k < end; k++)
			wastes_at(w, of[k].piece)->marks = marks;
		o->marks |= marks;
	}
}

static int mark_waste(struct owners *o, const struct wastes *w)
{
	struct whole *of = mem_array(w->n, sizeof(*of));

	if (!of)
		return -ENOMEM;
	for (uint32_t i = 0; i < w->n; i++) {
		struct waste *x = wastes_at(w, i);

		if (x->site && x->site < o->sites) {
			if (!o->of[x->site])
				o->of[x->site] = find_mark(o, x->site);
			x->marks = o->of[x->site] & ~ASKED;
		}
	}
	mark_wholes(o, w, of);
	mem_free(of);
	return 0;
}

/* ---------------------------------------------------------------------------- in words */

/* "1,110 of 1,157 collections of generation 0, 101 of 105 of generation 1" */
static bool tell_collections(struct buf *b, const struct finding_without *x, const struct prediction *now)
{
	bool any = false;

	for (unsigned g = 0; g < GENERATIONS; g++) {
		if (x->collections[g] < 1)
			continue;
		buf_puts(b, any ? ", " : "");
		buf_number(b, (unsigned long long)x->collections[g]);
		buf_puts(b, " of ");
		buf_number(b, (unsigned long long)now->runs[g].likely);
		buf_printf(b, "%s of generation %u", any ? "" : " collections", g);
		any = true;
	}
	return any;
}

static int tell(struct finding *f, const struct prediction *now)
{
	struct buf b = {0}, less = {0};
	char *advice;

	buf_puts(&b, f->advice);
	if (tell_collections(&less, &f->without, now))
		buf_printf(&b, " It would have saved this run %s, and %.3f of %.3f s in the collector "
			   "(predicted).", buf_text(&less), f->without.seconds, now->seconds.likely);
	else
		buf_puts(&b, " The collector would have run as often in this run.");
	b.failed |= less.failed;
	buf_fini(&less);
	advice = buf_take(&b);
	if (!advice)
		return -ENOMEM;
	mem_free(f->advice);
	f->advice = advice;
	return 0;
}

/* ------------------------------------------------------------------------------ numbers */

static double seconds_of(const struct simulation *s, const struct pauses *cost)
{
	double seconds = 0;

	for (uint32_t i = 0; i < s->n; i++)
		if (!s->run[i].start_up)
			seconds += pauses_predict(cost, s->run[i].generation, s->run[i].examined,
						  s->run[i].freed);
	return seconds;
}

/* What the model says is less is less of what was measured. */
static void compare(struct finding *f, const struct simulation *with, const struct simulation *without,
		    const struct whatif *w)
{
	double before = seconds_of(with, &w->pauses), after = seconds_of(without, &w->pauses);
	double part = before > 0 && after < before ? (before - after) / before : 0;

	f->without.known = true;
	for (unsigned g = 0; g < GENERATIONS; g++)
		f->without.collections[g] = (double)with->runs[g] - (double)without->runs[g];
	f->without.seconds = part * w->p[0].seconds.likely;
}

static int play(struct owners *o, const struct whatif *w, struct tape *t)
{
	struct setting setting[TRIED + 2];
	struct simulation sim[TRIED + 2];
	struct self_check check;
	int e;

	setting[0] = w->p[0].setting;
	for (unsigned i = 0; i <= o->n; i++)
		setting[i + 1] = (struct setting){ .keep = true, .freeze = NEVER, .broken = i ? (uint8_t)(1u << (i - 1)) : 0 };
	tape_guess(t, WASTE_LIKELY);
	e = simulate(t, setting, o->n + 2, sim, &check);
	if (e)
		return e;
	for (unsigned i = 0; i < o->n && !e; i++) {
		if (!(o->marks >> i & 1))
			continue;
		compare(o->finding[i], &sim[1], &sim[i + 2], w);
		e = tell(o->finding[i], &w->p[0]);
	}
	simulations_fini(sim, o->n + 2);
	return e;
}

int find_without(struct findings *f, const struct whatif *w, struct tape *t, struct heap_loader *l)
{
	struct owners o = { .l = l, .sites = l->r->sites };
	int e;

	if (w->refused || !l->h)
		return 0;
	for (uint32_t i = 0; i < f->n && o.n < TRIED; i++)
		if (f->f[i].kind == FINDING_COLLECTED_CYCLE)
			o.finding[o.n++] = &f->f[i];
	if (!o.n)
		return 0;
	o.of = mem_array(o.sites, 1);
	if (!o.of)
		return -ENOMEM;
	e = mark_waste(&o, &t->waste);
	if (!e && o.marks)
		e = play(&o, w, t);
	mem_free(o.of);
	return e;
}
