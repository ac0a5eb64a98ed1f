/*
 * fullwalk.h - unwinding with all registers and every DWARF construct
 *
 * For the frames that no rule expresses: assembly that keeps its frame in rbx or rax,
 * expressions, frames larger than half a megabyte.  Starts from our own registers, goes
 * out through our own frames to the one in question; some hundred times slower than a
 * rule, and never needed in most programs.  No lock, no allocation, no fault.
 */
#ifndef FULLWALK_H
#define FULLWALK_H

#include "cfi.h"

struct fullwalk {
	uint64_t reg[MACHINE_NREGS];
	uint32_t valid;			/* bit per register whose value is known            */
	bool started;			/* zero this before each stack                      */
	bool exact;			/* the ip is that of an instruction not yet done    */
	uintptr_t page;			/* last page found readable                         */
};

/*
 * From the frame (ip, sp), which is ours or an outer one, to its caller.  1: that is in
 * f->reg now; 0: there is none; -errno: no way on.
 */
int fullwalk_beyond(struct fullwalk *f, uintptr_t ip, uintptr_t sp, struct cfi_work *w);

#endif
