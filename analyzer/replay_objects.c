/*
 * replay_objects.c - objects are born and die, mostly in blocks
 */
#include "replay_private.h"

#include "refs.h"

#include <errno.h>

void replay_object_dies(struct replay *r, struct object *o)
{
	if (!o->alive)
		return;
	if (r->observer)
		r->observer->dies(r->observer_arg, r, o);
	if (r->refs)
		refs_dies(r->refs, o);
	o->alive = false;
	replay_count_dead(r, o);
	r->total.live_objects--;
	r->total.deaths++;
	r->scaled.deaths += (double)o->weight;
}

void replay_objects_die(struct replay *r, uint32_t row)
{
	while (row) {
		uint32_t next = r->live.object[row].next;

		replay_object_dies(r, &r->live.object[row]);
		live_remove_object(&r->live, row);
		row = next;
	}
}

/*
 * Runtimes put a header of some words before an object; failing that, a block
 * this thread has just made is the likeliest.
 */
static struct block *block_for(struct replay *r, const struct event *e)
{
	static const uint8_t headers[] = { 0, 16, 32, 8, 24, 40, 48, 56, 64 };
	const struct stream_state *s = &r->private->stream[e->stream];
	struct block *b;

	for (size_t i = 0; i < sizeof(headers); i++) {
		b = e->object > headers[i] ? live_block(&r->live, e->object - headers[i])
					   : NULL;
		if (replay_inside(b, e->object))
			return b;
	}
	for (int i = 0; i < RECENT; i++) {
		b = s->recent[i] ? live_block(&r->live, s->recent[i]) : NULL;
		if (replay_inside(b, e->object))
			return b;
	}
	return NULL;
}

/* Of the row: one that was there before has died, seen or unseen; a new one lies in its block. */
static void prepare_row(struct replay *r, struct block *b, uint32_t row, bool known)
{
	struct object *o = &r->live.object[row];

	if (known && o->alive) {
		r->total.double_births++;
		replay_object_dies(r, o);
	} else if (!known && b) {
		o->block = b->addr;
		o->next = b->object;
		b->object = row & INT32_MAX;
	}
}

/* A block that waited for another object gets it. */
static void wake(struct replay *r, const struct block *b, uint32_t row)
{
	if (!b && row && r->live.object[row].block)
		b = live_block(&r->live, r->live.object[row].block);
	if (b && replay_waits(r, b))
		replay_wait(r, b, false);
}

static int born(struct replay *r, const struct event *e, struct block *b)
{
	struct object *o;
	uint32_t row;
	site_id site;
	bool known;
	part_id part;
	int result;

	if (!e->object)
		return 0;
	result = replay_site_of(r, e, &site);
	if (!result)
		result = replay_part_of(r, site, e->type, replay_thread(e), &part);
	if (result)
		return result;
	row = live_claim_object(&r->live, e->object, &known);
	if (!row)
		return -ENOMEM;
	wake(r, b, known ? row : 0);
	prepare_row(r, b, row, known);
	o = &r->live.object[row];
	o->reused = known;
	o->born = e->ticks;
	o->type = e->type;
	o->site = site;
	/* One that runs does not look at what is born now. */
	o->collections = (uint32_t)r->total.collections + (r->collecting > 0);
	o->nth = r->total.births;
	o->alive = true;
	if (!b && o->block)
		b = live_block(&r->live, o->block);
	if (b && b->object == row && !o->next)
		replay_adopt(r, b, part);
	o->weight = (float)replay_weight(r, b);
	r->scaled.births += (double)o->weight;
	o->thread = (uint16_t)replay_thread(e);
	replay_count_born(r, o, part);
	r->total.births++;
	r->total.live_objects++;
	if (r->observer)
		r->observer->born(r->observer_arg, r, o);
	if (r->refs)
		refs_born(r->refs, o);
	return 0;
}

int replay_birth(struct replay *r, const struct event *e)
{
	/* One that was here before knows its block. */
	return born(r, e, live_object(&r->live, e->object) ? NULL : block_for(r, e));
}

int replay_pool_birth(struct replay *r, const struct event *e)
{
	struct block *b;
	int result = replay_alloc_block(r, e, &b);

	if (result || !b)
		return result;
	return born(r, e, replay_inside(b, e->object) ? b : NULL);
}

void replay_death(struct replay *r, const struct event *e)
{
	uint32_t row = live_object(&r->live, e->addr);
	struct object *o = &r->live.object[row];
	const struct block *b;

	if (!row || !o->alive) {
		r->total.unknown_deaths++;
		return;
	}
	replay_object_dies(r, o);
	if (!o->block) {
		live_remove_object(&r->live, row);
		return;
	}
	b = live_block(&r->live, o->block);
	if (b && replay_waits(r, b))
		replay_wait(r, b, true);
}
