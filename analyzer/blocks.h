/*
 * blocks.h - the blocks of malloc at a snapshot, and who holds whom
 *
 * The events know the blocks, the snapshot the words of memory that look like
 * addresses.  A word in a block is an edge, to whatever block it points into;
 * a word elsewhere in memory that is in use is a root.  One in memory of
 * malloc that is no block is left over and means nothing.
 *
 * Where references are told (refs.h), a block is also the counted object that
 * lies in it, told edges are edges, and words that only know an object are none:
 *
 *	weak pointers, by the places that were told;
 *	what the runtime keeps on its objects' handlers: in its tables the object
 *	stands beside the handler, and neither is held by them.
 *
 * Beside a runtime's objects: what these lie in counts as held, for who holds
 * them is another question, which the exact walk answers.  The words in them
 * are edges all the same.
 */
#ifndef BLOCKS_H
#define BLOCKS_H

#include "graph.h"
#include "refs.h"
#include "snap.h"

/*
 * An edge's name is its offset in the holder, or BLOCKS_TIE and the number of a told edge.
 * BLOCKS_INSIDE: the word leads into a counted object, not to its address; so it keeps memory
 * in use, but is no reference.
 */
#define BLOCKS_TIE    0x80000000u
#define BLOCKS_INSIDE 0x40000000u
#define BLOCKS_OFFSET (BLOCKS_INSIDE - 1)

/* A root's number: the region in which a word stands, or this one. */
#define BLOCKS_OBJECT 128

struct blocks_row {
	uint64_t addr, size, born;
	site_id site;
	bool pool;			/* of the runtime's own allocator            */
	bool object;			/* an object of the runtime lies in it       */
	uint32_t outside;		/* words from outside that lead here; of a counted */
					/* object those that could be references     */
	struct book *book;		/* of the counted object in it, as long as the */
					/* replay stands there; NULL: none           */
	uint64_t told;			/* address of that object, when a finding tells of it */
};

struct blocks {
	struct blocks_row *row;		/* by address; the graph's nodes             */
	uint32_t n;
	uint64_t bytes;
	uint32_t objects;		/* of the rows: blocks with an object in them */
	uint64_t object_bytes;
	struct graph graph;
	uint64_t words, roots;		/* looked at; that hold a block from outside */
	uint32_t counted;		/* blocks that have a book                 */
	struct blocks_page *page;	/* blocks.c's: page -> its first block       */
	uint64_t mask;
};

/* The replay stands at the snapshot.  0 or -ENOMEM. */
int blocks_init(struct blocks *b, const struct replay *r, const struct snap *s);
void blocks_fini(struct blocks *b);

/* The block in which the address lies; NODE_NONE: none. */
node_id blocks_at(const struct blocks *b, uint64_t addr);

#endif
