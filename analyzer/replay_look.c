/*
 * replay_look.c - what lives at this moment
 */
#include "mem.h"
#include "replay_private.h"

#include <stdlib.h>

void replay_forget_order(struct replay *r)
{
	free(r->private->sorted);
	r->private->sorted = NULL;
}

/* A block that is with realloc at this moment lives all the same. */
static const struct block *pending_block(const struct replay *r, size_t at)
{
	const struct stream_state *s = &r->private->stream[at / PENDING];

	return at % PENDING < s->pendings && s->pending[at % PENDING].known ?
		&s->pending[at % PENDING].block : NULL;
}

const struct block *replay_block(const struct replay *r, uint64_t addr)
{
	const struct block *b = addr ? live_block(&r->live, addr) : NULL;
	size_t n = r->private->pendings ? (size_t)r->trace->events * PENDING : 0;

	for (size_t i = 0; !b && i < n; i++) {
		const struct block *p = pending_block(r, i);

		if (p && p->addr == addr)
			b = p;
	}
	return b;
}

const struct object *replay_object(const struct replay *r, uint64_t addr)
{
	uint32_t row = addr ? live_object(&r->live, addr) : 0;
	size_t n = r->private->pendings ? (size_t)r->trace->events * PENDING : 0;

	if (row && r->live.object[row].alive)
		return &r->live.object[row];
	for (size_t i = 0; i < n; i++) {
		const struct block *p = pending_block(r, i);

		for (row = p ? p->object : 0; row; row = r->live.object[row].next)
			if (r->live.object[row].addr == addr)
				return &r->live.object[row];
	}
	return NULL;
}

const struct block *replay_each_block(const struct replay *r, size_t *at)
{
	const struct live *l = &r->live;
	size_t n = l->block_slots, all = n + (size_t)r->trace->events * PENDING;

	while (*at < n) {
		const struct block *b = &l->block[(*at)++];

		if (b->addr)
			return b;
	}
	while (*at < all) {
		const struct block *b = pending_block(r, (*at)++ - n);

		if (b)
			return b;
	}
	return NULL;
}

const struct object *replay_each_object(const struct replay *r, size_t *at)
{
	while (*at < r->live.rows) {
		const struct object *o = &r->live.object[(*at)++];

		if (o->addr && o->alive)
			return o;
	}
	return NULL;
}

static int by_address(const void *a, const void *b)
{
	const struct block *p = *(struct block *const *)a, *q = *(struct block *const *)b;

	return p->addr < q->addr ? -1 : p->addr > q->addr;
}

static bool sort_blocks(struct replay *r)
{
	struct replay_private *p = r->private;

	if (p->sorted)
		return true;
	p->sorted = malloc((r->live.blocks + 1) * sizeof(*p->sorted));
	if (!p->sorted)
		return false;
	p->sorts = 0;
	for (size_t i = 0; i < r->live.block_slots; i++)
		if (r->live.block[i].addr)
			p->sorted[p->sorts++] = &r->live.block[i];
	qsort(p->sorted, p->sorts, sizeof(*p->sorted), by_address);
	return true;
}

const struct block *replay_block_around(struct replay *r, uint64_t addr)
{
	const struct replay_private *p = r->private;
	size_t low = 0, high;

	if (!sort_blocks(r))
		return NULL;
	high = p->sorts;
	while (low < high) {		/* the first block after addr */
		size_t mid = low + (high - low) / 2;

		if (p->sorted[mid]->addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low && replay_inside(p->sorted[low - 1], addr) ? p->sorted[low - 1] : NULL;
}

uint64_t *replay_site_blocks(const struct replay *r)
{
	uint64_t *blocks = mem_array(r->sites, sizeof(*blocks));

	for (part_id i = 0; blocks && i < r->parts; i++)
		blocks[r->part[i].site] += r->part[i].blocks;
	return blocks;
}
