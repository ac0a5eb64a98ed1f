#include "diff.h"

#include "ledger_take.h"
#include "mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int diff_take(struct diff_side *s, struct report *r, const char *path, const char *project)
{
	struct replay_total t = replay_totals(&r->replay);
	int e = 0;

	*s = (struct diff_side){ .path = path, .program = strdup(r->program),
		.state = strdup(r->state), .work = r->allocations, .seconds = r->warm_seconds,
		.alive_objects = r->overview.objects, .alive_bytes = r->overview.bytes,
		.blocks = t.blocks, .bytes = t.bytes };
	if (!s->program || !s->state)
		return -ENOMEM;
	ledger_take_findings(&s->ledger[DIFF_FINDINGS], r, project, 0);
	ledger_forget_findings(&s->ledger[DIFF_FINDINGS]);
	ledger_take_alive(&s->ledger[DIFF_ALIVE], r, project);
	ledger_take_made(&s->ledger[DIFF_MADE], r, project);
	for (unsigned i = 0; i < DIFF_PARTS && !e; i++) {
		struct ledger *l = &s->ledger[i];

		e = ledger_settle(l);
		for (uint32_t k = 0; k < l->n; k++) {
			l->entry[k].work = s->work;
			l->entry[k].seconds = s->seconds;
		}
	}
	return e;
}

double diff_excess(const struct pair *p)
{
	double old = p->old ? (double)p->old->bytes : 0, now = p->now ? (double)p->now->bytes : 0;

	return now - old * (p->scale > 0 ? p->scale : 1);
}

static bool is_more(const struct pair *p)
{
	return p->verdict == PAIR_NEW || p->verdict == PAIR_GROWN;
}

/* What is more, then what is less, then what is as it was; the most bytes first. */
static int most_first(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	double p = fabs(diff_excess(x)), q = fabs(diff_excess(y));
	unsigned s = is_more(x) ? 0 : x->verdict == PAIR_SAME ? 2 : 1;
	unsigned t = is_more(y) ? 0 : y->verdict == PAIR_SAME ? 2 : 1;

	if (s != t)
		return s < t ? -1 : 1;
	return p > q ? -1 : p < q;
}

int diff_settle(struct diff *d)
{
	for (unsigned i = 0; i < DIFF_PARTS; i++) {
		struct tolerance t = d->tolerance;
		struct pairs *p = &d->pairs[i];
		int e;

		/* Of findings the count is what matters, of memory its bytes. */
		if (i != DIFF_FINDINGS) {
			t.weight = 1;
			t.slack = 0;
		}
		e = pairs_make(p, &d->side[0].ledger[i], &d->side[1].ledger[i], &t);
		if (e)
			return e;
		if (p->n)
			qsort(p->pair, p->n, sizeof(*p->pair), most_first);
	}
	return 0;
}

void diff_fini(struct diff *d)
{
	for (unsigned i = 0; i < DIFF_PARTS; i++) {
		pairs_fini(&d->pairs[i]);
		ledger_fini(&d->side[0].ledger[i]);
		ledger_fini(&d->side[1].ledger[i]);
	}
	for (unsigned i = 0; i < 2; i++) {
		free(d->side[i].program);
		free(d->side[i].state);
	}
	*d = (struct diff){0};
}

double diff_scale(const struct diff *d)
{
	const struct diff_side *a = &d->side[0], *b = &d->side[1];

	if (d->tolerance.per == PER_ALLOCATION && a->work > 0 && b->work > 0)
		return b->work / a->work;
	if (d->tolerance.per == PER_SECOND && a->seconds > 0 && b->seconds > 0)
		return b->seconds / a->seconds;
	return 1;
}
