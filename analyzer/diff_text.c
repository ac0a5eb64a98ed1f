#include "diff_report.h"

#include "buf.h"
#include "report_text.h"

#include <math.h>
#include <string.h>

#define ROWS 12				/* of a part, without --all                  */
#define SLIGHT 0.001			/* of what the larger run has: left out, too */

static void put(const struct term *t, enum term_style style, unsigned indent, struct buf *b)
{
	text_line(t, style, indent, buf_text(b));
	buf_reset(b);
}

static void put_side(const struct term *t, const struct diff_side *s, char letter)
{
	struct buf b = {0};

	buf_printf(&b, "%c: %s, %s, %s: ", letter, term_path(t, s->path), s->program, s->state);
	buf_number(&b, (unsigned long long)s->work);
	buf_printf(&b, " allocations, %.2f s; alive at the end ", s->seconds);
	buf_bytes(&b, s->alive_bytes);
	put(t, TERM_PLAIN, 0, &b);
	buf_fini(&b);
}

static void put_scale(const struct term *t, const struct diff *d)
{
	static const char *const did[PERS] = { [PER_ALLOCATION] = "made %.3g times the allocations of A",
		[PER_SECOND] = "took %.3g times as long as A" };
	struct buf b = {0};

	if (d->tolerance.per == PER_RUN) {
		buf_puts(&b, "Whatever the runs' length, more is growth (--per run); ");
	} else {
		buf_puts(&b, "B ");
		buf_printf(&b, did[d->tolerance.per], diff_scale(d));
		buf_printf(&b, ": more in proportion to that is no growth (--per %s); ",
			   ledger_per_name(d->tolerance.per));
	}
	buf_printf(&b, "%.3g %% is tolerated.", 100 * d->tolerance.share);
	put(t, TERM_DIM, 0, &b);
	buf_fini(&b);
}

static void put_amount(struct buf *b, enum diff_part part, const struct ledger_entry *e)
{
	if (!e) {
		buf_puts(b, "none");
		return;
	}
	buf_number(b, e->count);
	buf_puts(b, part == DIFF_FINDINGS ? e->count == 1 ? " time, " : " times, " :
		 part == DIFF_MADE || !strcmp(e->ntypes ? e->type[0] : "", "memory block") ?
		 e->count == 1 ? " block, " : " blocks, " : e->count == 1 ? " object, " : " objects, ");
	buf_bytes(b, e->bytes);
	if (part == DIFF_MADE && e->objects)
		buf_printf(b, ", %.0f %% gone at once", 100.0 * (double)e->objects / (double)e->count);
}

static enum term_style style_of(enum pair_verdict v)
{
	return v == PAIR_NEW || v == PAIR_GROWN ? TERM_YELLOW : v == PAIR_SAME ? TERM_PLAIN : TERM_GREEN;
}

static void put_pair(const struct term *t, const struct pair *p, enum diff_part part)
{
	const struct ledger_entry *e = p->now ? p->now : p->old;
	struct buf b = {0};

	buf_printf(&b, "%s: ", p->verdict == PAIR_SAME ? "same" : pair_verdict_name(p->verdict));
	if (part == DIFF_FINDINGS)
		buf_printf(&b, "%s ", e->kind);
	ledger_put_title(&b, e, true);
	put(t, style_of(p->verdict), 2, &b);
	if (p->old && p->now) {
		put_amount(&b, part, p->old);
		buf_puts(&b, " -> ");
		put_amount(&b, part, p->now);
		if (p->per != PER_RUN && p->scale != 1 && p->old->bytes)
			buf_printf(&b, " (%.2f times in proportion)",
				   (double)p->now->bytes / (double)p->old->bytes / p->scale);
	} else {
		put_amount(&b, part, e);
	}
	put(t, TERM_PLAIN, 10, &b);
	buf_fini(&b);
}

static bool is_slight(const struct diff *d, const struct pair *p, enum diff_part part)
{
	uint64_t a = part == DIFF_ALIVE ? d->side[0].alive_bytes : d->side[0].bytes;
	uint64_t b = part == DIFF_ALIVE ? d->side[1].alive_bytes : d->side[1].bytes;

	return part != DIFF_FINDINGS && fabs(diff_excess(p)) < SLIGHT * (double)(a > b ? a : b);
}

static void put_part(const struct term *t, const struct diff *d, enum diff_part part, bool all)
{
	static const char *const title[DIFF_PARTS] = { "Findings", "Alive at the end", "Allocated" };
	const struct pairs *p = &d->pairs[part];
	uint32_t told = 0, left = 0;
	struct buf b = {0};

	putc('\n', t->out);
	buf_printf(&b, "%s: %u new, %u grown, %u as before, %u shrunk, %u gone", title[part],
		   p->count[PAIR_NEW], p->count[PAIR_GROWN], p->count[PAIR_SAME],
		   p->count[PAIR_SHRUNK], p->count[PAIR_GONE]);
	put(t, TERM_BOLD, 0, &b);
	for (uint32_t i = 0; i < p->n; i++) {
		if (!all && p->pair[i].verdict == PAIR_SAME)
			continue;
		if (!all && (told == ROWS || is_slight(d, &p->pair[i], part))) {
			left++;
			continue;
		}
		put_pair(t, &p->pair[i], part);
		told++;
	}
	if (left) {
		buf_printf(&b, "%u more, of less weight; --all shows them", left);
		put(t, TERM_DIM, 2, &b);
	}
	buf_fini(&b);
}

void diff_text(const struct term *t, const struct diff *d, bool all)
{
	put_side(t, &d->side[0], 'A');
	put_side(t, &d->side[1], 'B');
	put_scale(t, d);
	for (unsigned i = 0; i < DIFF_PARTS; i++)
		put_part(t, d, i, all);
}
