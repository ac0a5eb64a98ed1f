/*
 * calltree.h - retains and releases as a tree of calls
 *
 * As Mozilla's refcount balancer draws them: every retain and release of all
 * objects is counted at each call on its way, from the outside in.  A call
 * under which every single object comes out even has nothing to do with what stays, and is folded
 * away; what is left leads to who keeps more than it gives back.
 */
#ifndef CALLTREE_H
#define CALLTREE_H

#include "callers.h"

struct calltree_node {
	uint32_t parent;		/* 0: none, as row 0 is the root             */
	uint32_t child, sibling;	/* 0: none                                   */
	struct caller caller;		/* one of the places in this function        */
	uint64_t retains, releases;	/* on the way through here                   */
	uint32_t objects;		/* that do not come out even                 */
	uint32_t last;			/* calltree.c's: the object in hand, + 1     */
	int64_t sum;			/* ... and its balance                       */
};

struct calltree {
	struct calltree_node *node;
	uint32_t n, cap;
};

/* A zeroed one is empty.  Events of one object are added together.  -ENOMEM. */
int calltree_add(struct calltree *t, struct callers *c, stack_id stack, bool up, uint32_t object);

/* When all are in: children that weigh most first. */
void calltree_settle(struct calltree *t);
void calltree_fini(struct calltree *t);

static inline int64_t calltree_balance(const struct calltree_node *n)
{
	return (int64_t)(n->retains - n->releases);
}

#endif
