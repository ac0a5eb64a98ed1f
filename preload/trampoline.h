/*
 * trampoline.h - hooks for functions whose types nobody knows
 *
 * A replacement in C has the arguments of what it replaces.  For functions that are only
 * known by name there is one entry each, which hands over the registers of the call as
 * they came and leaves them so: integers, pointers, vectors, variable arguments.
 *
 * Where the result does not matter, the original is jumped to and nothing stays on the
 * stack.  Where it does, it is called with 16 words of stack arguments.
 */
#ifndef TRAMPOLINE_H
#define TRAMPOLINE_H

#include "trampoline_layout.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* The call, on the stack of who makes it. */
struct trampoline_call {
	uint64_t arg[6];		/* as they came                                 */
	uint64_t follow;		/* out of enter: 0, or 1 + words of the stack   */
	uint64_t regs[9];		/* rax, rcx, rdx, ...: the result is regs[0]    */
	uint64_t xmm[16][2];
	uint64_t mark, reserved;	/* enter's own, for leave                       */
};
static_assert(offsetof(struct trampoline_call, follow) == CALL_FOLLOW, "see trampoline.S");
static_assert(offsetof(struct trampoline_call, regs) == CALL_REGS, "see trampoline.S");
static_assert(offsetof(struct trampoline_call, xmm) == CALL_XMM, "see trampoline.S");
static_assert(offsetof(struct trampoline_call, mark) == CALL_MARK, "see trampoline.S");
static_assert(sizeof(struct trampoline_call) == CALL_SIZE, "see trampoline.S");

/* The caller's frame pointer, the entry's number, the return address, then the caller's stack. */
struct trampoline_frame {
	uintptr_t bp, number, ip, stack[];
};

/* The code to place a detour to. */
static inline void *trampoline_entry(unsigned number)
{
	extern char trampoline_entries[] __attribute__((visibility("hidden")));

	return trampoline_entries + (size_t)number * TRAMPOLINE_SIZE;
}

/* described.c: what is done before, and (when follow was set) after.  The original's address. */
void *trampoline_enter(struct trampoline_call *c, uint64_t number, struct trampoline_frame *f);
void trampoline_leave(struct trampoline_call *c, uint64_t number, struct trampoline_frame *f);

#endif
