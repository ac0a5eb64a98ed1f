/*
 * tree.h - the stacks as one tree, top-down from main or bottom-up from what allocates
 *
 * A node is a function under the functions above it; its usage is of all stacks that
 * begin as the way to it does.  Nodes that have less than `least` of the whole are not
 * told apart: their parent says how much of it is in no child.
 */
#ifndef OURO_TREE_H
#define OURO_TREE_H

#include "usage.h"

struct tree_node {
	text_id function, file;		/* of the places                             */
	uint32_t parent;		/* node; the root is 0                       */
	uint32_t depth;
	uint32_t children, first;	/* children are one after another, the most first */
	uint32_t folded;		/* children that were too small, ...         */
	struct usage u;
	double key;			/* what it is sorted by                      */
	double folded_key;		/* ... and what they have of it              */
};

struct tree {
	const struct places *places;
	struct tree_node *node;		/* [0]: the root, all of it                  */
	uint32_t n, cap;
};

struct tree_query {
	struct usage_query usage;
	enum usage_sort sort;
	bool top_down;
	bool lines;			/* of stacks that have lines of an interpreter, these alone */
	double least;			/* share of the whole, 0 to 1                */
};

/* -ENOMEM. */
int tree_init(struct tree *t, const struct replay *r, struct places *p,
	const struct tree_query *q);
void tree_fini(struct tree *t);

#endif
