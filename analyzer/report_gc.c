#include "report_gc.h"

#include "buf.h"
#include "find_collector.h"
#include "report_json.h"
#include "report_whatif.h"
#include "tally.h"
#include "words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CALLERS_TOLD	10
#define GARBAGE_TOLD	15
#define PROCESSOR_LITTLE 0.9	/* of the time, and it is told               */

/* All that is told about the collector; each kind of output prints it in its own way. */
struct told {
	struct collection_sum all;
	struct collection_sum kind[GENERATIONS + 1][OURO_CAUSE_FINALISATION + 1];
	struct collection_sum program[GENERATIONS + 1][OURO_CAUSE_FINALISATION + 1];
	struct collector_callers callers;
	struct survival_table garbage;
	struct collection_sum start_up[GENERATIONS + 1];	/* ... of kind, automatic ones */
	uint64_t missed;
	double run;
};

struct of_kind {
	unsigned generation, cause;
};

static unsigned known_generation(unsigned generation)
{
	return generation < GENERATIONS ? generation : GENERATIONS;
}

static unsigned known_cause(unsigned cause)
{
	return cause <= OURO_CAUSE_FINALISATION ? cause : OURO_CAUSE_UNKNOWN;
}

static bool is_of_kind(const struct collection *c, const void *arg)
{
	const struct of_kind *x = arg;

	return known_generation(c->generation) == x->generation &&
		known_cause(c->cause) == x->cause;
}

struct of_start_up {
	const struct collections *s;
	unsigned generation;
};

static bool is_of_start_up(const struct collection *c, const void *arg)
{
	const struct of_start_up *x = arg;

	return known_generation(c->generation) == x->generation &&
		c->cause == OURO_CAUSE_THRESHOLD && collection_of_start_up(x->s, c);
}

struct of_program_kind {
	const struct collections *s;
	struct of_kind kind;
};

static bool is_of_program_kind(const struct collection *c, const void *arg)
{
	const struct of_program_kind *x = arg;

	return is_of_kind(c, &x->kind) && (x->kind.cause != OURO_CAUSE_THRESHOLD ||
		!collection_of_start_up(x->s, c));
}

/* What runs while the runtime takes itself apart is no cost of the program. */
static bool of_program(const struct collection *c, const void *unused)
{
	(void)unused;
	return c->cause != OURO_CAUSE_FINALISATION;
}

static void told_fini(struct told *k)
{
	for (unsigned g = 0; g <= GENERATIONS; g++)
		for (unsigned c = 0; c <= OURO_CAUSE_FINALISATION; c++)
			collection_sum_fini(&k->kind[g][c]);
	for (unsigned g = 0; g <= GENERATIONS; g++) {
		collection_sum_fini(&k->start_up[g]);
		for (unsigned c = 0; c <= OURO_CAUSE_FINALISATION; c++)
			collection_sum_fini(&k->program[g][c]);
	}
	collection_sum_fini(&k->all);
	collector_callers_fini(&k->callers);
	survival_table_fini(&k->garbage);
}

static int most_deaths_first(const void *a, const void *b)
{
	const struct survival_place *x = a, *y = b;
	uint64_t m = lives_died(&x->lives, DEATH_BY_COLLECTOR);
	uint64_t n = lives_died(&y->lives, DEATH_BY_COLLECTOR);

	return m != n ? (m > n ? -1 : 1) : strcmp(x->type, y->type);
}

static int told_init(struct told *k, struct report *r)
{
	const struct collections *s = &r->collections;
	int e = 0;

	*k = (struct told){ .missed = collections_missed(s), .run = r->program_seconds };
	for (unsigned g = 0; g <= GENERATIONS && !e; g++)
		for (unsigned c = 0; c <= OURO_CAUSE_FINALISATION && !e; c++)
			e = collections_sum(s, &r->trace, is_of_kind, &(struct of_kind){ g, c },
					    &k->kind[g][c]);
	for (unsigned g = 0; g <= GENERATIONS && !e; g++) {
		e = collections_sum(s, &r->trace, is_of_start_up, &(struct of_start_up){ s, g },
				    &k->start_up[g]);
		for (unsigned c = 0; c <= OURO_CAUSE_FINALISATION && !e; c++)
			e = collections_sum(s, &r->trace, is_of_program_kind,
					    &(struct of_program_kind){ s, { g, c } },
					    &k->program[g][c]);
	}
	if (!e)
		e = collections_sum(s, &r->trace, of_program, NULL, &k->all);
	if (!e)
		e = collector_callers(s, &r->loader, &k->callers);
	if (!e)
		e = survival_fold(&r->survival, &r->loader, true, &k->garbage);
	if (e)
		told_fini(k);
	else if (k->garbage.n)
		qsort(k->garbage.place, k->garbage.n, sizeof(*k->garbage.place), most_deaths_first);
	return e;
}

static double percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

/* ------------------------------------------------------------------------------- text */

static void line(const struct term *t, enum term_style style, unsigned indent, struct buf *b)
{
	text_line(t, style, indent, buf_text(b));
	buf_reset(b);
}

static void put_summary(const struct term *t, const struct report *r, const struct told *k)
{
	const struct collections *s = &r->collections;
	struct buf b = {0};

	buf_number(&b, k->all.n);
	buf_printf(&b, " collections, %.3f s, %.1f %% of the program's %.3f s", k->all.seconds,
		   percent(k->all.seconds, k->run), k->run);
	line(t, TERM_BOLD, 0, &b);
	buf_printf(&b, "Of that, about %.3f s is ouro's recording of what died meanwhile (%.0f ns a "
		   "record, measured after each collection); %.3f s of recording before they began is "
		   "not in it.", k->all.recorder, 1e9 * collections_record_seconds(s, &r->trace),
		   k->all.before);
	line(t, TERM_DIM, 2, &b);
	if (k->all.cpu >= 0 && k->all.cpu < PROCESSOR_LITTLE * k->all.seconds) {
		buf_printf(&b, "They had a processor for %.3f s: the rest they waited for one, as other "
			   "work was done meanwhile.", k->all.cpu);
		line(t, TERM_DIM, 2, &b);
	}
	if (k->missed) {
		buf_number(&b, k->missed);
		buf_puts(&b, " more collections were counted by the interpreter and not seen.");
		line(t, TERM_YELLOW, 2, &b);
	}
	buf_fini(&b);
}

static void put_number(const struct term *t, int width, uint64_t v)
{
	struct buf b = {0};

	buf_number(&b, v);
	fprintf(t->out, " %*s", width, buf_text(&b));
	buf_fini(&b);
}

static void put_kind(const struct term *t, unsigned generation, const char *cause,
		     const struct collection_sum *x)
{
	if (!x->n)
		return;
	if (generation < GENERATIONS)
		fprintf(t->out, "  %10u  %-12s", generation, cause);
	else
		fprintf(t->out, "  %10s  %-12s", "?", cause);
	put_number(t, 7, x->n);
	fprintf(t->out, " %9.3f %6.3f ms %7.3f ms %7.3f ms", x->seconds,
		1e3 * collection_pause(x, 50), 1e3 * collection_pause(x, 99),
		1e3 * collection_pause(x, 100));
	if (x->unexamined)
		fprintf(t->out, " %12s", "?");
	else
		put_number(t, 12, x->examined);
	put_number(t, 12, x->freed);
	putc('\n', t->out);
}

/* What ran before the program's first line it did not see itself. */
static void put_kinds(const struct term *t, const struct told *k)
{
	putc('\n', t->out);
	fprintf(t->out, "  generation  cause          times   seconds    median       99 %%        max"
		"     examined        freed\n");
	for (unsigned g = 0; g <= GENERATIONS; g++)
		put_kind(t, g, "start-up", &k->start_up[g]);
	for (unsigned g = 0; g <= GENERATIONS; g++)
		for (unsigned c = 0; c <= OURO_CAUSE_FINALISATION; c++)
			put_kind(t, g, collection_cause_name(c), &k->program[g][c]);
}

static void put_place(struct buf *b, const struct report *r, uint32_t site)
{
	struct finding_site at = tally_site(&r->heap, site);

	if (*at.function)
		words_place(b, at.function, at.file, at.line);
	else
		buf_puts(b, "native code");
}

static void put_callers(const struct term *t, const struct report *r, const struct told *k,
			const struct text_options *o)
{
	const struct collector_callers *s = &k->callers;
	uint32_t n = o->all || s->n < CALLERS_TOLD ? s->n : CALLERS_TOLD;
	struct buf b = {0};

	if (!s->n)
		return;
	putc('\n', t->out);
	text_line(t, TERM_BOLD, 0, "Called explicitly");
	for (uint32_t i = 0; i < n; i++) {
		const struct collector_caller *c = &s->c[i];

		buf_number(&b, c->sum.n);
		buf_printf(&b, " times, %.3f s (%.1f %% of the run), freed ", c->sum.seconds,
			   percent(c->sum.seconds, k->run));
		buf_number(&b, c->sum.freed);
		buf_puts(&b, c->cause == OURO_CAUSE_CALL ? ": gc.collect() in " : ": C code below ");
		put_place(&b, r, c->site);
		line(t, TERM_PLAIN, 2, &b);
	}
	if (n < s->n) {
		buf_printf(&b, "%u more places; --all shows them.", s->n - n);
		line(t, TERM_DIM, 2, &b);
	}
	buf_fini(&b);
}

static void put_garbage(const struct term *t, const struct report *r, const struct told *k,
			const struct text_options *o)
{
	const struct survival_table *s = &k->garbage;
	uint32_t told = 0, rest = 0;
	struct buf b = {0};

	if (!s->n)
		return;
	putc('\n', t->out);
	text_line(t, TERM_BOLD, 0, "Died in collections (objects, of those made there)");
	for (uint32_t i = 0; i < s->n; i++) {
		const struct survival_place *p = &s->place[i];

		if (told == GARBAGE_TOLD && !o->all) {
			rest++;
			continue;
		}
		told++;
		buf_number(&b, lives_died(&p->lives, DEATH_BY_COLLECTOR));
		buf_puts(&b, " of ");
		buf_number(&b, p->lives.births);
		buf_putc(&b, ' ');
		words_put_type(&b, p->type);
		buf_puts(&b, " in ");
		put_place(&b, r, p->site);
		line(t, TERM_PLAIN, 2, &b);
	}
	if (rest) {
		buf_printf(&b, "%u more; --all shows them.", rest);
		line(t, TERM_DIM, 2, &b);
	}
	buf_fini(&b);
}

int gc_text(const struct term *t, struct report *r, const struct text_options *o)
{
	struct told k;
	int e = told_init(&k, r);

	if (e)
		return e;
	text_begin(t, r);
	put_summary(t, r, &k);
	if (r->collections.n) {
		put_kinds(t, &k);
		put_callers(t, r, &k, o);
		put_garbage(t, r, &k, o);
	}
	settings_text(t, r);
	whatif_text(t, r);
	text_findings_of(t, r, FINDING_COLLECTOR_TUNING, o);
	text_findings_of(t, r, FINDING_COLLECTOR_WASTE, o);
	text_findings_of(t, r, FINDING_COLLECTED_CYCLE, o);
	told_fini(&k);
	return 0;
}

/* ------------------------------------------------------------------------------- JSON */

static void json_maybe_real(struct json *j, const char *key, double v)
{
	if (v >= 0)
		json_real(j, key, v);
	else
		json_null(j, key);
}

static void json_sum(struct json *j, const struct collection_sum *s)
{
	json_uint(j, "collections", s->n);
	json_real(j, "seconds", s->seconds);
	json_real(j, "recorder_seconds", s->recorder);
	json_maybe_real(j, "cpu_seconds", s->cpu);
	json_uint(j, "freed", s->freed);
	json_uint(j, "uncollectable", s->uncollectable);
	if (s->unexamined)
		json_null(j, "examined");
	else
		json_uint(j, "examined", s->examined);
	json_uint(j, "deaths", s->deaths);
	json_open(j, "pauses", '{');
	json_real(j, "median", collection_pause(s, 50));
	json_real(j, "p90", collection_pause(s, 90));
	json_real(j, "p99", collection_pause(s, 99));
	json_real(j, "max", collection_pause(s, 100));
	json_close(j, '}');
}

static void json_kinds(struct json *j, const struct told *k)
{
	json_open(j, "kinds", '[');
	for (unsigned g = 0; g <= GENERATIONS; g++)
		for (unsigned c = 0; c <= OURO_CAUSE_FINALISATION; c++) {
			if (!k->kind[g][c].n)
				continue;
			json_open(j, NULL, '{');
			if (g < GENERATIONS)
				json_uint(j, "generation", g);
			else
				json_null(j, "generation");
			json_text(j, "cause", collection_cause_name(c));
			json_sum(j, &k->kind[g][c]);
			json_close(j, '}');
		}
	json_close(j, ']');
}

/* Up to the program's end: finalisation is not in it. */
static void json_by_generation(struct json *j, const char *key, const struct told *k, bool start_up)
{
	json_open(j, key, '[');
	for (unsigned g = 0; g < GENERATIONS; g++) {
		uint64_t n = start_up ? k->start_up[g].n : 0;

		for (unsigned c = 0; c < OURO_CAUSE_FINALISATION && !start_up; c++)
			n += k->program[g][c].n;
		json_uint(j, NULL, n);
	}
	json_close(j, ']');
}

static void json_callers(struct json *j, const struct report *r, const struct told *k)
{
	json_open(j, "callers", '[');
	for (uint32_t i = 0; i < k->callers.n; i++) {
		const struct collector_caller *c = &k->callers.c[i];

		json_open(j, NULL, '{');
		json_text(j, "cause", collection_cause_name(c->cause));
		report_json_place(j, r, c->site);
		json_sum(j, &c->sum);
		report_json_stack(j, r, c->site);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void json_garbage(struct json *j, const struct report *r, const struct told *k)
{
	json_open(j, "garbage", '[');
	for (uint32_t i = 0; i < k->garbage.n; i++) {
		const struct survival_place *p = &k->garbage.place[i];

		json_open(j, NULL, '{');
		json_text(j, "type", p->type);
		json_uint(j, "objects", lives_died(&p->lives, DEATH_BY_COLLECTOR));
		json_uint(j, "bytes", p->lives.collected_bytes);
		json_uint(j, "births", p->lives.births);
		json_real(j, "seconds", p->lives.collecting);
		report_json_place(j, r, p->site);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void json_maybe(struct json *j, const char *key, uint64_t plus_one)
{
	if (plus_one)
		json_uint(j, key, plus_one - 1);
	else
		json_null(j, key);
}

/* Objects by generation when it began; NULL: not known. */
static const struct tape_sizes *sizes_of(const struct report *r, const struct collection *c)
{
	uint32_t before = r->tape.collections ? r->tape.collections->n - r->collections.n : 0;
	uint32_t row = (uint32_t)(c - r->collections.c) + before;	/* the tape has its parents', too */

	return row < r->tape.nsizes && !r->tape.refused ? &r->tape.sizes[row] : NULL;
}

static void json_collection(struct json *j, const struct report *r, const struct collection *c)
{
	const struct collections *s = &r->collections;

	json_open(j, NULL, '{');
	json_real(j, "at", (double)trace_elapsed(&r->trace, c->start) / 1e9);
	json_real(j, "seconds", collection_seconds(s, &r->trace, c));
	json_maybe_real(j, "cpu_seconds", collection_cpu_seconds(c));
	json_bool(j, "after_snapshot", c->forked);
	if (c->generation < GENERATIONS)
		json_uint(j, "generation", c->generation);
	else
		json_null(j, "generation");
	json_text(j, "cause", collection_cause_name(c->cause));
	json_bool(j, "start_up", collection_of_start_up(s, c));
	json_uint(j, "thread", c->thread);
	json_maybe(j, "examined", c->examined);
	json_uint(j, "freed", c->freed);
	json_uint(j, "uncollectable", c->uncollectable);
	json_maybe(j, "kept", c->kept);
	json_uint(j, "deaths", c->deaths);
	json_open(j, "count", '[');
	for (unsigned i = 0; i < GENERATIONS; i++)
		json_uint(j, NULL, c->count[i]);
	json_close(j, ']');
	json_open(j, "threshold", '[');
	for (unsigned i = 0; i < GENERATIONS; i++)
		json_uint(j, NULL, c->threshold[i]);
	json_close(j, ']');
	if (sizes_of(r, c)) {
		json_open(j, "generations", '[');
		for (unsigned i = 0; i < GENERATIONS; i++)
			json_uint(j, NULL, sizes_of(r, c)->objects[i]);
		json_close(j, ']');
	} else {
		json_null(j, "generations");
	}
	json_uint(j, "live_objects", c->live_objects);
	json_uint(j, "live_bytes", c->live_bytes);
	json_close(j, '}');
}

/* The runtime's own counts: all since its start, those before it was ready taken apart. */
static void json_statistics(struct json *j, const struct collections *s)
{
	if (!s->last_known) {
		json_null(j, "statistics");
		return;
	}
	json_open(j, "statistics", '[');
	for (unsigned i = 0; i < GENERATIONS; i++) {
		json_open(j, NULL, '{');
		json_uint(j, "collections", s->last[i].runs);
		json_uint(j, "freed", s->last[i].freed);
		json_uint(j, "uncollectable", s->last[i].uncollectable);
		json_close(j, '}');
	}
	json_close(j, ']');
}

int gc_json(FILE *out, struct report *r)
{
	struct json j = { .out = out, .lines = true };
	struct told k;
	int e = told_init(&k, r);

	if (e)
		return e;
	report_json_begin(&j, r);
	json_open(&j, "collector", '{');
	json_real(&j, "program_seconds", k.run);
	json_uint(&j, "missed", k.missed);
	json_real(&j, "record_seconds", collections_record_seconds(&r->collections, &r->trace));
	json_real(&j, "before_seconds", k.all.before);
	json_sum(&j, &k.all);
	json_statistics(&j, &r->collections);
	json_kinds(&j, &k);
	json_by_generation(&j, "program_collections", &k, false);
	json_by_generation(&j, "start_up_collections", &k, true);
	json_callers(&j, r, &k);
	json_garbage(&j, r, &k);
	json_open(&j, "list", '[');
	for (uint32_t i = 0; i < r->collections.n; i++)
		json_collection(&j, r, &r->collections.c[i]);
	json_close(&j, ']');
	settings_json(&j, r);
	whatif_json(&j, r);
	json_close(&j, '}');
	report_json_findings(&j, r, (enum finding_kind[]){ FINDING_COLLECTOR_WASTE,
		FINDING_COLLECTED_CYCLE, FINDING_COLLECTOR_TUNING }, 3);
	json_close(&j, '}');
	told_fini(&k);
	return 0;
}

/* -------------------------------------------------------------------------------- CSV */

static void csv_maybe(FILE *out, uint64_t plus_one)
{
	if (plus_one)
		fprintf(out, ",%" PRIu64, plus_one - 1);
	else
		putc(',', out);
}

int gc_csv(FILE *out, const struct report *r)
{
	const struct collections *s = &r->collections;

	fputs("at,seconds,generation,cause,thread,freed,uncollectable,deaths,live_objects,"
	      "live_bytes,examined,kept,generation_0,generation_1,generation_2\n", out);
	for (uint32_t i = 0; i < s->n; i++) {
		const struct collection *c = &s->c[i];

		fprintf(out, "%.9f,%.9f,", (double)trace_elapsed(&r->trace, c->start) / 1e9,
			collection_seconds(s, &r->trace, c));
		if (c->generation < GENERATIONS)
			fprintf(out, "%u", c->generation);
		fprintf(out, ",%s,%" PRIu32 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
			",%" PRIu64, collection_cause_name(c->cause), c->thread, c->freed,
			c->uncollectable, c->deaths, c->live_objects, c->live_bytes);
		csv_maybe(out, c->examined);
		csv_maybe(out, c->kept);
		for (unsigned g = 0; g < GENERATIONS; g++)
			csv_maybe(out, sizes_of(r, c) ? sizes_of(r, c)->objects[g] + 1 : 0);
		putc('\n', out);
	}
	return 0;
}
