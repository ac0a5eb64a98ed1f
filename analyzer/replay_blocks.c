/*
 * replay_blocks.c - blocks are made, freed, and moved by realloc
 */
#include "replay_private.h"

#include <errno.h>
#include <string.h>

static void block_dies(struct replay *r, struct block *b)
{
	replay_tell_block(r, b, false);
	replay_count_out(r, b);
	replay_count_age(r, b);
	replay_objects_die(r, b->object);
	live_remove_block(&r->live, b);
}

static void remember(
	struct misplaced list[MISPLACED], uint32_t *next, const struct event *e)
{
	list[(*next)++ % MISPLACED] = (struct misplaced){ e->addr, e->ticks, e->stream };
}

/* Is there one of another thread at this address, no longer ago?  It is then forgotten.
 */
static bool recall(
	struct misplaced list[MISPLACED], const struct event *e, uint64_t ticks)
{
	for (int i = 0; i < MISPLACED; i++) {
		struct misplaced *m = &list[i];

		if (m->addr != e->addr || m->stream == e->stream ||
		    e->ticks - m->ticks > ticks)
			continue;
		m->addr = 0;
		return true;
	}
	return false;
}

/* Freed already, if we had known: the FREE of what is being made came too early. */
static bool free_early(struct replay *r, const struct event *e, struct block *b)
{
	struct replay_private *p = r->private;

	if (!r->total.unknown_frees || !recall(p->early, e, EARLY_TICKS))
		return false;
	r->total.unknown_frees--;
	r->total.frees++;
	block_dies(r, b);
	return true;
}

static void remember_recent(struct replay *r, const struct event *e)
{
	struct stream_state *s = &r->private->stream[e->stream];

	for (int i = RECENT - 1; i > 0; i--)
		s->recent[i] = s->recent[i - 1];
	s->recent[0] = s->newest = e->addr;
}

static bool is_pool(unsigned kind)
{
	return kind >= OURO_POOL_ALLOC && kind <= OURO_POOL_BIRTH;
}

static uint64_t sane_size(uint64_t size)
{
	return size < SIZE_MAX_SANE ? size : SIZE_MAX_SANE;
}

/* A place for a block; what stood there must have been freed unseen. */
static struct block *clear_place(struct replay *r, uint64_t addr, const struct event *e)
{
	bool there;
	struct block *b = live_claim_block(&r->live, addr, &there);

	if (!b || !there)
		return b;
	r->total.double_blocks++;
	remember(r->private->late, &r->private->late_next, e);
	block_dies(r, b);
	return live_add_block(&r->live, addr);
}

static int part_of(struct replay *r, const struct event *e, uint32_t type, part_id *ret)
{
	site_id site;
	int result = replay_site_of(r, e, &site);

	return result ? result : replay_part_of(r, site, type, replay_thread(e), ret);
}

int replay_alloc_block(struct replay *r, const struct event *e, struct block **ret)
{
	struct block *b;
	part_id part;
	int result;

	*ret = NULL;
	if (!e->addr)
		return 0;
	result = part_of(r, e, e->type, &part);
	if (result)
		return result;
	b = clear_place(r, e->addr, e);
	if (!b)
		return -ENOMEM;
	b->size = sane_size(e->arg);
	b->born = e->ticks;
	b->part = part;
	b->pool = is_pool(e->kind);
	r->total.blocks++;
	r->total.bytes += b->size;
	if (r->part_scaled)
		weigh(&r->scaled.made, replay_weight(r, b), b->size);
	replay_count_made(r, b, 1);
	replay_count_in(r, b, e->ticks);
	replay_tell_block(r, b, true);
	remember_recent(r, e);
	if (!free_early(r, e, b))
		*ret = b;
	return 0;
}

int replay_alloc(struct replay *r, const struct event *e)
{
	struct block *b;

	return replay_alloc_block(r, e, &b);
}

void replay_free(struct replay *r, const struct event *e)
{
	struct stream_state *s = &r->private->stream[e->stream];
	struct block *b = live_block(&r->live, e->addr);

	if (!b) {
		r->total.unknown_frees++;
		remember(r->private->early, &r->private->early_next, e);
		s->newest = 0;
		return;
	}
	if (r->total.double_blocks && recall(r->private->late, e, 0)) {
		r->total.double_blocks--;
		r->total.frees++;
		r->scaled.frees += replay_weight(r, b);
		return;
	}
	if (s->newest == e->addr)
		replay_count_brief(r, b);
	s->newest = 0;
	r->total.frees++;
	r->scaled.frees += replay_weight(r, b);
	block_dies(r, b);
}

/* --- realloc ----------------------------------------------------------------------- */

/* Objects that only keep their place in the block do not move with it. */
static uint32_t lift_objects(struct replay *r, uint32_t row)
{
	struct live *l = &r->live;
	uint32_t kept = 0;

	while (row) {
		uint32_t next = l->object[row].next;

		if (l->object[row].alive) {
			live_lift_object(l, row);
			l->object[row].next = kept;
			kept = row;
		} else {
			live_remove_object(l, row);
		}
		row = next;
	}
	return kept;
}

/* It was handed to realloc and did not come back. */
static void forget_pending(struct replay *r, const struct block *b)
{
	replay_tell_block(r, b, false);
	replay_count_age(r, b);
	replay_objects_die(r, b->object);
}

static void drop_oldest(struct replay *r, struct stream_state *s)
{
	if (s->pending[0].known)
		forget_pending(r, &s->pending[0].block);
	memmove(&s->pending[0], &s->pending[1], (PENDING - 1) * sizeof(s->pending[0]));
	s->pendings--;
	r->private->pendings--;
}

int replay_release(struct replay *r, const struct event *e)
{
	struct stream_state *s = &r->private->stream[e->stream];
	struct block *b = live_block(&r->live, e->addr);
	struct pending *p;

	if (s->pendings == PENDING)
		drop_oldest(r, s);
	p = &s->pending[s->pendings++];
	r->private->pendings++;
	*p = (struct pending){ .block.addr = e->addr, .known = b };
	if (!b)
		return 0;
	if (s->newest == e->addr)
		replay_count_brief(r, b);
	s->newest = 0;
	replay_count_out(r, b);
	p->block = *b;
	p->block.object = lift_objects(r, b->object);
	live_remove_block(&r->live, b);
	return 0;
}

/* The objects of a block that moved, at their new addresses. */
static int land_objects(struct replay *r, struct block *b, uint32_t row, uint64_t from)
{
	struct live *l = &r->live;

	while (row) {
		struct object *o = &l->object[row];
		uint32_t next = o->next, there;
		uint64_t addr = o->addr - from + b->addr;

		there = live_object(l, addr);
		if (there) {		/* born where it is now: it was not seen to die */
			r->total.double_births++;
			replay_object_dies(r, o);
			live_remove_object(l, row);
		} else if (live_land_object(l, row, addr)) {
			return -ENOMEM;
		} else {
			o->block = b->addr;
			o->next = b->object;
			b->object = row & INT32_MAX;
		}
		row = next;
	}
	return 0;
}

static int put_back(struct replay *r, const struct pending *p, const struct event *e)
{
	struct block *b = clear_place(r, p->block.addr, e);

	if (!b)
		return -ENOMEM;
	*b = p->block;
	b->object = 0;
	replay_count_in(r, b, e->ticks);
	return land_objects(r, b, p->block.object, p->block.addr);
}

static int move(struct replay *r, const struct pending *p, const struct event *e)
{
	struct block *b;
	part_id part;
	int result = part_of(r, e, p->known ? r->part[p->block.part].type : 0, &part);

	if (result)
		return result;
	b = clear_place(r, e->addr, e);
	if (!b)
		return -ENOMEM;
	b->size = sane_size(e->arg);
	b->born = p->known ? p->block.born : e->ticks;
	b->part = r->part[part].site || !p->known ? part : p->block.part;
	b->pool = is_pool(e->kind);
	replay_count_made(r, b, 1);
	r->total.bytes += b->size;
	r->total.moves++;
	r->scaled.moved_bytes += replay_weight(r, b) * (double)b->size;
	replay_count_in(r, b, e->ticks);
	if (!p->known)
		replay_tell_block(r, b, true);
	remember_recent(r, e);
	return p->known ? land_objects(r, b, p->block.object, p->block.addr) : 0;
}

int replay_place(struct replay *r, const struct event *e)
{
	struct stream_state *s = &r->private->stream[e->stream];
	struct pending p;

	if (!s->pendings) /* its RELEASE was lost, or there was none: realloc(NULL) */
		return replay_alloc(r, e);
	p = s->pending[--s->pendings];
	r->private->pendings--;
	if (!e->addr) {			/* it was freed, and nothing came back */
		r->total.frees += p.known;
		if (p.known)
			forget_pending(r, &p.block);
		return 0;
	}
	if (e->addr == p.block.addr && (!e->arg || (p.known && e->arg == p.block.size)))
		return p.known ? put_back(r, &p, e) : 0;
	if (!p.known)
		r->total.unknown_frees++;
	return move(r, &p, e);
}
