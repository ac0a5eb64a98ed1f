/*
 * tables.h - words that know a counted object and do not hold it; edges that are told
 *
 * A runtime keeps tables of its own: of weak pointers, of the handlers of its
 * objects' signals.  They have the addresses of objects as keys and are held by
 * variables of its library, so a search of memory would find every such object alive.
 * What the runtime has told (ties.h) says whose the handlers are: then its tables
 * hold neither the object nor the handler.
 */
#ifndef TABLES_H
#define TABLES_H

#include "bits.h"
#include "blocks.h"

struct tables {
	struct blocks *b;
	const struct replay *r;
	const struct refs *refs;	/* NULL: nothing is told, and nothing is done */
	uint64_t *weak;			/* places, ascending                         */
	uint32_t nweak, weak_cap;
	uint64_t (*home)[2];		/* libraries of runtimes that told edges     */
	uint32_t homes, homes_cap;
	struct bits entered;		/* blocks that a variable of theirs holds    */
	struct bits told;		/* holders of told edges, and what they hold */
};

/* Blocks get their books.  -ENOMEM. */
int tables_init(struct tables *t, struct blocks *b, const struct replay *r);
void tables_fini(struct tables *t);

bool tables_is_weak(const struct tables *t, uint64_t where);

/* A word of a variable leads to a block: true when it holds nothing, else it is noted. */
bool tables_word(struct tables *t, node_id to, uint64_t where);

int tables_draw(struct tables *t, struct draft *d);	/* told edges         */
int tables_judge(struct tables *t);			/* the graph is built */

#endif
