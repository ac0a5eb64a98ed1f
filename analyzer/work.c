#include "work.h"

#include "mem.h"

#include <errno.h>
#include <string.h>

static void count(struct work *w, struct work_count *c, const struct replay *r)
{
	uint64_t *blocks = replay_site_blocks(r);

	if (!blocks) {
		w->failed = true;
		return;
	}
	mem_free(c->blocks);
	*c = (struct work_count){ blocks, r->sites };
}

void work_moment(struct work *w, const struct replay *r, const struct event *e)
{
	if (e->kind == OURO_EXT && e->ext == OURO_EXT_EXITING) {
		if (!w->at_exit.blocks)
			count(w, &w->at_exit, r);
		return;
	}
	count(w, &w->before, r);
	w->from = e->ticks;
	w->warmed = w->warm && e->ticks >= w->warm;
}

static uint64_t blocks_of(const struct work_count *c, uint32_t site)
{
	return site < c->sites ? c->blocks[site] : 0;
}

static bool is_importer(const struct defs *d, uint32_t code)
{
	static const char name[] = "<frozen importlib";
	const struct def_code *c = def_code(d, code);

	return c && c->file.length >= sizeof(name) - 1 &&
		!memcmp(c->file.s, name, sizeof(name) - 1);
}

/* Is there an interpreter, whose lines are the program? */
static bool has_lines(const struct replay *r)
{
	return r->defs->codes > 1;
}

/* What a stack says of who made its blocks. */
enum { UNASKED, NOBODY, PROGRAM, IMPORT };

/* Stacks share their outer parts: each node is answered for once. */
static uint8_t maker(const struct replay *r, uint8_t *known, stack_id id)
{
	stack_id at = id, line = 0;	/* the outermost line of the program met     */
	uint8_t answer = NOBODY;

	for (; at && !known[at] && answer != IMPORT; at = stack_parent(&r->stacks, at)) {
		const struct def_location *l = stack_location(&r->stacks, at);

		if (l->kind != LOCATION_LINE)
			continue;
		line = at;
		if (is_importer(r->defs, l->line.code))
			answer = IMPORT;
	}
	if (at && answer != IMPORT)
		answer = known[at];
	/* From the line on inwards it is the program; what lies outside of it is as before. */
	for (stack_id x = id; x != at; x = stack_parent(&r->stacks, x)) {
		known[x] = answer == NOBODY && line ? PROGRAM : answer;
		if (x == line)
			line = 0;
	}
	return id ? known[id] : NOBODY;
}

int work_total(const struct work *w, const struct replay *r, double *ret)
{
	bool lines = has_lines(r);
	uint64_t *blocks;
	uint8_t *known;
	double sum = 0;

	if (w->failed)
		return -ENOMEM;
	blocks = replay_site_blocks(r);
	known = mem_array(r->stacks.count, sizeof(*known));
	if (!known || !blocks) {
		mem_free(blocks);
		mem_free(known);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < r->sites; i++) {
		uint64_t before = blocks_of(&w->before, i);
		uint64_t until = w->at_exit.blocks ? blocks_of(&w->at_exit, i) : blocks[i];

		if (until > before && (!lines || maker(r, known, r->site[i].stack) == PROGRAM))
			sum += (double)(until - before);
	}
	mem_free(blocks);
	mem_free(known);
	if (r->trace->head.sample_bytes && r->total.blocks)
		sum *= r->scaled.made.n / (double)r->total.blocks;
	*ret = sum;
	return 0;
}

void work_fini(struct work *w)
{
	mem_free(w->before.blocks);
	mem_free(w->at_exit.blocks);
	*w = (struct work){ 0 };
}
