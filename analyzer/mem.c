#include "mem.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE	((uintptr_t)2 << 20)
#define WORTH_IT	(4 * HUGE_PAGE)

uint64_t mem_refuse_at;

static bool refused(void)
{
	if (!mem_refuse_at)
		return false;
	if (mem_refuse_at > 1) {
		mem_refuse_at--;
		return false;
	}
	return true;
}

/*
 * Walks of a graph read large arrays here and there, and with pages of 4 KiB
 * most reads miss the TLB as well as the cache.  Only what was not touched yet
 * comes in huge pages, so this is for fresh memory; a kernel that has none says no.
 */
static void prefer_huge_pages(void *array, size_t bytes)
{
	uintptr_t begin = ((uintptr_t)array + HUGE_PAGE - 1) & -HUGE_PAGE;
	uintptr_t end = ((uintptr_t)array + bytes) & -HUGE_PAGE;

	if (begin < end)
		(void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
}

void *mem_array(size_t n, size_t size)
{
	void *p;

	if (refused())
		return NULL;
	p = calloc(n ? n : 1, size);
	if (p && n * size >= WORTH_IT)
		prefer_huge_pages(p, n * size);
	return p;
}

int mem_room(void *array, uint32_t used, uint32_t *cap, size_t size)
{
	uint64_t want = *cap < 64 ? 64 : (uint64_t)*cap + *cap / 2;
	void *p;

	if (used < *cap)
		return 0;
	if (want > UINT32_MAX)
		want = UINT32_MAX;
	if (want <= used || refused())
		return -ENOMEM;
	memcpy(&p, array, sizeof(p));	/* a T ** of some T: not ours to dereference */
	p = reallocarray(p, want, size);
	if (!p)
		return -ENOMEM;
	memcpy(array, &p, sizeof(p));
	if (want * size >= WORTH_IT)
		prefer_huge_pages(p, want * size);
	*cap = want;
	return 0;
}

void mem_free(void *array)
{
	free(array);
}
