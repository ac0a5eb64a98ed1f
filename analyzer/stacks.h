/*
 * stacks.h - the tree of stacks
 *
 * A stack is a node; its parent is the stack without the innermost frame, and
 * 0 is the empty stack.  Native stacks, interpreter stacks and merged
 * stacks are nodes of one tree, so that equal ones are one node.
 *
 * A merged stack is the native one with the frames of interpreters'
 * evaluators replaced by the interpreter frames they ran: one run of frames
 * for each evaluator frame, matched from the innermost end, where both lists
 * are whole.  What the interpreter does between two of its frames stays in place as
 * native frames.  Frames of the guest at the innermost end are left out.
 */
#ifndef STACKS_H
#define STACKS_H

#include "defs.h"

typedef uint32_t stack_id;

#define STACK_EMPTY 0

struct stack_node {
	stack_id parent;
	uint32_t location;		/* as by location_same()                     */
};

struct stacks {
	const struct defs *defs;
	struct stack_node *node;
	uint32_t count, room;
	struct stack_link *link;	/* stacks.c's: the children of each          */
	uint32_t *crowd;		/* ... of those with many: open addressing, (parent, location) -> node */
	uint32_t crowd_mask, crowded;
	struct stack_retired *retired;	/* node arrays outgrown while shared         */
	bool shared;			/* somebody else reads the nodes below a count he was told */
	uint32_t limit;			/* merged stacks stop where nodes are as many */
	struct stacks_merged *merged;	/* stacks.c's: (native, interpreter) -> merged */
};

int stacks_init(struct stacks *s, const struct defs *d);	/* 0 or -ENOMEM      */
void stacks_fini(struct stacks *s);

/*
 * While `shared` is set, arrays of nodes that were outgrown stay: a reader in another thread
 * may still have one.  This takes the list of them, to be freed when he has a newer one.
 */
struct stack_retired *stacks_retired(struct stacks *s);
void stack_retired_free(struct stack_retired *r);

/* The stack with one more frame inside `parent`; 0 and errno when there is no memory. */
stack_id stacks_push(struct stacks *s, stack_id parent, uint32_t location);

/* The merged stack of the two lists; 0 for two empty ones. */
stack_id stacks_merge(struct stacks *s, stack_id native, stack_id interp);

static inline stack_id stack_parent(const struct stacks *s, stack_id id)
{
	return s->node[id].parent;
}

static inline const struct def_location *stack_location(const struct stacks *s,
	stack_id id)
{
	return def_location(s->defs, s->node[id].location);
}

uint32_t stacks_depth(const struct stacks *s, stack_id id);

/*
 * The innermost frame that is an interpreter line: where a Python programmer
 * would look.  0 when the stack has none.
 */
stack_id stacks_line(const struct stacks *s, stack_id id);

#endif
