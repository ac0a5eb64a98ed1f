/*
 * detour.h - the entry of a function is rewritten to jump to ours
 *
 *      target:                          stub, within 2 GiB of it:
 *        endbr64   where it was           endbr64
 *        jmp  ----------------------->    jmp *[rip]  ---> replacement
 *        int3 ... up to the next          endbr64                 |
 *        instruction that stays           the moved instructions <- *ret_original
 *        ^------------------------------- jmp
 *
 * The jump goes straight to the replacement when that is near enough.  The replacement is
 * an ordinary C function: registers, stack and return address are as the caller left
 * them, nothing is called on the way, so exceptions, longjmp and unwinders find the
 * frames they expect.  Code is never writable and executable at once (text.h).
 *
 * A function is only touched when that is known to be right; otherwise the refusal has a
 * name.  Known means: its bounds are known, every instruction decodes, no branch in it or
 * in the cold parts that compilers split off leads into the bytes that are replaced.
 * Taken for granted: the tables of a `switch`, and functions that it doesn't jump to, do
 * not lead into its first bytes other than to call it.  Compilers keep to that
 * (detour_test sweeps real libraries for it); assembly with entries a few bytes apart
 * need not.
 *
 * Placing reads /proc and may take the loader's lock.  It is for start-up and the loading
 * of libraries; one thread at a time may place or remove (others are refused, not
 * blocked). errno is preserved.
 */
#ifndef OURO_DETOUR_H
#define OURO_DETOUR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * For replacements of functions that their own source file may call: such a call can rest
 * on what the compiler found in the function, a stack that it need not align and registers
 * that it leaves alone (GCC's -fipa-stack-alignment and -fipa-ra, both on at -O2).  So the
 * replacement aligns its stack, and keeps every general register but that of the result.
 * Vector registers are not kept.
 */
#define DETOUR_HOOK __attribute__((force_align_arg_pointer, no_caller_saved_registers, \
	target("general-regs-only"), noinline))

/* These numbers may stand in traces: never renumber one.  They are returned negated. */
enum detour_refusal {
	DETOUR_NOT_CODE  = 1,	/* not in private, read-only, executable memory       */
	DETOUR_NO_MAPS   = 2,	/* ... and /proc/self/maps can't be asked             */
	DETOUR_UNBOUNDED = 3,	/* no unwind table and no symbol says where it ends   */
	DETOUR_SHORT     = 4,	/* it ends before a jump would                        */
	DETOUR_UNKNOWN   = 5,	/* an instruction does not decode, or can't be moved  */
	DETOUR_BRANCH    = 6,	/* it branches back into its first bytes              */
	DETOUR_CALL      = 7,	/* a call stands in the first bytes                   */
	DETOUR_JUMP      = 8,	/* it is a jump through memory: see code_behind_jump  */
	DETOUR_RESOLVER  = 9,	/* it chooses a function (ifunc), and is not it       */
	DETOUR_TRAP      = 10,	/* a debugger's breakpoint, or made to trap           */
	DETOUR_FAR       = 11,	/* its first bytes refer to what is out of reach      */
	DETOUR_NO_PAGE   = 12,	/* no free memory within 2 GiB                        */
	DETOUR_DENIED    = 13,	/* the system does not let code be made               */
	DETOUR_THREADS   = 14,	/* another thread may stand between its first bytes   */
	DETOUR_TWICE     = 15,	/* it has a detour already                            */
	DETOUR_NONE      = 16,	/* to be removed: it has none, or not ours any more   */
	DETOUR_BUSY      = 17,	/* another thread is placing or removing one          */
};

/* "branch into the first bytes", ...; takes the refusal or its negative; never NULL. */
const char *detour_refusal_name(int refusal);

/*
 * 0, or a negative refusal; never changes a byte of target when it refuses.
 * *ret_original gets what to call the original through; it is set before the replacement
 * can be called, and put back should the very last step be refused.  With ret_original
 * NULL the function is replaced for good: then its first bytes need not be movable, and
 * without memory near it a longer jump will do.  `name` is what detour_origin says; it
 * must stay.
 */
int detour_place(const char *name, void *target, void *replacement, void **ret_original);

/*
 * For callers who know better than the tables how much memory is the function's: a short
 * one with the padding that follows it.
 */
int detour_place_sized(const char *name, void *target, size_t size, void *replacement,
		       void **ret_original);

/*
 * For a target whose library was just loaded and has not run: other threads can't be in
 * it. The plain form, with several threads, takes only functions that begin with one
 * instruction as long as the jump, since a thread may stand anywhere in the first bytes.
 */
int detour_place_unrun(const char *name, void *target, void *replacement,
		       void **ret_original);

/*
 * 0, or a negative refusal.  *ret_original goes on working.  Also says DETOUR_NONE when
 * the library was unloaded.
 */
int detour_remove(void *target);

/*
 * Would it be refused for what it is?  Patches nothing, and doesn't find out what only
 * trying does (DETOUR_FAR, DETOUR_NO_PAGE, DETOUR_DENIED, DETOUR_THREADS).  size 0: look it up.
 */
int detour_check(void *target, size_t size);

/*
 * Where in the original function a thread is whose pc stands in a stub: for unwinders,
 * which have no tables for stubs but find the original's exactly right.  0: not in a
 * stub. *ret_name (ret_name may be NULL) gets the detour's name.  Takes no lock.
 */
uintptr_t detour_origin(uintptr_t pc, const char **ret_name);

#endif
