#include "audit_report.h"

#include "buf.h"
#include "report_text.h"

#include <string.h>

#define GONE_TOLD 10

static void put(const struct term *t, enum term_style style, unsigned indent, struct buf *b)
{
	text_line(t, style, indent, buf_text(b));
	buf_reset(b);
}

static void put_amount(struct buf *b, const struct ledger_entry *e)
{
	buf_number(b, e->count);
	buf_printf(b, "%s, ", e->count == 1 ? " time" : " times");
	if (e->objects != e->count) {
		buf_number(b, e->objects);
		buf_puts(b, !strcmp(e->kind, "lost") ? " blocks, " : " objects, ");
	}
	buf_bytes(b, e->bytes);
}

static const char *scale_words(enum ledger_per per)
{
	return per == PER_ALLOCATION ? "allocations" : "seconds";
}

void audit_put_change(struct buf *b, const struct audit *a, uint32_t pair)
{
	const struct pair *p = &a->pairs.pair[pair];

	switch (a->why[pair]) {
	case AUDIT_NEW:
		buf_puts(b, "not in the baseline: ");
		put_amount(b, p->now);
		break;
	case AUDIT_GROWN:
		buf_puts(b, "was ");
		put_amount(b, p->old);
		buf_puts(b, "; is ");
		put_amount(b, p->now);
		if (p->scale != 1 && p->per != PER_RUN)
			buf_printf(b, "; in a run of %.3g times the %s", p->scale, scale_words(p->per));
		buf_printf(b, " (tolerated: %.0f times)", p->allowed);
		break;
	case AUDIT_KIND:
		buf_printf(b, "no %s is allowed: ", p->now->kind);
		put_amount(b, p->now);
		break;
	default:
		put_amount(b, p->now ? p->now : p->old);
		break;
	}
}

static const char *word_of(const struct audit *a, uint32_t i)
{
	return a->why[i] == AUDIT_KIND ? "not allowed" : audit_why_name(a->why[i]);
}

static void put_failing(const struct term *t, const struct audit *a, uint32_t i)
{
	const struct ledger_entry *e = a->pairs.pair[i].now;
	struct buf b = {0};

	buf_printf(&b, "%s: %s (%s) ", word_of(a, i), e->kind, finding_severity_name(e->severity));
	ledger_put_title(&b, e, true);
	put(t, e->severity == FINDING_ERROR ? TERM_RED : TERM_YELLOW, 0, &b);
	audit_put_change(&b, a, i);
	put(t, TERM_PLAIN, 6, &b);
	for (uint32_t k = 0; k < e->nedges && k < 6; k++)
		buf_printf(&b, "%s%s", k ? ", " : "references: ", e->edge[k]);
	if (b.n)
		put(t, TERM_PLAIN, 6, &b);
	if (*e->advice)
		text_line(t, TERM_DIM, 6, e->advice);
	buf_fini(&b);
}

static void put_gone(const struct term *t, const struct audit *a)
{
	struct buf b = {0};
	uint32_t told = 0;

	if (a->nfailures)		/* what was not seen may still be there */
		return;

	for (uint32_t i = 0; i < a->pairs.n; i++) {
		const struct pair *p = &a->pairs.pair[i];

		if (p->verdict != PAIR_GONE || ++told > GONE_TOLD)
			continue;
		buf_printf(&b, "gone: %s ", p->old->kind);
		ledger_put_title(&b, p->old, true);
		put(t, TERM_GREEN, 0, &b);
	}
	if (told > GONE_TOLD) {
		buf_printf(&b, "gone: %u more", told - GONE_TOLD);
		put(t, TERM_GREEN, 0, &b);
	}
	buf_fini(&b);
}

static void put_suppressions(const struct term *t, const struct audit *a)
{
	struct buf b = {0};

	for (uint32_t i = 0; i < a->suppressions.n; i++) {
		const struct suppression *s = &a->suppressions.s[i];

		if (s->used)
			continue;
		buf_printf(&b, "unused suppression: %s:%u: %s", s->file, s->line, s->name);
		put(t, TERM_DIM, 0, &b);
	}
	buf_fini(&b);
}

static void put_verdict(const struct term *t, const struct audit *a, const struct audit_words *w)
{
	const uint32_t *n = a->pairs.count;
	uint32_t disallowed = 0;
	struct buf b = {0};

	for (uint32_t i = 0; i < a->pairs.n; i++)
		disallowed += a->why[i] == AUDIT_KIND;
	buf_printf(&b, "audit %s: %u new, %u grown, %u known", audit_failed(a) ? "FAILED" : "passed",
		   n[PAIR_NEW], n[PAIR_GROWN], n[PAIR_SAME] + n[PAIR_SHRUNK]);
	if (disallowed)
		buf_printf(&b, " (%u of a kind not allowed)", disallowed);
	if (n[PAIR_GONE] && !a->nfailures)
		buf_printf(&b, ", %u gone", n[PAIR_GONE]);
	if (a->suppressed)
		buf_printf(&b, ", %llu suppressed", (unsigned long long)a->suppressed);
	buf_printf(&b, " (%s; %u process%s, %.0f allocations, %.2f s)", w->command, a->nprocesses,
		   a->nprocesses == 1 ? "" : "es", a->work, a->seconds);
	put(t, audit_failed(a) ? TERM_RED : TERM_GREEN, 0, &b);
	buf_fini(&b);
}

static void put_next_step(const struct term *t, const struct audit *a, const struct audit_words *w)
{
	struct buf b = {0};

	if (!audit_failed(a))
		return;
	if (a->fails && w->baseline)
		buf_printf(&b, "Fix what is new, or accept it: the same with --update writes it to %s for "
			   "review.", w->baseline);
	else if (a->fails)
		buf_puts(&b, "Fix it, or accept what is known: --baseline FILE --update writes a baseline.");
	if (a->fails && !w->kept)
		buf_puts(&b, " With -o FILE the trace is kept, for `ouro report` and `ouro holders`.");
	if (b.n)
		put(t, TERM_DIM, 0, &b);
	buf_fini(&b);
}

void audit_text(const struct term *t, const struct audit *a, const struct audit_words *w)
{
	struct buf b = {0};

	put_verdict(t, a, w);
	for (uint32_t i = 0; i < a->nfailures; i++) {
		buf_printf(&b, "%s: %s", a->failure[i].kind, a->failure[i].text);
		put(t, TERM_RED, 0, &b);
	}
	for (uint32_t i = 0; i < a->pairs.n; i++)
		if (a->why[i] != AUDIT_FINE)
			put_failing(t, a, i);
	put_gone(t, a);
	put_suppressions(t, a);
	for (uint32_t i = 0; i < a->nnotes; i++) {
		buf_printf(&b, "note: %s", a->note[i]);
		put(t, TERM_DIM, 0, &b);
	}
	put_next_step(t, a, w);
	buf_fini(&b);
}
