#include "work.h"

#include "mem.h"

#include <errno.h>
#include <string.h>

void work_moment(struct work *w, const struct replay *r, const struct event *e)
{
	uint64_t *before = mem_array(r->sites, sizeof(*before));

	if (!before) {
		w->failed = true;
		return;
	}
	for (uint32_t i = 0; i < r->sites; i++)
		before[i] = r->site[i].blocks;
	mem_free(w->before);
	w->before = before;
	w->sites = r->sites;
	w->from = e->ticks;
	w->warmed = w->warm && e->ticks >= w->warm;
}

static bool is_importer(const struct defs *d, uint32_t code)
{
	static const char name[] = "<frozen importlib";
	const struct def_code *c = def_code(d, code);

	return c && c->file.length >= sizeof(name) - 1 &&
		!memcmp(c->file.s, name, sizeof(name) - 1);
}

/* Stacks share their outer parts, so each node is asked once: 1 no, 2 yes, 0 not asked yet. */
static bool below_import(const struct replay *r, uint8_t *known, stack_id id)
{
	stack_id at = id;
	uint8_t answer = 1;

	for (; at && !known[at]; at = stack_parent(&r->stacks, at)) {
		const struct def_location *l = stack_location(&r->stacks, at);

		if (l->kind == LOCATION_LINE && is_importer(r->defs, l->line.code))
			break;
	}
	if (at)
		answer = known[at] ? known[at] : 2;
	for (; id != at; id = stack_parent(&r->stacks, id))
		known[id] = answer;
	if (at)
		known[at] = answer;
	return answer == 2;
}

int work_total(const struct work *w, const struct replay *r, double *ret)
{
	uint8_t *known;
	double sum = 0;

	if (w->failed)
		return -ENOMEM;
	known = mem_array(r->stacks.count, sizeof(*known));
	if (!known)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->sites; i++) {
		uint64_t before = i < w->sites ? w->before[i] : 0;

		if (r->site[i].blocks > before && !below_import(r, known, r->site[i].stack))
			sum += (double)(r->site[i].blocks - before);
	}
	mem_free(known);
	if (r->trace->head.sample_bytes && r->total.blocks)
		sum *= r->scaled.made.n / (double)r->total.blocks;
	*ret = sum;
	return 0;
}

void work_fini(struct work *w)
{
	mem_free(w->before);
	*w = (struct work){ 0 };
}
