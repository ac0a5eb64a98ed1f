/*
 * real.h - the allocator that the program would have without ouro
 *
 * Found at the first call of any of the family, which is before our
 * constructor: the loader itself allocates, and so do constructors that run
 * earlier.  Calls that come even before that can be answered are served from
 * a static arena; its blocks are known by their address and never given back.
 */
#ifndef REAL_H
#define REAL_H

#include "hidden.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct real {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void (*free)(void *);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	void *(*memalign)(size_t, size_t);
	void *(*valloc)(size_t);
	void *(*pvalloc)(size_t);
	size_t (*malloc_usable_size)(void *);
};
extern HIDDEN struct real real;

/* Is the malloc family recorded?  Else its hooks only forward. */
extern HIDDEN bool real_recorded;

/*
 * NULL: all of the family stands in one file.  Else what keeps us from
 * recording it, in words.
 */
const char *real_find(void);

#define EARLY_ARENA 65536
extern HIDDEN char early_arena[EARLY_ARENA];

static inline bool early_owns(const void *p)
{
	return (uintptr_t)p - (uintptr_t)early_arena < EARLY_ARENA;
}

/* What was asked for: it stands in the word before the block. */
static inline size_t early_size(const void *p)
{
	return *(const size_t *)((const char *)p - 16);
}

#endif
