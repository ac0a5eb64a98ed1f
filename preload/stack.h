/*
 * stack.h - the two lists of locations that are an event's stack
 */
#ifndef STACK_H
#define STACK_H

#include "events.h"

#include <ouro/define.h>

bool stack_setup(void);			/* false: no memory                          */

/* Bring t->unwind and t->interp up to date, and what of the written lists still stands. */
void stack_take(struct thr *t, uintptr_t ip, uintptr_t sp, uintptr_t bp);

void stack_modules_changed(void);

/* The native list as it is written: a location that says where it was cut comes first. */
static inline uint32_t stack_native_mark(const struct unwind *u)
{
	return u->cut == UNWIND_WHOLE ? 0
		: u->cut == UNWIND_TOO_DEEP ? OURO_LOC_CUT : OURO_LOC_LOST;
}

#endif
