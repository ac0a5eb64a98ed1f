#include "scan_arena.h"

#include "loader.h"
#include "sys.h"

#include <malloc.h>
#include <string.h>

/*
 * glibc's struct malloc_state: what holds addresses of chunks is fastbins (10), top,
 * last_remainder, and the bins, 127 pairs.  An empty bin points to itself, as if it
 * were the two links of a chunk: to 16 bytes before the pair.
 */
#define BEFORE_BINS	(12 * sizeof(uintptr_t))
#define BINS		(254 * sizeof(uintptr_t))
#define EMPTY_MIN	16			/* so many empty ones are no accident       */

bool arena_in_data(uintptr_t start, uintptr_t end, struct part *ret)
{
	uintptr_t last = 0;
	unsigned n = 0;

	/* The last bins are for chunks of a megabyte and more: the very last is always empty. */
	for (uintptr_t at = start; at + 16 <= end; at += 8) {
		const uintptr_t *pair = (const uintptr_t *)at;

		if (pair[0] != at - 16 || pair[1] != at - 16)
			continue;
		n = last && at - last < BINS ? n + 1 : 1;
		last = at;
	}
	if (n < EMPTY_MIN || last + 16 - BINS - BEFORE_BINS < start)
		return false;
	*ret = (struct part){ last + 16 - BINS - BEFORE_BINS, last + 16 };
	return true;
}

/* struct heap_info: its arena, the heap before it, bytes in use, bytes made writable. */
bool arena_is_heap(uintptr_t start, uintptr_t end)
{
	const uintptr_t *info = (const uintptr_t *)start;
	const uintptr_t heap_max = 64u << 20;

	if (start % heap_max || end - start < 4096)
		return false;
	return info[0] && info[0] % heap_max < 4096 && info[2] <= heap_max &&
		info[2] <= info[3] && info[3] <= heap_max && info[3] % 4096 == 0 &&
		(info[1] ? info[1] % heap_max == 0 : info[0] - start < 4096);
}

/* mallinfo allocates nothing; it may set malloc up, as the next call would anyway. */
uintptr_t arena_top(void)
{
	struct mallinfo2 (*info2)(void) = NULL;
	uintptr_t brk = (uintptr_t)SYS(SYS_brk, 0, 0, 0, 0, 0, 0);
	struct link_map *libc = NULL;
	struct mallinfo2 m;
	void *p = NULL;

	/* Another allocator may have one of that name, and not be ready for it. */
	if (loader_lookup(loader_first(), "gnu_get_libc_version", &libc))
		p = loader_symbol(libc, "mallinfo2", NULL);
	if (!p)
		return brk;
	memcpy(&info2, &p, sizeof p);
	m = info2();
	return m.arena ? brk - m.keepcost : 0;
}
