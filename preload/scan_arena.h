/*
 * scan_arena.h - which memory is the C library's own affair
 *
 * Its allocator keeps addresses of free memory, and the one of a free chunk
 * lies within the last bytes of the block before it: taken for a pointer, it
 * would keep that block alive.
 */
#ifndef SCAN_ARENA_H
#define SCAN_ARENA_H

#include <ouro/core.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct part {
	uintptr_t start, end;
};

/* The main arena in a file's data, as far as it holds addresses of chunks. */
bool arena_in_data(uintptr_t start, uintptr_t end, struct part *ret);

/* Is this mapping, in use from its start on, a heap of another arena? */
bool arena_is_heap(uintptr_t start, uintptr_t end);

/* The start of what brk's heap has free at its end; 0: malloc does not use it. */
uintptr_t arena_top(void);

/* A struct pthread that begins here: glibc's points to itself, twice. */
static inline bool arena_is_tcb(const uintptr_t *p)
{
	return ouro_is_tcb(p, (uintptr_t)p);
}

#endif
