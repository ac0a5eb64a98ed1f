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
	uint64_t addr;
	uint64_t size : 62;
	uint64_t pool : 1;		/* of the runtime's own allocator            */
	uint64_t object : 1;		/* an object of the runtime lies in it       */
	uint64_t born;
	site_id site;
	uint32_t outside;		/* words from outside that lead here; of a counted */
					/* object those that could be references     */
};

struct blocks_counted {
	struct book *book;		/* of the object, as long as the replay stands there; */
					/* [0]: NULL                                 */
	uint64_t told;			/* its address, when a finding tells of it   */
};

struct blocks {
	struct blocks_row *row;		/* by address; the graph's nodes             */
	uint32_t n;
	uint64_t bytes;
	uint32_t objects;		/* of the rows: blocks with an object in them */
	uint64_t object_bytes;
	struct graph graph;
	uint64_t roots;			/* words that hold a block from outside      */
	struct blocks_counted *book;	/* [0] is nobody's                           */
	uint32_t counted, book_cap;	/* blocks that have a book                   */
	uint32_t *book_of;		/* by row: of `book`; 0: no counted object is in it; NULL: in none */
	struct blocks_page *page;	/* blocks.c's: page -> its first block       */
	uint64_t mask, pages;
	uint16_t *low;			/* by row: its address within its page       */
};

/* The replay stands at the snapshot.  0 or -ENOMEM. */
int blocks_init(struct blocks *b, const struct replay *r, const struct snap *s);
void blocks_fini(struct blocks *b);

static inline struct blocks_counted *blocks_counted(const struct blocks *b, node_id v)
{
	return &b->book[b->book_of ? b->book_of[v] : 0];
}

static inline struct book *blocks_book(const struct blocks *b, node_id v)
{
	return blocks_counted(b, v)->book;
}

/* The block has this counted object in it.  -ENOMEM. */
int blocks_count(struct blocks *b, node_id v, struct book *book);

/* A word that has a block's address. */
struct block_word {
	node_id held;
	node_id holder;			/* the block it stands in; NODE_NONE: it is a root */
	uint64_t where, address;	/* of the word; in it                        */
	uint8_t region;			/* enum ouro_region                          */
};

/* All that stand in memory that is in use.  Ends with what fn returns, when that is not 0. */
typedef int blocks_word_fn(void *arg, const struct block_word *w);
int blocks_each_word(const struct blocks *b, const struct snap *s, blocks_word_fn *fn, void *arg);

/* The block in which the address lies; NODE_NONE: none. */
node_id blocks_at(const struct blocks *b, uint64_t addr);

#endif
