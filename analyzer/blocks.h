/*
 * blocks.h - the blocks of malloc at a snapshot, and who holds whom
 *
 * The events know the blocks, the snapshot the words of memory that look like
 * addresses.  A word in a block is an edge, to whatever block it points into;
 * a word elsewhere in memory that is in use is a root.  One in memory of
 * malloc that is no block is left over and means nothing.
 */
#ifndef BLOCKS_H
#define BLOCKS_H

#include "graph.h"
#include "replay.h"
#include "snap.h"

struct blocks_row {
	uint64_t addr, size, born;
	site_id site;
};

struct blocks {
	struct blocks_row *row;		/* by address; the graph's nodes             */
	uint32_t n;
	uint64_t bytes;
	struct graph graph;		/* edges are named by their offset in the holder */
	uint64_t words, roots;		/* looked at; that hold a block from outside */
	struct blocks_page *page;	/* blocks.c's: page -> its first block       */
	uint64_t mask;
};

/* The replay stands at the snapshot.  0 or -ENOMEM. */
int blocks_init(struct blocks *b, const struct replay *r, const struct snap *s);
void blocks_fini(struct blocks *b);

/* The block in which the address lies; NODE_NONE: none. */
node_id blocks_at(const struct blocks *b, uint64_t addr);

#endif
