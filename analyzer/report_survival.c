#include "report_survival.h"

#include "buf.h"
#include "report_json.h"
#include "tally.h"
#include "words.h"

#include <errno.h>
#include <string.h>

#define PLACES_TOLD	30

/* ------------------------------------------------------------------------------- text */

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void put_lives(const struct term *t, const struct lives *l)
{
	struct buf b = {0};

	buf_number(&b, l->births);
	fprintf(t->out, "%13s", buf_text(&b));
	buf_fini(&b);
	for (unsigned g = 0; g < GENERATIONS; g++)
		fprintf(t->out, " %6.1f", percent(l->died[DEATH_BY_COUNT][g], l->births));
	fprintf(t->out, " %9.1f", percent(lives_died(l, DEATH_BY_COLLECTOR), l->births));
	fprintf(t->out, " %7.1f", percent(lives_died(l, DEATH_AT_END) + lives_living(l), l->births));
}

/* Of the dead, half were not older than this: the upper end of the class. */
static uint64_t half_life(const uint32_t *by_age, unsigned classes)
{
	uint64_t all = 0, n = 0;
	unsigned i;

	for (i = 0; i < classes; i++)
		all += by_age[i];
	for (i = 0; i + 1 < classes; i++) {
		n += by_age[i];
		if (n * 2 >= all)
			break;
	}
	return i ? (1ull << i) - 1 : 0;
}

static void put_curve(const struct term *t, const struct lives *l)
{
	struct buf b = {0};

	buf_puts(&b, "half of the dead lived through no more than ");
	buf_number(&b, half_life(l->by_births, AGES_BIRTHS));
	buf_puts(&b, " births of others, ");
	buf_number(&b, half_life(l->by_time, AGES_TIME) / 1000);
	buf_puts(&b, " microseconds, ");
	buf_number(&b, half_life(l->by_collections, AGES_COLLECTIONS));
	buf_puts(&b, " collections");
	text_line(t, TERM_DIM, 2, buf_text(&b));
	buf_fini(&b);
}

/* Without a line of the program: the innermost function of machine code. */
static struct finding_site site_of(struct report *r, uint32_t site)
{
	struct finding_site at = tally_site(&r->heap, site);
	const struct heap_frame *f;

	if (*at.function || !r->heap.site[site].calls || !r->survival.blocks)
		return at;
	heap_load_symbols(&r->heap, r->symbols, site);
	f = heap_frame(&r->heap, r->heap.site[site].calls);
	return (struct finding_site){ .function = heap_text(&r->heap, f->function),
		.file = heap_text(&r->heap, f->file ? f->file : f->module), .line = f->line,
		.variable = "" };
}

static void put_place(const struct term *t, struct report *r, const struct survival_place *p)
{
	struct finding_site at = site_of(r, p->site);
	struct buf b = {0};

	put_lives(t, &p->lives);
	words_put_type(&b, p->type);
	if (*at.function) {
		buf_puts(&b, " in ");
		words_place(&b, at.function, at.file, at.line);
	}
	fputs("  ", t->out);
	term_wrap(t, 54, 56, buf_text(&b));
	buf_fini(&b);
}

static void put_table(const struct term *t, struct report *r, const struct survival_table *s,
		      bool all)
{
	uint32_t n = all || s->n < PLACES_TOLD ? s->n : PLACES_TOLD;

	putc('\n', t->out);
	term_style(t, TERM_BOLD);
	fputs("              died by count in generation      by the    lived\n", t->out);
	fputs("         made  0, %    1, %   2, % collector, %  on, %\n", t->out);
	term_style(t, TERM_PLAIN);
	for (uint32_t i = 0; i < n; i++)
		put_place(t, r, &s->place[i]);
	put_lives(t, &s->all);
	fputs("  all\n", t->out);
	if (n < s->n)
		fprintf(t->out, "  %u more places; --all shows them.\n", s->n - n);
}

int survival_text(const struct term *t, struct report *r, const struct text_options *o)
{
	const struct survival *s = &r->survival;
	struct survival_table table;
	struct buf b = {0};
	int e = survival_fold(s, &r->loader, false, &table);

	if (e)
		return e;
	text_begin(t, r);
	buf_number(&b, table.all.births);
	buf_printf(&b, " %s made; ", s->blocks ? "blocks" : "objects");
	if (s->simulated) {
		buf_printf(&b, "generations are simulated, a collection every %u births, each %uth of an "
			   "older generation", SURVIVAL_STEP, SURVIVAL_STEPS);
	} else {
		buf_number(&b, r->collections.n);
		buf_puts(&b, " collections");
	}
	text_line(t, TERM_BOLD, 0, buf_text(&b));
	buf_fini(&b);
	put_curve(t, &table.all);
	put_table(t, r, &table, o->all);
	survival_table_fini(&table);
	return 0;
}

/* ------------------------------------------------------------------------------- JSON */

static void json_ages(struct json *j, const char *key, const uint32_t *by_age, unsigned classes)
{
	unsigned last = classes;

	while (last && !by_age[last - 1])
		last--;
	json_open(j, key, '[');
	for (unsigned i = 0; i < last; i++)
		json_uint(j, NULL, by_age[i]);
	json_close(j, ']');
}

static void json_deaths(struct json *j, const char *key, const uint64_t died[GENERATIONS])
{
	json_open(j, key, '[');
	for (unsigned g = 0; g < GENERATIONS; g++)
		json_uint(j, NULL, died[g]);
	json_close(j, ']');
}

static void json_lives(struct json *j, const struct lives *l)
{
	json_uint(j, "births", l->births);
	json_deaths(j, "by_count", l->died[DEATH_BY_COUNT]);
	json_deaths(j, "by_collector", l->died[DEATH_BY_COLLECTOR]);
	json_deaths(j, "at_end", l->died[DEATH_AT_END]);
	json_uint(j, "living", lives_living(l));
	json_ages(j, "age_collections", l->by_collections, AGES_COLLECTIONS);
	json_ages(j, "age_births", l->by_births, AGES_BIRTHS);
	json_ages(j, "age_ns", l->by_time, AGES_TIME);
}

int survival_json(FILE *out, struct report *r)
{
	const struct survival *s = &r->survival;
	struct json j = { .out = out, .lines = true };
	struct survival_table table;
	int e = survival_fold(s, &r->loader, false, &table);

	if (e)
		return e;
	report_json_begin(&j, r);
	json_open(&j, "survival", '{');
	json_text(&j, "of", s->blocks ? "blocks" : "objects");
	json_bool(&j, "simulated", s->simulated);
	json_uint(&j, "collections", s->simulated ? s->births / SURVIVAL_STEP : r->collections.n);
	json_lives(&j, &table.all);
	json_open(&j, "sites", '[');
	for (uint32_t i = 0; i < table.n; i++) {
		json_open(&j, NULL, '{');
		json_text(&j, "type", table.place[i].type);
		report_json_place(&j, r, table.place[i].site);
		json_lives(&j, &table.place[i].lives);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	json_close(&j, '}');
	survival_table_fini(&table);
	return 0;
}
