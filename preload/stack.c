#include "stack.h"

#include "defs.h"
#include "runtime.h"

bool stack_setup(void)
{
	return unwind_setup(define_native);
}

void stack_modules_changed(void)
{
	unwind_modules_changed();
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

void stack_take(struct thr *t, uintptr_t ip, uintptr_t sp, uintptr_t bp)
{
	struct event_writer *w = &t->out;
	struct unwind *u = t->unwind;
	uint32_t mark;

	unwind_take(u, ip, sp, bp);
	mark = stack_native_mark(u);
	if (mark != w->native.mark)
		w->native.same = 0;
	else if (mark)
		w->native.same = least(w->native.same, u->kept + 1);
	else
		w->native.same = least(w->native.same, u->kept);
	w->stacks++;
	w->cut += mark != 0;
	w->full += u->full.started;

	if (!interpreter || !interpreter->frames)
		return;
	interpreter->frames(t, &t->interp);
	w->interp.same = least(w->interp.same, t->interp.kept);
	w->interp_cut += t->interp.cut;
}
