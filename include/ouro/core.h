/*
 * core.h - what a reader of a core file must know of the library that was in the process
 *
 * The library keeps addresses of the program's blocks in memory of its own: who
 * searches memory for holders leaves that out.  The live search asks the library;
 * in a core file this is found by its magic, in the data of libouro.so.
 */
#ifndef OURO_CORE_H
#define OURO_CORE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OURO_CORE_MAGIC_0 0x2e65726f632e6f72u
#define OURO_CORE_MAGIC_1 0x9d1c5a7f4be02684u	/* the last digit counts layouts */
#define OURO_CORE_PLACES  4096

struct ouro_own {
	uint64_t start;			/* 0: free; 1: being filled in               */
	uint64_t end;
};

struct ouro_core {
	uint64_t magic[2];
	uint64_t start, end;		/* of the library itself                     */
	uint64_t own;			/* address of struct ouro_own [PLACES]       */
	uint64_t early_brk;		/* brk's heap held blocks up to here before anything was recorded */
	uint64_t entry;			/* a revive_fn (ouro/revive.h); 0: none      */
};

/* --- glibc's allocator, as the search of memory must know it ------------------------- */

/*
 * struct malloc_state: what holds addresses of chunks is fastbins (10), top,
 * last_remainder, and the bins, 127 pairs.  An empty bin points to itself, as if it
 * were the two links of a chunk: to 16 bytes before the pair.
 */
#define OURO_BEFORE_BINS (12 * 8)
#define OURO_BINS	 (254 * 8)
#define OURO_EMPTY_MIN	 16		/* so many empty ones are no accident       */

/*
 * The main arena in a file's data, as far as it holds addresses of chunks: offsets into the
 * memory that stands at `address`.
 */
static inline bool ouro_arena_in(const void *memory, uint64_t address, size_t size,
	size_t *ret_start, size_t *ret_end)
{
	const uint64_t *word = (const uint64_t *)memory;
	size_t last = 0, end;
	unsigned n = 0;

	/* The last bins are for chunks of a megabyte and more: the very last is always empty. */
	for (size_t i = 0; i + 1 < size / 8; i++) {
		uint64_t self = address + i * 8 - 16;

		if (word[i] != self || word[i + 1] != self)
			continue;
		n = last && i * 8 - last < OURO_BINS ? n + 1 : 1;
		last = i * 8;
	}
	end = last + 16;
	if (n < OURO_EMPTY_MIN || end < OURO_BINS + OURO_BEFORE_BINS)
		return false;
	*ret_start = end - OURO_BINS - OURO_BEFORE_BINS;
	*ret_end = end;
	return true;
}

/* struct heap_info: its arena, the heap before it, bytes in use, bytes made writable. */
static inline bool ouro_arena_heap(const void *memory, uint64_t start, size_t size)
{
	const uint64_t *info = (const uint64_t *)memory;
	const uint64_t heap_max = 64u << 20;

	if (start % heap_max || size < 4096)
		return false;
	return info[0] && info[0] % heap_max < 4096 && info[2] <= heap_max &&
		info[2] <= info[3] && info[3] <= heap_max && info[3] % 4096 == 0 &&
		(info[1] ? info[1] % heap_max == 0 : info[0] - start < 4096);
}

/* A struct pthread that begins here: it points to itself, twice. */
static inline bool ouro_is_tcb(const void *memory, uint64_t address)
{
	const uint64_t *word = (const uint64_t *)memory;

	return word[0] == address && word[2] == address;
}

/* --- pools of CPython's allocator ---------------------------------------------------- */

#define OURO_POOL_HEAD	48
#define OURO_POOL_CLASSES 32		/* of block sizes, in steps of 16 bytes      */

/*
 * Does a pool of this size begin here?  3.8 to 3.13 have the same head (Objects/obmalloc.c,
 * pycore_obmalloc.h); one that was given back whole still says what it was last.
 */
static inline bool ouro_is_pool(const void *memory, uint64_t size)
{
	const struct {
		uint32_t count, unused;	/* blocks given out                          */
		uint64_t free, next, previous;
		uint32_t arena, size_class;
		uint32_t unused_from;	/* bytes: behind it nothing was given out yet */
		uint32_t last;		/* where the last block of this class begins */
	} *h = memory;

	static_assert(sizeof(*h) == OURO_POOL_HEAD, "as POOL_OVERHEAD");
	return h->size_class < OURO_POOL_CLASSES && h->last == size - (h->size_class + 1) * 16 &&
		h->unused_from <= size && h->count <= size / 16;
}

static inline uint64_t ouro_pool_size(unsigned minor)
{
	return minor >= 10 ? 16384 : 4096;
}

#define OURO_TCB_ALIGN	64
#define OURO_TCB_SIZE	2048		/* struct pthread has more, and less than 4 KiB */
#define OURO_RED_ZONE	128		/* below the stack pointer, and in use       */

#endif
