/*
 * living.h - mode ring: what was alive when the oldest event chunks were written over
 *
 * Before an event chunk is used again, its records are applied to a table of
 * the living, which stands in the file as LIVING chunks (stream 0): rows of
 * struct ouro_living that come and go.  A reader begins with those rows and
 * goes on with the records that were not applied yet (struct ouro_chunk.applied),
 * so it knows the birth of all that lives, however long ago.
 *
 * Stacks of the rows are nodes of STACKS chunks (stream 0): node n stands in the chunk
 * with seq (n - 1) / OURO_NODES_PER_CHUNK.  A parent has the smaller number.
 *
 * Rows are written by one thread at a time.  A row is filled in before its
 * addr is stored, so whatever kills the writer, each row is whole or not
 * there; a row that was applied in a step which was not committed any more is
 * made again, or removed again, by the records of that step.
 */
#ifndef OURO_LIVING_H
#define OURO_LIVING_H

#include "trace.h"

enum ouro_living_flags {
	OURO_LIVING_BLOCK  = 1 << 0,	/* memory of an allocator                    */
	OURO_LIVING_POOL   = 1 << 1,	/* ... of the runtime's own                  */
	OURO_LIVING_OBJECT = 1 << 2,	/* there is an object (in the block, if it is one) */
};

struct ouro_living {
	uint64_t addr;			/* of the block, or of the object without one; 0: free row */
	uint64_t ticks;			/* when the object was born, else the block  */
	uint64_t size;			/* of the block; bytes                       */
	uint32_t native, interp;	/* nodes of STACKS; 0: empty list            */
	uint32_t type;			/* of the object                             */
	uint16_t flags;			/* enum ouro_living_flags                    */
	uint16_t object;		/* (object - addr) / 8                       */
};

/* The list that is `parent` and then, one frame further in, `location`. */
struct ouro_stack_node {
	uint32_t parent;		/* 0: the empty list                         */
	uint32_t location;
};

#define OURO_LIVING_PER_CHUNK (OURO_CHUNK_ROOM / sizeof(struct ouro_living))
#define OURO_NODES_PER_CHUNK  (OURO_CHUNK_ROOM / sizeof(struct ouro_stack_node))

static_assert(sizeof(struct ouro_living) == 40, "layout is a contract");
static_assert(sizeof(struct ouro_stack_node) == 8, "layout is a contract");

#endif
