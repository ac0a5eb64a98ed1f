/*
 * live.c - two hash tables by address, linear probing, holes closed at once
 */
#include "live.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define TABLE_MIN 64

int live_init(struct live *l)
{
	*l = (struct live){ .rows = 1, .room = TABLE_MIN,
		.block_mask = TABLE_MIN - 1, .index_mask = TABLE_MIN - 1 };
	l->block = calloc(TABLE_MIN, sizeof(*l->block));
	l->index = calloc(TABLE_MIN, sizeof(*l->index));
	l->object = calloc(TABLE_MIN, sizeof(*l->object));
	if (l->block && l->index && l->object)
		return 0;
	live_fini(l);
	return -ENOMEM;
}

void live_fini(struct live *l)
{
	free(l->block);
	free(l->index);
	free(l->object);
	*l = (struct live){ 0 };
}

/* Does something that belongs at `home` stand at `at` because it passed `hole`? */
static bool passed(size_t home, size_t hole, size_t at, size_t mask)
{
	return ((at - home) & mask) >= ((at - hole) & mask);
}

/* --- blocks ------------------------------------------------------------------------ */

static int grow_blocks(struct live *l)
{
	struct block *old = l->block;
	size_t n = l->block_mask + 1;

	l->block = calloc(n * 2, sizeof(*l->block));
	if (!l->block) {
		l->block = old;
		return -ENOMEM;
	}
	l->block_mask = n * 2 - 1;
	for (size_t i = 0; i < n; i++)
		if (old[i].addr)
			*live_block_slot(l, old[i].addr) = old[i];
	free(old);
	return 0;
}

struct block *live_add_block(struct live *l, uint64_t addr)
{
	struct block *b;

	assert(addr);
	if (l->blocks >= l->block_mask / 8 * 5 && grow_blocks(l))
		return NULL;
	b = live_block_slot(l, addr);
	assert(!b->addr);
	*b = (struct block){ .addr = addr };
	l->blocks++;
	return b;
}

void live_remove_block(struct live *l, struct block *b)
{
	size_t hole = (size_t)(b - l->block), at = hole;

	l->blocks--;
	for (;;) {
		at = (at + 1) & l->block_mask;
		if (!l->block[at].addr)
			break;
		if (!passed(live_place(l->block[at].addr, l->block_mask), hole, at,
		        l->block_mask))
			continue;
		l->block[hole] = l->block[at];
		hole = at;
	}
	l->block[hole].addr = 0;
}

/* --- objects ----------------------------------------------------------------------- */

static int grow_index(struct live *l)
{
	struct live_slot *old = l->index;
	size_t n = l->index_mask + 1;

	l->index = calloc(n * 2, sizeof(*l->index));
	if (!l->index) {
		l->index = old;
		return -ENOMEM;
	}
	l->index_mask = n * 2 - 1;
	for (size_t i = 0; i < n; i++)
		if (old[i].row)
			*live_object_slot(l, old[i].addr) = old[i];
	free(old);
	return 0;
}

/* Rows are what 31 bits of a block can name. */
static uint32_t take_row(struct live *l)
{
	uint32_t row = l->free;
	struct object *p;

	if (row) {
		l->free = l->object[row].next;
		return row;
	}
	if (l->rows == l->room) {
		if (l->room > INT32_MAX / 2)
			return 0;
		p = realloc(l->object, (size_t)l->room * 2 * sizeof(*p));
		if (!p)
			return 0;
		l->object = p;
		l->room *= 2;
	}
	return l->rows++;
}

int live_land_object(struct live *l, uint32_t row, uint64_t addr)
{
	struct live_slot *s;

	if (l->indexed >= l->index_mask / 8 * 5 && grow_index(l))
		return -ENOMEM;
	s = live_object_slot(l, addr);
	assert(!s->row);
	*s = (struct live_slot){ addr, row };
	l->object[row].addr = addr;
	l->indexed++;
	return 0;
}

static void take_out(struct live *l, struct live_slot *s)
{
	size_t hole = (size_t)(s - l->index), at = hole;

	l->indexed--;
	for (;;) {
		at = (at + 1) & l->index_mask;
		if (!l->index[at].row)
			break;
		if (!passed(live_place(l->index[at].addr, l->index_mask), hole, at,
		        l->index_mask))
			continue;
		l->index[hole] = l->index[at];
		hole = at;
	}
	l->index[hole].row = 0;
}

void live_lift_object(struct live *l, uint32_t row)
{
	struct live_slot *s = live_object_slot(l, l->object[row].addr);

	assert(s->row == row);
	take_out(l, s);
}

uint32_t live_add_object(struct live *l, uint64_t addr)
{
	uint32_t row = take_row(l);

	if (!row)
		return 0;
	l->object[row] = (struct object){ 0 };
	if (!live_land_object(l, row, addr))
		return row;
	l->object[row].next = l->free;
	l->free = row;
	return 0;
}

/* One that was lifted is in no index any more. */
void live_remove_object(struct live *l, uint32_t row)
{
	struct live_slot *s = live_object_slot(l, l->object[row].addr);

	if (s->row == row)
		take_out(l, s);
	l->object[row] = (struct object){ .next = l->free };
	l->free = row;
}
