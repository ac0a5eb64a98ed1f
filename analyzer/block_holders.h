/*
 * block_holders.h - who holds a block of malloc, and what would go with it
 *
 * A query picks blocks; of each it is told which words of memory have its address, by
 * which ways the roots lead to it, and how much only it keeps.
 */
#ifndef OURO_BLOCK_HOLDERS_H
#define OURO_BLOCK_HOLDERS_H

#include "block_types.h"
#include "dominators.h"
#include "paths.h"
#include "report.h"

struct block_holders {
	struct report *r;
	const char *by;			/* "address", "place of birth", ...          */
	node_id *match;			/* most retained first                       */
	uint32_t n, cap;
	uint64_t bytes;
	struct bits rooted, wanted;
	struct dominators dominators;
	struct paths paths;
	struct block_word *word;	/* of the wanted: matches and where paths begin */
	uint32_t words, words_cap;
	struct block_types types;
};

/* All about one block. */
struct block_held {
	node_id node;
	char **holder;			/* in words                                  */
	char **member;			/* of the holder, "next"; of a global the whole way: */
					/* "cache.first"; NULL: not known            */
	uint64_t *address;		/* ... of the block that holds; 0: a root    */
	uint32_t nholders, more;	/* more: holders that are not listed         */
	char **path;			/* shortest first                            */
	uint32_t npaths;
	uint64_t retained_blocks, retained_bytes;	/* 0: it is lost             */
};

/*
 * address:0x7f.. (or within), place:FILE:LINE, type:NAME, function:NAME, or without a prefix
 * the first that matches.  A place or function is the innermost that is no library's; else any of the
 * stack.  limit: so many are going to be asked about.  -ENOMEM.
 */
int block_holders_init(struct block_holders *s, struct report *r, const char *query, uint32_t limit);
void block_holders_fini(struct block_holders *s);

int block_held_init(struct block_held *x, const struct block_holders *s, node_id v, uint32_t paths);
void block_held_fini(struct block_held *x);

/* "a block of 48 bytes (struct node) made in fill() (server.c:31)" */
void block_words(struct buf *out, const struct block_holders *s, node_id v);

#endif
