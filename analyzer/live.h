/*
 * live.h - blocks and objects by address
 *
 * Open addressing, no allocation per event; what dies leaves no mark.  A
 * pointer is good until something is added or removed; a row of an object until it is
 * removed.  Address 0 is nobody's.
 */
#ifndef LIVE_H
#define LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t site_id;		/* row of replay.site; 0: stack not known    */
typedef uint32_t part_id;		/* row of replay.part                        */

struct block {
	uint64_t addr;
	uint64_t size;
	uint64_t born;			/* ticks                                     */
	part_id part;			/* site, type, thread: see block_site()      */
	uint32_t object : 31;		/* first object in it, or 0                  */
	uint32_t pool : 1;		/* of the runtime's own allocator            */
};

struct object {
	uint64_t addr;
	uint64_t block;			/* the block it lies in, or 0                */
	uint64_t born;			/* ticks                                     */
	uint64_t nth;			/* objects born before it, in all            */
	uint32_t type;			/* as by type_same()                         */
	site_id site;
	uint32_t collections;		/* seen before it was born                   */
	uint32_t next;			/* other objects of the block; or free rows  */
	float weight;			/* so many a sampled one stands for; else 1  */
	bool alive;			/* false: died, and the block it lay in stays */
	bool reused;			/* ... as it had when this one was born      */
	uint16_t thread;		/* that made it; 0: not known, or beyond all numbers */
};

struct live {
	struct block *block;		/* by address; addr 0: free                  */
	size_t block_slots, blocks;
	struct object *object;		/* row 0: none; addr 0: free                 */
	uint32_t rows, room, free;
	struct live_slot {
		uint64_t addr;
		uint32_t row;		/* 0: free                                   */
	} *index;
	size_t index_slots, indexed;
};

int live_init(struct live *l);		/* 0 or -ENOMEM */
void live_fini(struct live *l);

/*
 * Addresses are multiples of 8, and neighbours are common: the high bits of a product
 * spread both.  They are a fraction of the table, whatever its size: a larger one has all in
 * the same order, so that it is filled from the old one's beginning to its end.
 */
static inline size_t live_place(uint64_t addr, size_t slots)
{
	return ((addr >> 3) * 0x9e3779b97f4a7c15u >> 32) * slots >> 32;
}

/* Where the block of this address is or would be: its address tells which. */
static inline struct block *live_block_slot(const struct live *l, uint64_t addr)
{
	size_t at = live_place(addr, l->block_slots);

	while (l->block[at].addr && l->block[at].addr != addr)
		at = at + 1 < l->block_slots ? at + 1 : 0;
	return &l->block[at];
}

static inline struct block *live_block(const struct live *l, uint64_t addr)	/* NULL: none there */
{
	struct block *b = live_block_slot(l, addr);

	return b->addr ? b : NULL;
}

/*
 * Something at this address will be asked for soon.  (Macros, because GCC 12 drops calls of
 * inline functions that do nothing but this.)
 */
#define live_expect(l, addr) \
	__builtin_prefetch(&(l)->block[live_place(addr, (l)->block_slots)])
#define live_expect_object(l, addr) \
	__builtin_prefetch(&(l)->index[live_place(addr, (l)->index_slots)])

/* The block there, or a new one, zeroed but for addr; NULL: no memory. */
struct block *live_claim_block(struct live *l, uint64_t addr, bool *ret_there);
/* The same where none is. */
struct block *live_add_block(struct live *l, uint64_t addr);
void live_remove_block(struct live *l, struct block *b);

static inline struct live_slot *live_object_slot(const struct live *l, uint64_t addr)
{
	size_t at = live_place(addr, l->index_slots);

	while (l->index[at].row && l->index[at].addr != addr)
		at = at + 1 < l->index_slots ? at + 1 : 0;
	return &l->index[at];
}

static inline uint32_t live_object(const struct live *l, uint64_t addr)	/* row; 0: none there */
{
	return live_object_slot(l, addr)->row;
}

/* The row of the object there, or a new one, zeroed but for addr; 0: no memory. */
uint32_t live_claim_object(struct live *l, uint64_t addr, bool *ret_there);
/* The same where none is. */
uint32_t live_add_object(struct live *l, uint64_t addr);
void live_remove_object(struct live *l, uint32_t row);

/* Out of the index and back in: an object on its way to another address. */
void live_lift_object(struct live *l, uint32_t row);
int live_land_object(struct live *l, uint32_t row, uint64_t addr);

#endif
