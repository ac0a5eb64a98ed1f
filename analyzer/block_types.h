/*
 * block_types.h - what the blocks of malloc are, as far as it follows from typed globals
 *
 * A global has a type by DWARF.  If it points to the first byte of a block and what it points to fits
 * in there, that is the block's type; and so on from the pointers in that block.  Only
 * what is certain: a block to which different types lead has none, nor have those that
 * were made at the same place with the same size, and a name is given to nothing
 * behind the first object of a block, unless it is a table of pointers.
 */
#ifndef OURO_BLOCK_TYPES_H
#define OURO_BLOCK_TYPES_H

#include "blocks.h"
#include "native_types.h"
#include "symbols.h"

struct block_types {
	struct block_type {
		struct native_type type;
		char *name;		/* "struct node"                             */
		uint64_t bytes;
		bool open;		/* ... or more of them                       */
	} *type;			/* different names or sizes: different types */
	uint32_t n, cap;
	uint32_t *of;			/* block -> type + 1; 0: not known           */
	uint32_t blocks;
	const struct blocks *b;
};

/* -ENOMEM, or what is known; without debug information nothing. */
int block_types_find(struct block_types *t, const struct blocks *b, const struct snap *s,
	struct symbols *symbols);
void block_types_fini(struct block_types *t);	/* zeroes are fine */

/*
 * "struct node"; NULL: not known, or the block is larger than one: it may have several of
 * them, or something else that begins with one.
 */
const char *block_types_name(const struct block_types *t, node_id v);

/* The member that has a pointer at this byte: "next", "table[3].first"; false: not known. */
bool block_types_member(const struct block_types *t, node_id v, uint64_t offset, struct buf *ret);

/* Is q the type's name, with or without `struct`? */
bool block_types_is(const struct block_types *t, node_id v, const char *q);

#endif
