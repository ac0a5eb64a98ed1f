/*
 * code.h - reading machine code: what an instruction is, where it goes, what it names
 *
 * Only reads, and only what the caller says may be read.  Nothing here allocates or
 * locks, but decoding takes a few hundred nanoseconds and a KiB of stack: it belongs to
 * start-up and to the loading of libraries, not to the recording of events.
 */
#ifndef OURO_CODE_H
#define OURO_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CODE_INSN_MAX = 15 };	/* bytes of the longest instruction */

enum code_flow {
	CODE_NEXT,		/* goes on with the next instruction                  */
	CODE_JCC,		/* may go to target: jcc, loop, jrcxz                 */
	CODE_JMP,		/* goes to target                                     */
	CODE_CALL,		/* calls target                                       */
	CODE_JMP_ANY,		/* goes where a register or memory says               */
	CODE_CALL_ANY,		/* calls what a register or memory says               */
	CODE_RET,
	CODE_TRAP,		/* int3, int1, ud2, hlt: somebody is meant to notice  */
	CODE_ODD,		/* changes the flow in a way not told apart here      */
};

struct code_insn {
	const uint8_t *at;
	const uint8_t *target;	/* of branch or RIP-relative operand; or NULL */
	enum code_flow flow;
	uint8_t size;		/* bytes                                              */
	uint8_t field;		/* where in it the distance to target stands          */
	uint8_t field_size;	/* bytes of that distance; 0: no target               */
	bool landing;		/* endbr64                                            */
	bool idle;		/* nop, of whatever length                            */
};

/* 0; -EILSEQ: no instruction, or none known here; -ENODATA: `room` cuts it. */
int code_decode(const void *at, size_t room, struct code_insn *ret);

/*
 * The function that is first called, or jumped to for good, within the first `within`
 * bytes of fn; NULL: none.  A jump counts when it leaves these bytes, so give them all
 * (extent.h). The answer can be a PLT stub: see code_behind_jump.
 */
void *code_first_call(const void *fn, size_t within);

/*
 * Where a function goes that is nothing but a jump (PLT stub, canonical PLT entry of an
 * executable at a fixed address, thunk); fn itself when it is more than that.  Follows
 * chains, and takes the word of a GOT slot as it stands: with lazy binding that can be
 * the resolver's stub, so ask for what is bound already.
 */
void *code_behind_jump(const void *fn);

/* A RIP-relative memory operand. */
struct code_operand {
	const uint8_t *at;	/* the instruction                                    */
	void *addr;		/* what it names                                      */
	uint16_t size;		/* bytes accessed; 0: only the address is taken (lea) */
	bool load, store;
	bool tested;		/* compared by this instruction, or right after it in the
				 * register it was loaded into                        */
};

/* Those of the first `within` bytes of fn, in order: how many, at most `room`. */
size_t code_rip_operands(const void *fn, size_t within, struct code_operand *ret,
			 size_t room);

/*
 * The memory whose value the first test or cmp of fn decides on: `if (flag)` at the head
 * of a function gives &flag.  Seen through one pointer: `mov r,[GOT]; cmp [r+4],0` gives
 * what the GOT points to, plus 4.  NULL when the first test is of something else, or a
 * call or an unconditional jump comes before it, or there is none in `within` bytes.
 */
void *code_first_tested(const void *fn, size_t within, size_t *ret_size);

#endif
