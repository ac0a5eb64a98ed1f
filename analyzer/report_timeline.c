/*
 * report_timeline.c - memory over time, and what it was at its highest
 */
#include "report_json.h"
#include "report_sites.h"
#include "report_text.h"
#include "words.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define ROWS		10
#define COLUMNS_MAX	72
#define PEAK_TOLD	5
#define PEAK_IN_JSON	20
#define PEAK_LEAST	0.002		/* of the peak: parts below it are not named */

/* ------------------------------------------------------------------------------- chart */

static double seconds_at(const struct report *r, uint64_t ticks)
{
	return (double)trace_elapsed(&r->trace, ticks) / 1e9;
}

/* Heights of one column: what it stands for was alive, at most; and RSS. */
struct bar {
	uint64_t high, rss;
};

static struct bar bar_of(const struct timeline *l, unsigned column, unsigned columns)
{
	uint32_t from = column * l->n / columns, to = (column + 1) * l->n / columns;
	struct bar b = { 0 };

	for (uint32_t i = from; i < to || i == from; i++) {
		if (l->bin[i].high_bytes > b.high)
			b.high = l->bin[i].high_bytes;
		if (l->bin[i].rss > b.rss)
			b.rss = l->bin[i].rss;
	}
	return b;
}

static void put_row(const struct term *t, const struct bar *bar, unsigned columns, uint64_t top,
	unsigned row)
{
	double level = (double)top * (ROWS - row) / ROWS, half = (double)top / ROWS / 2;
	struct buf b = { 0 };

	short_bytes(&b, level);
	fprintf(t->out, "%8s |", row % 2 ? "" : buf_text(&b));
	buf_fini(&b);
	for (unsigned i = 0; i < columns; i++) {
		bool rss = bar[i].rss && (double)bar[i].rss >= level - 2 * half &&
			(double)bar[i].rss < level;

		putc(rss ? 'r' : (double)bar[i].high > level - half ? '#' : ' ', t->out);
	}
	putc('\n', t->out);
}

void timeline_text(const struct term *t, const struct report *r)
{
	const struct timeline *l = &r->replay.timeline;
	unsigned columns = t->width > COLUMNS_MAX + 12 ? COLUMNS_MAX : t->width - 12;
	struct bar bar[COLUMNS_MAX];
	uint64_t top = 1;
	bool rss = false;

	text_begin(t, r);
	if (!l->n) {
		text_line(t, TERM_BOLD, 0, "The trace has no events.");
		return;
	}
	columns = columns < l->n ? columns : l->n;
	for (unsigned i = 0; i < columns; i++) {
		bar[i] = bar_of(l, i, columns);
		top = bar[i].high > top ? bar[i].high : top;
		top = bar[i].rss > top ? bar[i].rss : top;
		rss |= bar[i].rss;
	}
	putc('\n', t->out);
	for (unsigned row = 0; row < ROWS; row++)
		put_row(t, bar, columns, top, row);
	fprintf(t->out, "%8s +", "0");
	for (unsigned i = 0; i < columns; i++)
		putc('-', t->out);
	fprintf(t->out, "\n%10s0 s%*.2f s\n", "", (int)columns - 4, seconds_at(r, l->bin[l->n - 1].ticks));
	text_line(t, TERM_DIM, 10, rss ? "# bytes alive in blocks   r resident memory of the process" :
		"# bytes alive in blocks");
	peak_text(t, r);
}

/* ------------------------------------------------------------------------ JSON and CSV */

void timeline_json(FILE *out, const struct report *r)
{
	const struct timeline *l = &r->replay.timeline;
	struct json j = { .out = out, .lines = true };

	report_json_begin(&j, r);
	json_open(&j, "timeline", '[');
	for (uint32_t i = 0; i < l->n; i++) {
		const struct timeline_bin *b = &l->bin[i];

		json_open(&j, NULL, '{');
		json_real(&j, "at", seconds_at(r, b->ticks));
		json_uint(&j, "live_bytes", b->live_bytes);
		json_uint(&j, "live_blocks", b->live);
		json_uint(&j, "live_objects", b->live_objects);
		json_uint(&j, "high_bytes", b->high_bytes);
		json_uint(&j, "blocks", b->made);
		json_uint(&j, "bytes", b->made_bytes);
		json_uint(&j, "births", b->births);
		if (b->rss) {
			json_uint(&j, "rss", b->rss);
			json_uint(&j, "shared", b->shared);
		} else {
			json_null(&j, "rss");
			json_null(&j, "shared");
		}
		json_close(&j, '}');
	}
	json_close(&j, ']');
	peak_json(&j, r);
	json_close(&j, '}');
}

void timeline_csv(FILE *out, const struct report *r)
{
	const struct timeline *l = &r->replay.timeline;

	fputs("at,live_bytes,live_blocks,live_objects,high_bytes,blocks,bytes,births,rss,shared\n",
	      out);
	for (uint32_t i = 0; i < l->n; i++) {
		const struct timeline_bin *b = &l->bin[i];

		fprintf(out, "%.9f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
			",%" PRIu64 ",%" PRIu64, seconds_at(r, b->ticks), b->live_bytes, b->live,
			b->live_objects, b->high_bytes, b->made, b->made_bytes, b->births);
		if (b->rss)
			fprintf(out, ",%" PRIu64 ",%" PRIu64 "\n", b->rss, b->shared);
		else
			fputs(",,\n", out);
	}
}

/* -------------------------------------------------------------------------------- peak */

/* What made up the peak, by place. */
static int take_peak(const struct report *r, struct places *p, struct usage_table *s)
{
	struct usage_query q = { .by = USAGE_BY_SITE,
		.least_peak = PEAK_LEAST * (double)r->replay.total.peak_bytes };
	int e = places_init(p, &r->defs, r->symbols);

	if (e)
		return e;
	e = usage_table_init(s, &r->replay, p, &q);
	if (e)
		places_fini(p);
	else
		usage_sort(s, USAGE_SORT_PEAK);
	return e;
}

int peak_text(const struct term *t, const struct report *r)
{
	struct replay_total all = replay_totals(&r->replay);
	struct usage_table s;
	struct places p;
	struct buf b = { 0 };
	int e;

	if (!all.peak_bytes || !r->replay.parts)
		return 0;
	e = take_peak(r, &p, &s);
	if (e)
		return e;
	putc('\n', t->out);
	buf_puts(&b, "At its highest, ");
	buf_bytes(&b, all.peak_bytes);
	buf_printf(&b, " at %.2f s:", seconds_at(r, r->replay.total.peak_ticks));
	text_line(t, TERM_BOLD, 0, buf_text(&b));
	for (uint32_t i = 0; i < s.n && i < PEAK_TOLD; i++) {
		const struct usage_row *x = &s.row[i];
		struct buf size = { 0 }, n = { 0 };

		buf_bytes(&size, weighed_whole(x->u.peak_bytes));
		buf_number(&n, weighed_whole(x->u.peak));
		fprintf(t->out, "%13s %9s  ", buf_text(&size), buf_text(&n));
		buf_reset(&b);
		if (r->replay.total.births && x->type) {
			words_put_type(&b, x->type);
			buf_puts(&b, " in ");
		}
		words_place(&b, x->function, x->file, x->line);
		term_wrap(t, 25, 27, buf_text(&b));
		buf_fini(&size);
		buf_fini(&n);
	}
	buf_fini(&b);
	usage_table_fini(&s);
	places_fini(&p);
	return 0;
}

int peak_json(struct json *j, const struct report *r)
{
	struct replay_total all = replay_totals(&r->replay);
	struct usage_table s;
	struct places p;
	int e;

	if (!r->replay.parts) {		/* there were no events to replay */
		json_null(j, "peak");
		return 0;
	}
	e = take_peak(r, &p, &s);
	if (e)
		return e;
	json_open(j, "peak", '{');
	json_real(j, "seconds", seconds_at(r, r->replay.total.peak_ticks));
	json_uint(j, "bytes", all.peak_bytes);
	json_uint(j, "blocks", all.peak_live);
	json_open(j, "sites", '[');
	for (uint32_t i = 0; i < s.n && i < PEAK_IN_JSON; i++) {
		json_open(j, NULL, '{');
		json_text(j, "function", s.row[i].function);
		json_text(j, "file", s.row[i].file);
		json_uint(j, "line", s.row[i].line);
		json_text(j, "type", s.row[i].type);
		json_uint(j, "blocks", weighed_whole(s.row[i].u.peak));
		json_uint(j, "bytes", weighed_whole(s.row[i].u.peak_bytes));
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
	usage_table_fini(&s);
	places_fini(&p);
	return 0;
}
