/*
 * cycles.h - the dead in groups that can be told as one story each; live cycles
 *
 * A group is a dead cycle (a strongly connected component) and its tail: what
 * is dead only because the cycle is.  Every dead node is in exactly one group,
 * so sums over groups count nothing twice.  Among uncounted nodes (malloc
 * blocks) a group may also begin with a single lost block that nobody holds.
 *
 * Groups form trees.  One whose cycle is held by another group has that as its
 * parent; one that nobody holds is a top.  Whom a shared node or a shared
 * lower cycle belongs to:
 *
 *   1. Of all tops that reach it, to the tree of the topologically first.
 *   2. In that tree, to the innermost group that every path from the top leads
 *      through: nothing else in the tree keeps it.  (The groups of a tree are
 *      the dominator tree of the components reached from its top.)
 *
 * Groups are numbered in topological order, parents before children.
 */
#ifndef OURO_CYCLES_H
#define OURO_CYCLES_H

#include "bits.h"
#include "dead.h"
#include "graph.h"
#include "scc.h"

#define GROUP_NONE UINT32_MAX

struct group {
	uint32_t parent;	/* GROUP_NONE: nobody holds it                         */
	uint32_t top;		/* of its tree; itself when it has no parent           */
	uint32_t first;		/* groups.member[first] and on: the cycle, then ...    */
	uint32_t ncycle, ntail;	/* ... the tail, holders before what they hold         */
	uint64_t cycle_bytes, tail_bytes;
	uint64_t retained_bytes; /* cycle, tail, and all groups below it               */
	uint32_t retained;	/* as many nodes                                       */
	uint32_t stuck;		/* nodes of its own that no collector frees            */
	bool cyclic;		/* false: a lost block, held by nobody                 */
	bool uncollectable;	/* the cycle is stuck                                  */
	node_id blocker;	/* the first member that the collector does not track,
				 * or does not see holding another one; NODE_NONE for an
				 * uncollectable cycle: look above, its holders are    */
	uint32_t depth, jump;	/* cycles.c's: to climb the tree in few steps          */
};

struct groups {
	uint32_t n;
	struct group *group;
	node_id *member;	/* by group                                            */
	uint32_t *of;		/* by node: its group; GROUP_NONE for the living       */
};

/*
 * Without a collector every cycle is uncollectable.  -ENOMEM; *ret is written
 * on success only.
 */
int groups_find(const struct graph *g, const struct dead *d, struct groups *ret);
void groups_fini(struct groups *s);

/*
 * Cycles among the living: what only a collector will free once it is let go.
 * Nodes to skip (modules, classes, ...) break the cycles that pass through
 * them; NULL: none.  All components in *ret are cyclic.  -ENOMEM.
 */
int cycles_live(const struct graph *g, const struct dead *d, const struct bits *skip,
		struct scc *ret);

#endif
