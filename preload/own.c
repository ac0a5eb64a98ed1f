#include "own.h"

#include <ouro/core.h>

#define PAGE	4096u
#define PLACES	OURO_CORE_PLACES
#define TAKEN	1			/* start while a place is being filled in    */

/*
 * A thread's block, the tables of stacks, small memory by the 64 KiB: a few
 * places for each thread that lives at the same time.
 *
 *           written by              ordered by
 *   start   who has the place       compare and swap; release / acquire
 *   end     who has the place       start
 *   used    anybody; only grows     nothing: places behind it are 0
 */
static struct ouro_own own[PLACES];
static unsigned used;

/* Found by who reads a core file. */
static struct ouro_core __attribute__((used)) core = {
	.magic = { OURO_CORE_MAGIC_0, OURO_CORE_MAGIC_1 },
	.own = 1,			/* not 0: it belongs to what was written to, which cores have */
};

/* The linker's: where this library begins and ends in memory. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

void own_early(uintptr_t end)
{
	core.start = (uintptr_t)__ehdr_start;
	core.end = (uintptr_t)_end;
	core.own = (uintptr_t)own;
	core.early_brk = end;
}

void own_entry(uintptr_t entry)
{
	core.entry = entry;
}

void own_add(uintptr_t start, size_t bytes)
{
	for (unsigned i = 0; i < PLACES; i++) {
		uint64_t none = 0;
		unsigned n = __atomic_load_n(&used, __ATOMIC_RELAXED);

		if (__atomic_load_n(&own[i].start, __ATOMIC_RELAXED) ||
		    !__atomic_compare_exchange_n(&own[i].start, &none, TAKEN, false,
				__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			continue;
		own[i].end = start + ((bytes + PAGE - 1) & ~(size_t)(PAGE - 1));
		__atomic_store_n(&own[i].start, start, __ATOMIC_RELEASE);
		while (n <= i && !__atomic_compare_exchange_n(&used, &n, i + 1, false,
				__ATOMIC_RELAXED, __ATOMIC_RELAXED))
			;
		return;
	}
}

void own_remove(uintptr_t start)
{
	unsigned n = __atomic_load_n(&used, __ATOMIC_RELAXED);

	for (unsigned i = 0; i < n; i++)
		if (__atomic_load_n(&own[i].start, __ATOMIC_RELAXED) == start) {
			__atomic_store_n(&own[i].start, 0, __ATOMIC_RELEASE);
			return;
		}
}

bool own_next(uintptr_t at, uintptr_t *ret_start, uintptr_t *ret_end)
{
	unsigned n = __atomic_load_n(&used, __ATOMIC_RELAXED);
	uintptr_t best = UINTPTR_MAX;

	for (unsigned i = 0; i < n; i++) {
		uintptr_t start = __atomic_load_n(&own[i].start, __ATOMIC_ACQUIRE);

		if (start > TAKEN && own[i].end > at && start < best) {
			best = start;
			*ret_start = start;
			*ret_end = own[i].end;
		}
	}
	return best != UINTPTR_MAX;
}
