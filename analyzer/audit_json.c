#include "audit_report.h"

#include "ledger_json.h"

static void put_findings(struct json *j, const struct audit *a)
{
	json_open(j, "findings", '[');
	for (uint32_t i = 0; i < a->pairs.n; i++) {
		const struct pair *p = &a->pairs.pair[i];

		if (!p->now)
			continue;
		json_open(j, NULL, '{');
		json_bool(j, "fails", a->why[i] != AUDIT_FINE);
		json_text(j, "why", audit_why_name(a->why[i]));
		json_text(j, "severity", finding_severity_name(p->now->severity));
		ledger_pair_json(j, p);
		json_text(j, "headline", p->now->headline);
		json_text(j, "advice", p->now->advice);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_open(j, "gone", '[');
	for (uint32_t i = 0; i < a->pairs.n; i++)
		if (!a->pairs.pair[i].now) {
			json_open(j, NULL, '{');
			ledger_pair_json(j, &a->pairs.pair[i]);
			json_close(j, '}');
		}
	json_close(j, ']');
}

static void put_rest(struct json *j, const struct audit *a)
{
	json_open(j, "failures", '[');
	for (uint32_t i = 0; i < a->nfailures; i++) {
		json_open(j, NULL, '{');
		json_text(j, "kind", a->failure[i].kind);
		json_text(j, "text", a->failure[i].text);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_open(j, "suppressions", '[');
	for (uint32_t i = 0; i < a->suppressions.n; i++) {
		const struct suppression *s = &a->suppressions.s[i];

		json_open(j, NULL, '{');
		json_text(j, "file", s->file);
		json_uint(j, "line", s->line);
		json_text(j, "name", s->name);
		json_uint(j, "used", s->used);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_open(j, "processes", '[');
	for (uint32_t i = 0; i < a->nprocesses; i++) {
		const struct audit_process *p = &a->process[i];

		json_open(j, NULL, '{');
		json_text(j, "program", p->program);
		json_uint(j, "pid", p->pid);
		json_text(j, "state", p->state);
		json_text(j, "file", p->path);
		json_uint(j, "findings", p->findings);
		json_close(j, '}');
	}
	json_close(j, ']');
	ledger_names_json(j, "notes", (const char *const *)a->note, a->nnotes);
}

void audit_json(FILE *out, const struct audit *a, const struct audit_words *w)
{
	struct json j = { .out = out, .lines = true };
	const uint32_t *n = a->pairs.count;

	json_open(&j, NULL, '{');
	json_text(&j, "ouro", OURO_VERSION);
	json_open(&j, "audit", '{');
	json_text(&j, "verdict", audit_failed(a) ? "failed" : "passed");
	json_text(&j, "command", w->command);
	json_text(&j, "baseline", w->baseline);
	json_real(&j, "tolerance", a->o.tolerance.share);
	json_text(&j, "per", ledger_per_name(a->o.tolerance.per));
	json_uint(&j, "new", n[PAIR_NEW]);
	json_uint(&j, "grown", n[PAIR_GROWN]);
	json_uint(&j, "known", n[PAIR_SAME] + n[PAIR_SHRUNK]);
	json_uint(&j, "gone", n[PAIR_GONE]);
	json_uint(&j, "suppressed", a->suppressed);
	json_uint(&j, "passed_over", a->passed_over);
	json_real(&j, "allocations", a->work);
	json_real(&j, "seconds", a->seconds);
	json_close(&j, '}');
	put_findings(&j, a);
	put_rest(&j, a);
	json_close(&j, '}');
}
