#include "report_sites.h"

#include "report_json.h"
#include "report_text.h"
#include "words.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ------------------------------------------------------------------------------ names */

static const char *const by_name[] = { "site", "stack", "function", "file", "module", "type",
	"thread" };
static const char *const sort_name[] = { "live", "bytes", "count", "peak", "temporary",
	"lifetime" };

static int find(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i], name))
			return (int)i;
	return -1;
}

const char *sites_by_name(enum usage_by by)
{
	return by_name[by];
}

const char *sites_sort_name(enum usage_sort sort)
{
	return sort_name[sort];
}

int sites_by(const char *name)
{
	return find(by_name, sizeof(by_name) / sizeof(*by_name), name);
}

int sites_sort(const char *name)
{
	return find(sort_name, sizeof(sort_name) / sizeof(*sort_name), name);
}

/* ----------------------------------------------------------------------- short numbers */

static void scaled(struct buf *b, double v, double step, const char *unit)
{
	while (v >= step * 0.9995 && unit[1]) {
		v /= step;
		unit++;
	}
	buf_printf(b, *unit == ' ' ? "%.0f" : v < 99.95 ? "%.1f%c" : "%.0f%c", v, *unit);
}

void short_bytes(struct buf *b, double bytes)
{
	scaled(b, bytes, 1024, " KMGT");
}

void short_number(struct buf *b, double n)
{
	scaled(b, n, 1000, " kMGT");
}

void short_time(struct buf *b, double ns)
{
	static const struct {
		double up_to, by;
		const char *unit;
	} scale[] = { { 1e3, 1, "ns" }, { 1e6, 1e3, "us" }, { 1e9, 1e6, "ms" },
		{ 120e9, 1e9, "s" }, { 7200e9, 60e9, "min" }, { 1e300, 3600e9, "h" } };
	unsigned i = 0;

	while (ns >= scale[i].up_to)
		i++;
	ns /= scale[i].by;
	buf_printf(b, ns < 9.95 && i ? "%.1f %s" : "%.0f %s", ns, scale[i].unit);
}

/* ------------------------------------------------------------------------------- text */

static void column(const struct term *t, unsigned width, void (*put)(struct buf *, double),
	double v)
{
	struct buf b = { 0 };

	put(&b, v);
	fprintf(t->out, " %*s", (int)width, buf_text(&b));
	buf_fini(&b);
}

static void put_share(const struct term *t, double part, double whole)
{
	if (whole > 0)
		fprintf(t->out, " %3.0f %%", 100 * part / whole);
	else
		fputs("     -", t->out);
}

static bool has_deaths(const struct usage *u)
{
	const uint64_t *ages = usage_ages(u);

	for (unsigned i = 0; i < AGES; i++)
		if (ages[i])
			return true;
	return false;
}

static void put_usage(const struct term *t, const struct usage *u, bool objects, bool sampled)
{
	column(t, 7, short_bytes, u->live_bytes);
	column(t, 6, short_number, u->live);
	column(t, 7, short_bytes, u->peak_bytes);
	column(t, 7, short_bytes, u->bytes);
	column(t, 6, short_number, u->blocks);
	if (objects)
		column(t, 7, short_number, u->objects);
	put_share(t, u->brief, u->blocks);
	if (has_deaths(u))
		column(t, 7, short_time, ages_quantile(usage_ages(u), 0.5));
	else
		fputs("       -", t->out);
	if (sampled && u->bytes > 0)
		fprintf(t->out, " %3.0f %%", 100 * usage_error(u->bytes_variance) / u->bytes);
	else if (sampled)
		fputs("     -", t->out);
}

static void name_thread(struct buf *b, const struct report *r, uint32_t number)
{
	const struct def_thread *t = def_thread(&r->defs, number);

	if (!number) {
		buf_puts(b, "a thread not known");
		return;
	}
	buf_printf(b, "thread %u", number);
	if (t && t->name.length)
		buf_printf(b, " (%.*s)", TEXT_ARG(t->name));
}

/* "<frozen importlib._bootstrap>" without what takes room and says nothing. */
static const char *frozen(struct buf *b, const char *file)
{
	if (strncmp(file, "<frozen ", 8))
		return file;
	buf_add(b, file + 8, strlen(file + 8) - 1);
	return buf_text(b);
}

static void name_row(struct buf *b, const struct report *r, const struct usage_row *x,
	enum usage_by by)
{
	struct buf file = { 0 };

	switch (by) {
	case USAGE_BY_TYPE:
		buf_puts(b, x->type ? x->type : "?");
		return;
	case USAGE_BY_THREAD:
		name_thread(b, r, x->thread);
		return;
	case USAGE_BY_FILE:
		buf_puts(b, *x->file ? x->file : "a file not known");
		return;
	case USAGE_BY_MODULE:
		buf_puts(b, *x->module ? x->module : "no loaded file");
		return;
	default:
		words_place(b, x->function, frozen(&file, x->file), x->line);
		buf_fini(&file);
		if (r->replay.total.births && x->type) {
			buf_puts(b, ", ");
			words_put_type(b, x->type);
		}
	}
}

static void put_sums(const struct term *t, const struct report *r, const struct usage *u,
	const struct sites_options *o)
{
	const struct replay_total all = replay_totals(&r->replay);
	struct buf b = { 0 };

	buf_number(&b, weighed_whole(u->blocks));
	buf_puts(&b, " blocks made (");
	buf_bytes(&b, weighed_whole(u->bytes));
	buf_puts(&b, ")");
	if (u->blocks > 0)
		buf_printf(&b, ", %.1f %% temporary", 100 * u->brief / u->blocks);
	if (u->objects > 0) {
		buf_puts(&b, "; ");
		buf_number(&b, weighed_whole(u->objects));
		buf_puts(&b, " objects born");
	}
	buf_puts(&b, "; left ");
	buf_printf(&b, "%s", o->to > 0 ? "then " : "at the end ");
	buf_number(&b, weighed_whole(u->live));
	buf_puts(&b, " (");
	buf_bytes(&b, weighed_whole(u->live_bytes));
	buf_puts(&b, "); ");
	if (weighed_whole(u->peak_bytes) < all.peak_bytes) {
		buf_bytes(&b, weighed_whole(u->peak_bytes));
		buf_puts(&b, " of the peak of ");
	} else {
		buf_puts(&b, "at most ");
	}
	buf_bytes(&b, all.peak_bytes);
	buf_printf(&b, " at %.2f s", (double)trace_elapsed(&r->trace, r->replay.total.peak_ticks) / 1e9);
	if (r->trace.head.sample_bytes) {
		buf_puts(&b, ". Estimated from a sample; standard errors: ");
		buf_bytes(&b, weighed_whole(usage_error(u->bytes_variance)));
		buf_puts(&b, " made, ");
		buf_bytes(&b, weighed_whole(usage_error(u->live_bytes_variance)));
		buf_puts(&b, " left");
	}
	text_line(t, TERM_BOLD, 0, buf_text(&b));
	buf_fini(&b);
}

void sites_text(const struct term *t, const struct report *r, const struct usage_table *s,
	const struct sites_options *o)
{
	bool objects = r->replay.total.births, sampled = r->trace.head.sample_bytes;
	uint32_t n = o->limit && o->limit < s->n ? o->limit : s->n;
	unsigned indent = 56 + 8 * objects + 6 * sampled;
	struct buf b = { 0 };

	text_begin(t, r);
	put_sums(t, r, &s->all, o);
	putc('\n', t->out);
	term_style(t, TERM_BOLD);
	fprintf(t->out, "           left at peak           %smade tempo- half of%s\n",
		objects ? "        " : "", sampled ? " error" : "");
	fprintf(t->out, "   bytes blocks   bytes   bytes blocks%s  rary dead by%s  %s, most %s first\n",
		objects ? " objects" : "", sampled ? "      " : "", sites_by_name(o->query.by),
		o->sort == USAGE_SORT_LIVE ? "left" : sites_sort_name(o->sort));
	term_style(t, TERM_PLAIN);
	for (uint32_t i = 0; i < n; i++) {
		put_usage(t, &s->row[i].u, objects, sampled);
		name_row(&b, r, &s->row[i], o->query.by);
		fputs("  ", t->out);
		term_wrap(t, indent, indent, buf_text(&b));
		buf_reset(&b);
	}
	if (n < s->n)
		fprintf(t->out, "  %u more; --limit 0 shows all, --sort and --by other views.\n", s->n - n);
	buf_fini(&b);
}

/* ------------------------------------------------------------------------------- JSON */

static void json_ages(struct json *j, const char *key, const uint64_t ages[AGES])
{
	unsigned n = AGES;

	while (n && !ages[n - 1])
		n--;
	json_open(j, key, '[');
	for (unsigned i = 0; i < n; i++)
		json_uint(j, NULL, ages[i]);
	json_close(j, ']');
}

static void json_lifetime(struct json *j, const struct usage *u)
{
	const uint64_t *ages = usage_ages(u);

	if (!has_deaths(u)) {
		json_null(j, "lifetime");
		return;
	}
	json_open(j, "lifetime", '{');
	json_real(j, "p10", ages_quantile(ages, 0.1) / 1e9);
	json_real(j, "median", ages_quantile(ages, 0.5) / 1e9);
	json_real(j, "p90", ages_quantile(ages, 0.9) / 1e9);
	json_real(j, "p99", ages_quantile(ages, 0.99) / 1e9);
	json_ages(j, "blocks", u->block_ages);
	json_ages(j, "objects", u->object_ages);
	json_close(j, '}');
}

void usage_json(struct json *j, const struct usage *u, bool sampled)
{
	json_uint(j, "blocks", weighed_whole(u->blocks));
	json_uint(j, "bytes", weighed_whole(u->bytes));
	json_uint(j, "temporary", weighed_whole(u->brief));
	json_uint(j, "objects", weighed_whole(u->objects));
	json_uint(j, "live_blocks", weighed_whole(u->live));
	json_uint(j, "live_bytes", weighed_whole(u->live_bytes));
	json_uint(j, "live_objects", weighed_whole(u->live_objects));
	json_uint(j, "peak_blocks", weighed_whole(u->peak));
	json_uint(j, "peak_bytes", weighed_whole(u->peak_bytes));
	if (!sampled)
		return;
	json_uint(j, "blocks_error", weighed_whole(usage_error(u->blocks_variance)));
	json_uint(j, "bytes_error", weighed_whole(usage_error(u->bytes_variance)));
	json_uint(j, "live_blocks_error", weighed_whole(usage_error(u->live_variance)));
	json_uint(j, "live_bytes_error", weighed_whole(usage_error(u->live_bytes_variance)));
	json_uint(j, "peak_bytes_error", weighed_whole(usage_error(u->peak_bytes_variance)));
}

static void json_row(struct json *j, struct report *r, const struct usage_row *x,
	enum usage_by by)
{
	const struct def_thread *t = def_thread(&r->defs, x->thread);
	bool place = by == USAGE_BY_SITE || by == USAGE_BY_STACK || by == USAGE_BY_FUNCTION;
	int64_t site = by == USAGE_BY_STACK || by == USAGE_BY_SITE ?
		heap_load_site(&r->loader, x->site) : 0;
	struct buf name = { 0 };

	json_open(j, NULL, '{');
	json_text(j, "function", place ? x->function : NULL);
	json_text(j, "file", place || by == USAGE_BY_FILE ? x->file : NULL);
	if (x->line)
		json_uint(j, "line", x->line);
	else
		json_null(j, "line");
	json_text(j, "module", *x->module ? x->module : NULL);
	json_text(j, "type", x->type);
	if (x->thread)
		json_uint(j, "thread", x->thread);
	else
		json_null(j, "thread");
	if (t && t->name.length) {
		buf_add(&name, t->name.s, t->name.length);
		json_text(j, "thread_name", buf_text(&name));
		buf_fini(&name);
	}
	usage_json(j, &x->u, r->trace.head.sample_bytes);
	json_lifetime(j, &x->u);
	if (by == USAGE_BY_STACK)
		json_uint(j, "own_peak_bytes", x->own_peak);
	if (site > 0) {
		heap_load_symbols(&r->heap, r->symbols, (uint32_t)site);
		report_json_stack(j, r, (uint32_t)site);
	}
	json_close(j, '}');
}

static void json_filter(struct json *j, const struct sites_options *o)
{
	json_open(j, "filter", '{');
	json_text(j, "function", o->query.function);
	json_text(j, "under", o->query.under);
	json_text(j, "module", o->query.module);
	json_text(j, "type", o->query.type);
	if (o->query.thread)
		json_uint(j, "thread", o->query.thread);
	else
		json_null(j, "thread");
	if (o->from > 0)
		json_real(j, "from", o->from);
	else
		json_null(j, "from");
	if (o->to > 0)
		json_real(j, "to", o->to);
	else
		json_null(j, "to");
	json_close(j, '}');
}

void sites_json(FILE *out, struct report *r, const struct usage_table *s,
	const struct sites_options *o)
{
	struct json j = { .out = out, .lines = true };
	uint32_t n = o->limit && o->limit < s->n ? o->limit : s->n;

	report_json_begin(&j, r);
	json_open(&j, "sites", '{');
	json_text(&j, "by", sites_by_name(o->query.by));
	json_text(&j, "sort", sites_sort_name(o->sort));
	json_filter(&j, o);
	json_uint(&j, "rows_in_all", s->n);
	json_uint(&j, "program_peak_bytes", replay_totals(&r->replay).peak_bytes);
	json_real(&j, "program_peak_seconds",
		(double)trace_elapsed(&r->trace, r->replay.total.peak_ticks) / 1e9);
	usage_json(&j, &s->all, r->trace.head.sample_bytes);
	json_lifetime(&j, &s->all);
	json_open(&j, "rows", '[');
	for (uint32_t i = 0; i < n; i++)
		json_row(&j, r, &s->row[i], o->query.by);
	json_close(&j, ']');
	json_close(&j, '}');
	json_close(&j, '}');
}

/* -------------------------------------------------------------------------------- CSV */

static void csv_text(FILE *out, const char *s)
{
	putc('"', out);
	for (; s && *s; s++) {
		if (*s == '"')
			putc('"', out);
		putc(*s, out);
	}
	putc('"', out);
}

void sites_csv(FILE *out, const struct usage_table *s)
{
	fputs("function,file,line,module,type,thread,blocks,bytes,temporary,objects,live_blocks,"
	      "live_bytes,live_objects,peak_blocks,peak_bytes,median_lifetime\n", out);
	for (uint32_t i = 0; i < s->n; i++) {
		const struct usage_row *x = &s->row[i];
		const double v[] = { x->u.blocks, x->u.bytes, x->u.brief, x->u.objects, x->u.live,
			x->u.live_bytes, x->u.live_objects, x->u.peak, x->u.peak_bytes };

		csv_text(out, x->function);
		putc(',', out);
		csv_text(out, x->file);
		fprintf(out, ",%" PRIu32 ",", x->line);
		csv_text(out, x->module);
		putc(',', out);
		csv_text(out, x->type);
		fprintf(out, ",%" PRIu32, x->thread);
		for (size_t k = 0; k < sizeof(v) / sizeof(*v); k++)
			fprintf(out, ",%" PRIu64, weighed_whole(v[k]));
		fprintf(out, ",%.9f\n", ages_quantile(usage_ages(&x->u), 0.5) / 1e9);
	}
}
