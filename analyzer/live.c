/*
 * live.c - two hash tables by address, linear probing, holes closed at once
 */
#include "live.h"

#include "mem.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define TABLE_MIN 64
#define LARGE     ((size_t)1 << 20)	/* slots: from here on memory is dearer than time */
#define SMALL     ((size_t)1 << 18)	/* ... and up to here time than memory       */
#define PAGE      ((uintptr_t)4096)
#define PASSED    ((size_t)4 << 20)	/* bytes of a table that were copied: given back */

int live_init(struct live *l)
{
	*l = (struct live){ .rows = 1, .room = TABLE_MIN,
		.block_slots = TABLE_MIN, .index_slots = TABLE_MIN };
	l->block = mem_array(TABLE_MIN, sizeof(*l->block));
	l->index = mem_array(TABLE_MIN, sizeof(*l->index));
	l->object = calloc(TABLE_MIN, sizeof(*l->object));
	if (l->block && l->index && l->object)
		return 0;
	live_fini(l);
	return -ENOMEM;
}

void live_fini(struct live *l)
{
	mem_free(l->block);
	mem_free(l->index);
	free(l->object);
	*l = (struct live){ 0 };
}

static size_t distance(size_t from, size_t to, size_t slots)
{
	return to >= from ? to - from : to + slots - from;
}

/* Does something that belongs at `home` stand at `at` because it passed `hole`? */
static bool passed(size_t home, size_t hole, size_t at, size_t slots)
{
	return distance(home, at, slots) >= distance(hole, at, slots);
}

/*
 * What is looked for stands where it belongs when three of four slots are free; when one is,
 * some five others are looked at first, and more when it is taken away.
 */
static bool is_full(size_t used, size_t slots)
{
	return used >= (slots <= SMALL ? slots / 4 : slots < LARGE ? slots / 2 : slots / 4 * 3);
}

static size_t more_slots(size_t slots)
{
	return slots < LARGE ? slots * 2 : slots + slots / 4;
}

/*
 * So much of an old table was copied.  It was filled in the order in which the new one is, so
 * what was read need not stay until all is.
 */
static void was_read(void *old, size_t bytes)
{
	uintptr_t end = (uintptr_t)old + bytes, from = (end - PASSED + PAGE - 1) & -PAGE;

	if (bytes && bytes % PASSED == 0)
		(void)madvise((void *)from, (end & -PAGE) - from, MADV_DONTNEED);
}

/* --- blocks ------------------------------------------------------------------------ */

static int grow_blocks(struct live *l)
{
	struct block *old = l->block;
	size_t n = l->block_slots;

	if (l->blocks > UINT32_MAX / 2)	/* parts count them in 32 bits */
		return -ENOMEM;
	l->block = mem_array(more_slots(n), sizeof(*l->block));
	if (!l->block) {
		l->block = old;
		return -ENOMEM;
	}
	l->block_slots = more_slots(n);
	for (size_t i = 0; i < n; i++) {
		if (old[i].addr)
			*live_block_slot(l, old[i].addr) = old[i];
		was_read(old, i * sizeof(*old));
	}
	mem_free(old);
	return 0;
}

struct block *live_claim_block(struct live *l, uint64_t addr, bool *ret_there)
{
	struct block *b;

	assert(addr);
	if (is_full(l->blocks, l->block_slots) && grow_blocks(l))
		return NULL;
	b = live_block_slot(l, addr);
	*ret_there = b->addr;
	if (b->addr)
		return b;
	*b = (struct block){ .addr = addr };
	l->blocks++;
	return b;
}

struct block *live_add_block(struct live *l, uint64_t addr)
{
	bool there;
	struct block *b = live_claim_block(l, addr, &there);

	assert(!b || !there);
	return b;
}

void live_remove_block(struct live *l, struct block *b)
{
	size_t hole = (size_t)(b - l->block), at = hole;

	l->blocks--;
	for (;;) {
		at = at + 1 < l->block_slots ? at + 1 : 0;
		if (!l->block[at].addr)
			break;
		if (!passed(live_place(l->block[at].addr, l->block_slots), hole, at,
		        l->block_slots))
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
	size_t n = l->index_slots;

	l->index = mem_array(more_slots(n), sizeof(*l->index));
	if (!l->index) {
		l->index = old;
		return -ENOMEM;
	}
	l->index_slots = more_slots(n);
	for (size_t i = 0; i < n; i++) {
		if (old[i].row)
			*live_object_slot(l, old[i].addr) = old[i];
		was_read(old, i * sizeof(*old));
	}
	mem_free(old);
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

/* `s` is where it would be, as long as no other one comes first. */
static int land(struct live *l, struct live_slot *s, uint32_t row, uint64_t addr)
{
	if (is_full(l->indexed, l->index_slots)) {
		if (grow_index(l))
			return -ENOMEM;
		s = live_object_slot(l, addr);
	}
	assert(!s->row);
	*s = (struct live_slot){ addr, row };
	l->object[row].addr = addr;
	l->indexed++;
	return 0;
}

int live_land_object(struct live *l, uint32_t row, uint64_t addr)
{
	return land(l, live_object_slot(l, addr), row, addr);
}

static void take_out(struct live *l, struct live_slot *s)
{
	size_t hole = (size_t)(s - l->index), at = hole;

	l->indexed--;
	for (;;) {
		at = at + 1 < l->index_slots ? at + 1 : 0;
		if (!l->index[at].row)
			break;
		if (!passed(live_place(l->index[at].addr, l->index_slots), hole, at,
		        l->index_slots))
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

uint32_t live_claim_object(struct live *l, uint64_t addr, bool *ret_there)
{
	struct live_slot *s = live_object_slot(l, addr);
	uint32_t row = s->row;

	*ret_there = row;
	if (row)
		return row;
	row = take_row(l);
	if (!row)
		return 0;
	l->object[row] = (struct object){ 0 };
	if (!land(l, s, row, addr))
		return row;
	l->object[row].next = l->free;
	l->free = row;
	return 0;
}

uint32_t live_add_object(struct live *l, uint64_t addr)
{
	bool there;
	uint32_t row = live_claim_object(l, addr, &there);

	assert(!row || !there);
	return row;
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
