/*
 * tape_checks.c - from 3.12 on: between which events a collection that is due may begin
 */
#include "tape_writer.h"

/* The evaluator's own frame, and how far inside it the stack ends. */
static stack_id evaluator(const struct replay *r, stack_id native, unsigned *ret_depth)
{
	*ret_depth = 0;
	for (; native; native = stack_parent(&r->stacks, native), (*ret_depth)++)
		if (stack_location(&r->stacks, native)->flags & LOCATION_EVAL)
			break;
	return native;
}

enum {
	SHALLOW = 2,			/* frames in which one instruction makes one object  */
	DEATHS_MAX = 1 << 16,		/* bytes of tape; other threads write there, too     */
};

/*
 * The evaluator looks at calls, at the end of calls of C functions and at jumps
 * back.  Two events with the same instruction running are of one call when they are deep.
 */
static bool passed_check(const struct replay *r, const struct tape_place *was,
			 const struct event *e)
{
	unsigned depth, before;
	stack_id now, then;

	if (was->interp != e->interp)
		return true;
	if (was->native == e->native) {
		evaluator(r, e->native, &depth);
		return depth <= SHALLOW;
	}
	now = evaluator(r, e->native, &depth);
	then = evaluator(r, was->native, &before);
	return now != then || depth <= SHALLOW || before <= SHALLOW;
}

/*
 * What died meanwhile did so before the evaluator looked or after it.  A call returns, the
 * evaluator looks, and what the result takes the place of goes: so it may have been at once, too.
 */
static void put_checks(struct tape *t, const struct replay *r, const struct tape_place *was)
{
	struct tape_writer *w = t->writer;

	if (was->born && was->born < t->op.size && t->op.size - was->born < DEATHS_MAX) {
		uint64_t at = was->born;

		tape_insert_check(t, at);
		for (uint32_t i = 0; i < r->trace->events; i++)
			w->place[i].born += w->place[i].born > at;
	}
	tape_put(t, TAPE_CHECK, 0, 0);
	w->check_told = true;
}

void tape_look_for_check(struct tape *t, const struct replay *r, const struct event *e)
{
	struct tape_writer *w = t->writer;
	struct tape_place *was = &w->place[e->stream];

	if (!w->check_told && passed_check(r, was, e))
		put_checks(t, r, was);
	*was = (struct tape_place){ e->native, e->interp, 0 };
}
