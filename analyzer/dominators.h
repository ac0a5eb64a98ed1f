/*
 * dominators.h - what would go if this one went
 *
 * u dominates v when every path from the outside to v leads through u: v stays
 * as long as u does, and goes with it.  The size u retains is that of all it
 * dominates.
 *
 * Lengauer & Tarjan, "A fast algorithm for finding dominators in a flowgraph"
 * (1979), as simplified to "semi-NCA" by Georgiadis, Tarjan & Werneck, "Finding
 * dominators in practice" (2006): semidominators by path compression, then
 * immediate dominators as nearest common ancestors.  Iterative.
 */
#ifndef OURO_DOMINATORS_H
#define OURO_DOMINATORS_H

#include "bits.h"
#include "graph.h"

#define NODE_WORLD (UINT32_MAX - 1)	/* the outside, which holds all entries */

struct dominators {
	node_id *above;		/* by node: its immediate dominator; NODE_WORLD: held
				 * from outside or by several that share nothing else;
				 * NODE_NONE: not reached from any entry               */
	uint64_t *bytes;	/* by node: retained, with its own; 0: not reached     */
	uint32_t *nodes;	/* by node: retained, itself among them                */
	uint64_t total_bytes;
	uint32_t total;		/* nodes reached                                       */
};

/*
 * Over owning edges, from the entries: graph_held() for all that is alive,
 * graph_rooted() for what named roots explain.  Needs the reverse and builds
 * it.  -ENOMEM; *ret is written on success only.
 */
int dominators_find(struct graph *g, const struct bits *entry, struct dominators *ret);
void dominators_fini(struct dominators *d);

#endif
