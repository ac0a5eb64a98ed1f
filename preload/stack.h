/*
 * stack.h - the two lists of locations that are an event's stack
 */
#ifndef STACK_H
#define STACK_H

#include "events.h"
#include "runtime.h"

#include <ouro/define.h>

bool stack_setup(void);			/* false: no memory                          */

void stack_modules_changed(void);

/* The native list as it is written: a location that says where it was cut comes first. */
static inline uint32_t stack_native_mark(const struct unwind *u)
{
	return u->cut == UNWIND_WHOLE ? 0
		: u->cut == UNWIND_TOO_DEEP ? OURO_LOC_CUT : OURO_LOC_LOST;
}

static inline uint32_t stack_least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Bring t->unwind and t->interp up to date, and what of the written lists still stands. */
static inline void stack_take(struct thr *t, uintptr_t ip, uintptr_t sp, uintptr_t bp)
{
	struct event_writer *w = &t->out;
	struct unwind *u = t->unwind;
	uint32_t mark;

	unwind_take(u, ip, sp, bp);
	w->stacks++;
	mark = stack_native_mark(u);
	if (__builtin_expect(mark | w->native.mark, 0)) {
		w->native.same = mark == w->native.mark
			? stack_least(w->native.same, u->kept + 1) : 0;
		w->cut += mark != 0;
	} else {
		w->native.same = stack_least(w->native.same, u->kept);
	}
	w->full += u->full.started;

	if (!interpreter || !interpreter->frames)
		return;
	interpreter->frames(t, &t->interp);
	w->interp.same = stack_least(w->interp.same, t->interp.kept);
	w->interp_cut += t->interp.cut;
}

#endif
