/*
 * blocks.h - the blocks of malloc at a snapshot, and who holds whom
 *
 * The events know the blocks, the snapshot the words of memory that look like
 * addresses.  A word in a block is an edge, to whatever block it points into;
 * a word elsewhere in memory that is in use is a root.  One in memory of
 * malloc that is no block is left over and means nothing.
 *
 * Beside a runtime's objects: what these lie in counts as held, for who holds
 * them is another question, which the exact walk answers.  The words in them
 * are edges all the same.
 */
#ifndef BLOCKS_H
#define BLOCKS_H

#include "graph.h"
#include "replay.h"
#include "snap.h"

/* A root's number: the region in which a word stands, or this one. */
#define BLOCKS_OBJECT 128

struct blocks_row {
	uint64_t addr, size, born;
	site_id site;
	bool pool;			/* of the runtime's own allocator            */
	bool object;			/* an object of the runtime lies in it       */
};

struct blocks {
	struct blocks_row *row;		/* by address; the graph's nodes             */
	uint32_t n;
	uint64_t bytes;
	uint32_t objects;		/* of the rows: blocks with an object in them */
	uint64_t object_bytes;
	struct graph graph;		/* edges are named by their offset in the holder */
	uint64_t roots;			/* words that hold a block from outside      */
	struct blocks_page *page;	/* blocks.c's: page -> its first block       */
	uint64_t mask;
	uint16_t *low;			/* by row: its address within its page       */
};

/* The replay stands at the snapshot.  0 or -ENOMEM. */
int blocks_init(struct blocks *b, const struct replay *r, const struct snap *s);
void blocks_fini(struct blocks *b);

/*
 * Every word that has a block's address and holds it: `holder` is the block it stands in,
 * NODE_NONE: it is a root.  Ends with what fn returns, when that is not 0.
 */
typedef int blocks_word_fn(void *arg, node_id held, uint64_t where, node_id holder, uint8_t region);
int blocks_each_word(const struct blocks *b, const struct snap *s, blocks_word_fn *fn, void *arg);

/* The block in which the address lies; NODE_NONE: none. */
node_id blocks_at(const struct blocks *b, uint64_t addr);

#endif
