/*
 * graph.h - who holds whom, at one moment
 *
 * A snapshot as a compact directed graph.  Nodes and edges are numbers; what
 * they are called and where they were born is the caller's, kept in arrays of
 * its own under the same numbers.  It is drafted (nodes, then edges and roots
 * in any order, though edges sorted by holder are built without a copy) and
 * then built once; a built graph never changes.
 *
 * Only edges that own count: they are one reference each, they keep alive, and
 * all analyses walk them and no others.
 *
 * About 21 bytes a node and 9 an edge, 4 more each with the reverse.
 */
#ifndef OURO_GRAPH_H
#define OURO_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "bits.h"

typedef uint32_t node_id;
typedef uint32_t edge_id;

#define NODE_NONE	UINT32_MAX
#define EDGE_NONE	UINT32_MAX
#define GRAPH_IMMORTAL	UINT32_MAX	/* a count that is not one: never dies */

enum node_flag {
	NODE_COLLECTABLE = 1,	/* the runtime's collector tracks it, now              */
	NODE_NOT_GC      = 2,	/* ... and never does, by its type                     */
	NODE_UNCOUNTED   = 4,	/* has no count (a malloc block): held by what we see  */
};

enum edge_kind {
	EDGE_OWNED    = 0,	/* one reference                                       */
	EDGE_HIDDEN   = 1,	/* one reference, which the collector is not shown     */
	EDGE_WEAK     = 2,	/* knows it, does not hold it                          */
	EDGE_BORROWED = 3,	/* uses it on the strength of somebody else's reference */
	EDGE_MAYBE    = 4,	/* a word that looks like a pointer                    */
	EDGE_KINDS,
};

struct root {
	node_id node;
	uint32_t owned;		/* references it counts for; 0: it uses, but owns none */
	uint32_t id;		/* the caller's                                        */
};

struct graph {
	uint32_t n, m, nroots;	/* nodes, edges, roots                                 */

	/* by node */
	uint32_t *count;	/* references, as the runtime says; or GRAPH_IMMORTAL  */
	uint64_t *bytes;
	uint8_t *flags;		/* enum node_flag                                      */
	uint32_t *nin;		/* owning edges that arrive                            */
	edge_id *out;		/* n + 1: its edges are out[v] to out[v + 1] - 1       */

	/* by edge, in the order they were drafted for one holder */
	node_id *to;
	uint32_t *name;		/* the caller's                                        */
	uint8_t *kind;		/* enum edge_kind                                      */

	struct root *root;	/* by node, then as drafted                            */

	/* the reverse, of owning edges alone; NULL until graph_reverse */
	uint32_t *in;		/* n + 1: its holders are holder[in[v]] and on         */
	node_id *holder;	/* ascending; one entry for each edge                  */
};

struct draft {
	struct graph g;		/* what is known so far; out, nin and reverse are not  */
	node_id *from;		/* by edge                                             */
	bool unsorted;		/* an edge came after one of a later holder            */
	uint32_t node_cap[3], edge_cap[4], root_cap;
};

/* One node's count, and who accounts for it: count = holders + roots + unknown. */
struct account {
	uint32_t count;		/* GRAPH_IMMORTAL, or 0 when uncounted: unknown is 0   */
	uint32_t holders;	/* owning edges                                        */
	uint64_t roots;		/* references owned by roots                           */
	int64_t unknown;	/* below 0: we see more holders than it has references */
};

static inline bool edge_owns(const struct graph *g, edge_id e)
{
	return g->kind[e] <= EDGE_HIDDEN;
}

/*
 * A zeroed draft is an empty one.  All of these are -ENOMEM when there is no
 * memory or no number left, -EINVAL when a node is not there (yet) or a kind
 * unknown; the draft is then as it was.  Nodes are numbered from 0 as they
 * come, edges of one holder keep their order.
 */
int draft_node(struct draft *d, uint32_t count, uint64_t bytes, uint8_t flags);
int draft_edge(struct draft *d, node_id from, node_id to, uint32_t name,
	       enum edge_kind kind);
int draft_root(struct draft *d, node_id node, uint32_t owned, uint32_t id);
void draft_fini(struct draft *d);

/* Turns the draft into a graph and empties it; -ENOMEM leaves the draft as it was. */
int graph_build(struct graph *ret, struct draft *d);
void graph_fini(struct graph *g);

/* Who holds me.  Built once and kept; -ENOMEM. */
int graph_reverse(struct graph *g);

/* The first of a node's roots, or nroots when it has none; others follow it. */
uint32_t graph_root_of(const struct graph *g, node_id v);

struct account graph_account(const struct graph *g, node_id v);

/*
 * Where the outside takes hold.  graph_rooted: nodes of which a root owns a
 * reference (of an uncounted one any root will do).  graph_held: these, and all
 * whose death is not proven by a count that is known, above 0 and equal to the
 * owning edges: immortal ones, those with unknown holders, those being released
 * just now (0), and those with more holders than references, where something we
 * were told is wrong.  A root that owns nothing does not hold a counted node:
 * if its count is explained without that root, the program will free it
 * regardless.  Both init *ret; -ENOMEM.
 */
int graph_rooted(const struct graph *g, struct bits *ret);
int graph_held(const struct graph *g, struct bits *ret);

/* The first owning edge from one to the other, or EDGE_NONE. */
edge_id graph_edge_between(const struct graph *g, node_id from, node_id to);

/* Do the books balance?  For assert_deep; looks at everything, allocates nothing. */
bool graph_ok(const struct graph *g);

#endif
