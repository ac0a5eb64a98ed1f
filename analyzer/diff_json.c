#include "diff_report.h"

#include "ledger_json.h"

static void side_json(struct json *j, const char *key, const struct diff_side *s)
{
	json_open(j, key, '{');
	json_text(j, "file", s->path);
	json_text(j, "program", s->program);
	json_text(j, "state", s->state);
	json_real(j, "allocations", s->work);
	json_real(j, "seconds", s->seconds);
	json_uint(j, "alive_objects", s->alive_objects);
	json_uint(j, "alive_bytes", s->alive_bytes);
	json_uint(j, "blocks", s->blocks);
	json_uint(j, "bytes", s->bytes);
	json_close(j, '}');
}

void diff_json(FILE *out, const struct diff *d)
{
	static const char *const key[DIFF_PARTS] = { "findings", "alive", "made" };
	struct json j = { .out = out, .lines = true };

	json_open(&j, NULL, '{');
	json_text(&j, "ouro", OURO_VERSION);
	json_open(&j, "diff", '{');
	side_json(&j, "a", &d->side[0]);
	side_json(&j, "b", &d->side[1]);
	json_text(&j, "per", ledger_per_name(d->tolerance.per));
	json_real(&j, "scale", diff_scale(d));
	json_real(&j, "tolerance", d->tolerance.share);
	json_close(&j, '}');
	for (unsigned i = 0; i < DIFF_PARTS; i++) {
		json_open(&j, key[i], '[');
		for (uint32_t k = 0; k < d->pairs[i].n; k++) {
			json_open(&j, NULL, '{');
			ledger_pair_json(&j, &d->pairs[i].pair[k]);
			json_close(&j, '}');
		}
		json_close(&j, ']');
	}
	json_close(&j, '}');
}
