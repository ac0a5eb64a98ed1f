/*
 * across_parts.h - what across.c and across_between.c have in common, and nobody else
 */
#ifndef OURO_ACROSS_PARTS_H
#define OURO_ACROSS_PARTS_H

#include "across.h"

#define WRAPPED_AT 16		/* PyGObject: { PyObject; GObject *obj; ...  (pygobject.h)       */

/* A word in a block of C that has the address of one of the interpreter's objects. */
struct held {
	uint32_t row;			/* of the block                                  */
	uint32_t offset;		/* of the word in it                             */
	node_id node;
};

/* A handler, and the edge by which its instance's wrapper shows what it calls: see find_shown. */
struct shown {
	uint32_t closure;		/* row                                           */
	uint32_t object;		/* row: its instance                             */
	uint32_t edge;			/* of the heap                                   */
};

struct across {
	struct heap_loader *l;
	struct heap *h;
	struct blocks *b;
	const struct graph *g;		/* of the blocks                                 */
	node_id *node;			/* by row: the heap's node in it; NODE_NONE: none */
	struct bits between;		/* rows of C that lead to the interpreter's, and no root of C to them */
	uint64_t *missing;		/* by node: references nobody is known to have   */
	uint32_t *type;			/* by type of the trace: the heap's; 0: not yet  */
	uint32_t *met;			/* by row: the last walk that came by            */
	uint32_t walk;
	uint32_t *todo;
	uint32_t *sure;			/* by row: references to it that are no guess    */
	node_id *wrapper;		/* by foreign node: the interpreter's object for it; NODE_NONE */
	struct held *held;		/* by row                                        */
	uint32_t nheld, held_cap;
	struct shown *shown;
	uint32_t nshown, shown_cap;
	node_id first;			/* foreign node; those before are the interpreter's */
	uint32_t exact;			/* edges that the walk told: by holder           */
};

static inline bool across_is_python(const struct across *a, uint32_t row)
{
	return a->b->row[row].object;
}

static inline bool across_is_foreign(const struct across *a, uint32_t row)
{
	return !across_is_python(a, row) && a->node[row] != NODE_NONE;
}

static inline uint64_t across_count(const struct book *l)
{
	return l->retains - l->releases;
}

static inline bool across_is_closure(const struct across *a, uint32_t row)
{
	return across_is_foreign(a, row) && heap_is(a->h, a->node[row], "GClosure");
}

/* ---- across_between.c, in the order in which across.c needs them */

/* Words of C that have the interpreter's objects, and handlers that wrappers show.  -ENOMEM. */
int across_find_held(struct across *a);
int across_find_shown(struct across *a);

/* References that are no guess, by row.  -ENOMEM. */
int across_count_sure(struct across *a);

/* Fills a->between.  -ENOMEM. */
int across_find_between(struct across *a);

/* A reference and not just a word: it was told, or is the field in which a wrapper has its object. */
bool across_is_sure(const struct across *a, uint32_t holder, edge_id e);

/* All its references are known for certain: other words know it, and do not hold it. */
bool across_is_explained(const struct across *a, uint32_t row);

#endif
