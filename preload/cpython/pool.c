#include "pool.h"

#include "layout.h"

#include <stddef.h>

#define ALIGNMENT	16u		/* block sizes are multiples                 */
#define CLASSES		32u

/* At the start of each; 3.8 to 3.13 have the same (Objects/obmalloc.c, pycore_obmalloc.h). */
struct header {
	uint32_t count, unused;		/* blocks given out                          */
	uintptr_t free, next, previous;
	uint32_t arena, class;
	uint32_t unused_from;		/* bytes into the pool: behind it nothing was given out yet */
	uint32_t last;			/* ... where the last block of this class begins */
};
_Static_assert(sizeof(struct header) == 48, "as POOL_OVERHEAD");

bool pool_is(uintptr_t address, uintptr_t start)
{
	uintptr_t size = py.minor >= 10 ? 16384 : 4096, at = address & ~(size - 1);
	const struct header *h = (const struct header *)at;

	/* One that was given back whole still says what it was last. */
	return at >= start && h->class < CLASSES &&
		h->last == size - (h->class + 1) * ALIGNMENT &&
		h->unused_from <= size && h->count <= size / ALIGNMENT;
}
