/*
 * entry.h - may the first bytes of a function be replaced by a jump?
 *
 * Reads the function wholly, with the cold parts that compilers put elsewhere, and looks
 * for branches into the bytes that would go.  The answers are those of detour.h.
 */
#ifndef OURO_ENTRY_H
#define OURO_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "extent.h"

/* A function as far as it concerns its detour. */
struct entry {
	uint8_t *target;		/* where callers come in */
	uint8_t *patch;		/* where the jump goes: behind an endbr64 */
	struct extent body;		/* may begin before target */
	size_t size;		/* bytes from patch: whole instructions */
	size_t first;		/* bytes of the first of them */
};

/*
 * 0 when a jump of `need` bytes may be put there; else a negative enum detour_refusal,
 * and *ret as it was.  move: the instructions are to be run elsewhere, not given up.
 * size: bytes of the function, 0 for what the unwind tables and symbols say.
 */
int entry_judge(void *target, size_t size, size_t need, bool move, struct entry *ret);

#endif
