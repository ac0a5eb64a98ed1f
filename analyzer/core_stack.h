/*
 * core_stack.h - where the threads of a core file stood, unwound by elfutils
 *
 * Needs the program's files where they were (or their debug files); what is not
 * found ends the stack there.
 */
#ifndef OURO_CORE_STACK_H
#define OURO_CORE_STACK_H

#include "core.h"

#define CORE_DEPTH 64

struct core_frame {
	uint64_t pc, sp;		/* sp: 0: not known                          */
	char *function, *file;		/* NULL: not known                           */
	uint32_t line;
};

struct core_stack {
	uint32_t tid;
	struct core_frame frame[CORE_DEPTH];	/* the innermost first               */
	uint32_t n;
};

/* Of all threads, in the order of core.thread.  -ENOMEM; to be freed with core_stacks_free. */
int core_stacks(const struct core *c, const char *program, struct core_stack **ret);
void core_stacks_free(struct core_stack *s, uint32_t n);

#endif
