#include "mem.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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

void *mem_array(size_t n, size_t size)
{
	if (refused())
		return NULL;
	return calloc(n ? n : 1, size);
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
	memcpy(&p, array, sizeof(p));	/* it is a T ** of some T: not for us to dereference */
	p = reallocarray(p, want, size);
	if (!p)
		return -ENOMEM;
	memcpy(array, &p, sizeof(p));
	*cap = want;
	return 0;
}

void mem_free(void *array)
{
	free(array);
}
