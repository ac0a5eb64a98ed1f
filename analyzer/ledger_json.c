#include "ledger_json.h"

static void put_place(struct json *j, const struct ledger_place *p)
{
	json_open(j, NULL, '{');
	json_text(j, "function", p->function);
	json_text(j, "file", p->file);
	json_uint(j, "line", p->line);
	json_close(j, '}');
}

void ledger_names_json(struct json *j, const char *key, const char *const *name, uint32_t n)
{
	json_open(j, key, '[');
	for (uint32_t i = 0; i < n; i++)
		json_text(j, NULL, name[i]);
	json_close(j, ']');
}

static void put_known(struct json *j, const char *key, double v)
{
	if (v > 0)
		json_real(j, key, v);
	else
		json_null(j, key);
}

void ledger_entry_json(struct json *j, const struct ledger_entry *e)
{
	json_text(j, "kind", e->kind);
	ledger_names_json(j, "types", e->type, e->ntypes);
	json_bool(j, "calls", e->chain);
	json_open(j, "places", '[');
	for (uint32_t i = 0; i < e->nplaces; i++)
		put_place(j, &e->place[i]);
	json_close(j, ']');
	ledger_names_json(j, "edges", e->edge, e->nedges);
	json_uint(j, "count", e->count);
	json_uint(j, "objects", e->objects);
	json_uint(j, "bytes", e->bytes);
}

void ledger_pair_json(struct json *j, const struct pair *p)
{
	json_text(j, "change", pair_verdict_name(p->verdict));
	ledger_entry_json(j, p->now ? p->now : p->old);
	if (!p->now || !p->old) {
		json_null(j, "before");
		return;
	}
	json_open(j, "before", '{');
	json_uint(j, "count", p->old->count);
	json_uint(j, "objects", p->old->objects);
	json_uint(j, "bytes", p->old->bytes);
	put_known(j, "allocations", p->old->work);
	put_known(j, "seconds", p->old->seconds);
	json_text(j, "per", ledger_per_name(p->per));
	json_real(j, "scale", p->scale);
	json_real(j, "tolerated", p->allowed);
	json_close(j, '}');
}
