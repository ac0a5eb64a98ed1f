/*
 * paths.h - how the outside holds a node: the shortest ways, nearest root first
 *
 * One breadth-first search from the entries gives every node its depth; after
 * that each question is answered backwards from its node, over the reverse, by
 * best-first search with the depth as the distance still to go (Hart, Nilsson &
 * Raphael, "A formal basis for the heuristic determination of minimum cost
 * paths", 1968).  It is exact, so hardly a node is looked at that is not on an answer.
 *
 * A path visits no node twice, begins at an entry and passes no other entry on
 * its way (that would be the other one's path).  No two have the same nodes; of
 * several edges between two nodes the first stands for all.  Paths come
 * shortest first.
 *
 * The first is always a shortest one.  So are all of them in their order, unless
 * a node on the way has more than PATHS_WIDTH holders: then only those nearest to
 * an entry are followed; and after PATHS_EFFORT partial paths the search ends
 * with what it has.
 */
#ifndef OURO_PATHS_H
#define OURO_PATHS_H

#include "bits.h"
#include "graph.h"

#define PATHS_WIDTH	64
#define PATHS_EFFORT	(1u << 20)

struct paths {
	const struct graph *g;
	const struct bits *entry;	/* the caller's; must outlive this             */
	uint32_t *depth;	/* by node: edges from the nearest entry, or PATHS_FAR */
};

#define PATHS_FAR UINT32_MAX	/* not reached, or to be avoided                        */

struct path_set {
	uint32_t n;
	uint32_t *first;	/* n + 1: path i is node[first[i]] and on: an entry
				 * first, at the end the node that was asked for       */
	node_id *node;
	edge_id *edge;		/* from the node of the same index to the next one;
				 * EDGE_NONE at the end of each path                   */
	uint32_t cap[3];
};

/*
 * Needs the reverse and builds it.  No path leads through (or begins at) nodes to
 * avoid, though one may end there; NULL: none.  -ENOMEM.
 */
int paths_init(struct paths *p, struct graph *g, const struct bits *entry,
	       const struct bits *avoid);
void paths_fini(struct paths *p);

/* Up to k paths, at most PATHS_WIDTH; none is an answer too.  -ENOMEM. */
int paths_to(const struct paths *p, node_id v, uint32_t k, struct path_set *ret);
void path_set_fini(struct path_set *s);

#endif
