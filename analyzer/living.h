/*
 * living.h - of a ring: the table of what lived before the oldest record (ouro/living.h)
 */
#ifndef ANALYZER_LIVING_H
#define ANALYZER_LIVING_H

#include "decode.h"

struct living_rows {
	struct trace *trace;
	stack_id *stack;		/* of node i                                 */
	uint32_t nodes;
	uint32_t chunk, row;		/* the next one to look at                   */
	struct trace_bytes bytes;	/* of that chunk, while rows of it are left  */
};

/* 0 or -ENOMEM. */
int living_init(struct living_rows *l, struct trace *t, struct stacks *s);
void living_fini(struct living_rows *l);

/*
 * As the event that made it: an ALLOC, POOL_ALLOC, POOL_BIRTH or BIRTH.  An ALLOC has its
 * object, if there is one in it, in `object`.  1, 0: that were all, -ENOMEM.
 */
int living_next(struct living_rows *l, const struct stacks *s, struct event *ret);

#endif
