/*
 * scc.h - strongly connected components: who holds each other, in a circle
 *
 * Tarjan, "Depth-first search and linear graph algorithms" (1972), in the
 * variant of Pearce, "A space-efficient algorithm for finding strongly connected
 * components" (2016): one number a node instead of two, and one array for both
 * stacks.  Iterative, linear.
 *
 * Components come in topological order: an edge between two of them leads from
 * the lower number to the higher.  Unrelated ones stand in the order of the
 * search, which is made such that mostly those of lower nodes come first.
 */
#ifndef OURO_SCC_H
#define OURO_SCC_H

#include "bits.h"
#include "graph.h"

#define SCC_NONE UINT32_MAX

struct scc {
	uint32_t n;		/* components                                          */
	uint32_t *of;		/* by node: its component; SCC_NONE outside of the set */
	uint32_t *first;	/* n + 1: members are member[first[c]] and on          */
	node_id *member;	/* ascending within a component                        */
	struct bits cyclic;	/* by component: two members or more, or a self edge   */
};

/* Of nodes in the set and owning edges between them; NULL: of all nodes.  -ENOMEM. */
int scc_find(const struct graph *g, const struct bits *set, struct scc *ret);

/* Forgets all components that are not cyclic; the others are renumbered in order. */
void scc_keep_cyclic(struct scc *s);

void scc_fini(struct scc *s);

#endif
