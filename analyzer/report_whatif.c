#include "report_whatif.h"

#include "buf.h"
#include "report_text.h"

#include <string.h>

enum { CHANGES_TOLD = 10 };

static const char *const changes[] = {
	[OURO_CHANGE_THRESHOLD] = "gc.set_threshold",
	[OURO_CHANGE_ENABLE] = "gc.enable",
	[OURO_CHANGE_DISABLE] = "gc.disable",
	[OURO_CHANGE_FREEZE] = "gc.freeze",
	[OURO_CHANGE_UNFREEZE] = "gc.unfreeze",
};

/* NULL: none of the program's. */
static const char *change_name(const struct tape_settings *s)
{
	return s->change < sizeof(changes) / sizeof(changes[0]) ? changes[s->change] : NULL;
}

static void put_change(struct buf *b, const struct report *r, const struct tape_settings *s)
{
	buf_printf(b, "%.3f s  %s(", (double)trace_elapsed(&r->trace, s->ticks) / 1e9,
		   change_name(s));
	if (s->change == OURO_CHANGE_THRESHOLD)
		buf_printf(b, "%u, %u, %u", s->threshold[0], s->threshold[1], s->threshold[2]);
	buf_putc(b, ')');
	if (s->change == OURO_CHANGE_FREEZE && s->frozen) {
		buf_puts(b, ": ");
		buf_number(b, s->frozen - 1);
		buf_puts(b, " objects are out of all later collections");
	}
}

void settings_text(const struct term *t, const struct report *r)
{
	uint32_t told = 0, rest = 0;
	struct buf b = {0};

	for (uint32_t i = 0; i < r->tape.nsettings; i++) {
		if (!change_name(&r->tape.settings[i]))
			continue;
		if (told == CHANGES_TOLD) {
			rest++;
			continue;
		}
		if (!told++) {
			putc('\n', t->out);
			text_line(t, TERM_BOLD, 0, "Set by the program");
		}
		put_change(&b, r, &r->tape.settings[i]);
		text_line(t, TERM_PLAIN, 2, buf_text(&b));
		buf_reset(&b);
	}
	if (rest) {
		buf_printf(&b, "... and %u more times", rest);
		text_line(t, TERM_DIM, 2, buf_text(&b));
	}
	buf_fini(&b);
}

void settings_json(struct json *j, const struct report *r)
{
	json_open(j, "changes", '[');
	for (uint32_t i = 0; i < r->tape.nsettings; i++) {
		const struct tape_settings *s = &r->tape.settings[i];

		if (!change_name(s))
			continue;
		json_open(j, NULL, '{');
		json_real(j, "at", (double)trace_elapsed(&r->trace, s->ticks) / 1e9);
		json_text(j, "call", change_name(s));
		json_bool(j, "enabled", s->enabled);
		json_open(j, "threshold", '[');
		for (unsigned g = 0; g < GENERATIONS; g++)
			json_uint(j, NULL, s->threshold[g]);
		json_close(j, ']');
		if (s->frozen)
			json_uint(j, "frozen", s->frozen - 1);
		else
			json_null(j, "frozen");
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* Ranges narrower than this are told as one number. */
#define NARROW 0.01

static bool is_wide(const struct range *r)
{
	return r->high - r->low > NARROW * r->high && r->high - r->low >= 2;
}

static void put_count(struct buf *b, const struct range *r)
{
	if (is_wide(r)) {
		buf_number(b, (unsigned long long)r->low);
		buf_puts(b, " to ");
		buf_number(b, (unsigned long long)r->high);
	} else {
		buf_number(b, (unsigned long long)r->likely);
	}
}

static void put_row(const struct term *t, const struct whatif *w, uint32_t row)
{
	const struct prediction *p = &w->p[row];
	struct buf counts = {0}, peak = {0}, waiting = {0};
	char name[80], seconds[24];

	whatif_name(name, sizeof(name), p);
	for (unsigned g = 0; g < GENERATIONS; g++) {
		buf_puts(&counts, g ? " / " : "");
		put_count(&counts, &p->runs[g]);
	}
	buf_bytes(&peak, (unsigned long long)p->peak_bytes.high);
	buf_bytes(&waiting, (unsigned long long)p->waiting_bytes.high);
	snprintf(seconds, sizeof(seconds), "%.3f", p->seconds.likely);
	fprintf(t->out, "  %-3s %-22s %26s %9s %8.2f ms %11s %11s%s\n", !row ? "now" : p->asked ? "?" :
		row == (uint32_t)w->best ? "->" : "", name, buf_text(&counts), seconds, 1e3 * p->pause_max,
		buf_text(&peak), buf_text(&waiting), !p->memory_holds ? "  too much memory" :
		!p->pause_holds ? "  too long a pause" : "");
	buf_fini(&counts);
	buf_fini(&peak);
	buf_fini(&waiting);
}

static bool any_wide(const struct whatif *w)
{
	for (uint32_t i = 1; i < w->n; i++)
		for (unsigned g = 0; g < GENERATIONS; g++) {
			const struct range *r = &w->p[i].runs[g];

			if (r->high - r->low > 1 && r->high - r->low > r->likely / 4)
				return true;
		}
	return false;
}

static void put_notes(const struct term *t, const struct whatif *w)
{
	uint64_t recorded = 0, wrong = 0;
	struct buf b = {0};

	for (unsigned g = 0; g < GENERATIONS; g++) {
		uint64_t x = w->check.recorded[g], y = w->check.simulated[g];

		recorded += x;
		wrong += x > y ? x - y : y - x;
	}
	buf_puts(&b, "All but the first row are predicted; the model gives ");
	if (wrong) {
		buf_number(&b, wrong);
		buf_puts(&b, wrong == 1 ? " collection more or less than the " :
			 " collections more or less than the ");
	} else {
		buf_puts(&b, "exactly the ");
	}
	buf_number(&b, recorded);
	buf_puts(&b, " that were recorded. Ranges: when garbage became so is not known; the truth can lie outside.");
	if (any_wide(w))
		buf_puts(&b, " One that is wider than a quarter of its number says little: record under "
			 "settings nearer to those.");
	text_line(t, TERM_DIM, 2, buf_text(&b));
	buf_reset(&b);
	if (w->freeze_seconds > 0) {
		buf_printf(&b, "freeze: gc.freeze() %.2f s into the recording, when nine of ten objects that "
			   "stayed had been made.", w->freeze_seconds);
		text_line(t, TERM_DIM, 2, buf_text(&b));
	}
	buf_fini(&b);
}

void whatif_text(const struct term *t, const struct report *r)
{
	const struct whatif *w = &r->whatif;
	struct buf b = {0};

	putc('\n', t->out);
	if (w->refused) {
		buf_printf(&b, "No prediction of other settings: %s.", w->refused);
		text_line(t, TERM_DIM, 0, buf_text(&b));
		buf_fini(&b);
		return;
	}
	text_line(t, TERM_BOLD, 0, "Under other settings");
	fprintf(t->out, "  %-3s %-22s %26s %9s %11s %11s %11s\n", "", "thresholds",
		"collections of 0 / 1 / 2", "seconds", "longest", "peak", "garbage");
	for (uint32_t i = 0; i < w->n; i++)
		put_row(t, w, i);
	put_notes(t, w);
	if (r->inherited.n) {
		buf_printf(&b, "With the %u collections of %s before the fork: its collector goes on in this one.",
			   r->inherited.collections.n - r->collections.n,
			   r->inherited.n == 1 ? "the process that forked" : "the processes that forked");
		text_line(t, TERM_DIM, 2, buf_text(&b));
		buf_fini(&b);
	}
}

/* ------------------------------------------------------------------------------- JSON */

static void json_range(struct json *j, const char *key, const struct range *r)
{
	json_open(j, key, '{');
	json_real(j, "low", r->low);
	json_real(j, "likely", r->likely);
	json_real(j, "high", r->high);
	json_close(j, '}');
}

static void json_counts(struct json *j, const char *key, const uint64_t *v)
{
	json_open(j, key, '[');
	for (unsigned g = 0; g < GENERATIONS; g++)
		json_uint(j, NULL, v[g]);
	json_close(j, ']');
}

static void json_row(struct json *j, const struct report *r, uint32_t row)
{
	const struct prediction *p = &r->whatif.p[row];
	const struct setting *s = &p->setting;

	json_open(j, NULL, '{');
	json_bool(j, "recorded", s->recorded);
	json_bool(j, "asked", p->asked);
	json_bool(j, "recommended", row && row == (uint32_t)r->whatif.best);
	json_bool(j, "off", s->off);
	if (s->keep) {
		json_null(j, "threshold");
	} else {
		json_open(j, "threshold", '[');
		for (unsigned g = 0; g < GENERATIONS; g++)
			json_uint(j, NULL, s->threshold[g]);
		json_close(j, ']');
	}
	if (s->freeze == NEVER)
		json_null(j, "freeze_at");
	else
		json_real(j, "freeze_at", tape_seconds_at(&r->tape, &r->trace, s->freeze));
	json_open(j, "collections", '[');
	for (unsigned g = 0; g < GENERATIONS; g++)
		json_range(j, NULL, &p->runs[g]);
	json_close(j, ']');
	json_range(j, "seconds", &p->seconds);
	json_open(j, "pauses", '{');
	json_real(j, "median", p->pause_median);
	json_real(j, "p99", p->pause_p99);
	json_real(j, "max", p->pause_max);
	json_close(j, '}');
	json_range(j, "peak_bytes", &p->peak_bytes);
	json_range(j, "garbage_bytes", &p->waiting_bytes);
	json_bool(j, "memory_holds", p->memory_holds);
	json_bool(j, "pause_holds", p->pause_holds);
	json_close(j, '}');
}

void whatif_json(struct json *j, const struct report *r)
{
	const struct whatif *w = &r->whatif;

	json_open(j, "what_if", '{');
	if (w->refused)
		json_text(j, "refused", w->refused);
	else
		json_null(j, "refused");
	json_uint(j, "ancestors", r->inherited.n);
	json_open(j, "self_check", '{');
	json_counts(j, "recorded", w->check.recorded);
	json_counts(j, "simulated", w->check.simulated);
	json_uint(j, "exact", w->check.exact);
	json_close(j, '}');
	json_open(j, "bounds", '{');
	json_real(j, "memory_percent", w->memory_percent);
	json_real(j, "pause", w->pause);
	json_close(j, '}');
	json_open(j, "settings", '[');
	for (uint32_t i = 0; i < w->n && !w->refused; i++)
		json_row(j, r, i);
	json_close(j, ']');
	json_close(j, '}');
}
