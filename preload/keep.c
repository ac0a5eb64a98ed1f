#include "keep.h"

#include "sys.h"

#include <assert.h>
#include <stdbool.h>

#define BLOCK 65536

struct block {
	size_t used;			/* may run over BLOCK: those got nothing     */
	char room[];
};
static struct block *current;

void *keep(size_t bytes)
{
	assert(bytes <= KEEP_MAX);
	bytes = (bytes + 15) & ~(size_t)15;
	for (;;) {
		struct block *b = __atomic_load_n(&current, __ATOMIC_ACQUIRE), *fresh;

		if (b) {
			size_t at = __atomic_fetch_add(&b->used, bytes, __ATOMIC_RELAXED);

			if (at + bytes <= BLOCK)
				return (char *)b + at;
		}
		fresh = sys_memory(BLOCK);
		if (!fresh)
			return NULL;
		fresh->used = 16;
		if (!__atomic_compare_exchange_n(&current, &b, fresh, false,
				__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			sys_unmap(fresh, BLOCK);
	}
}
