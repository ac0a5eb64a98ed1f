/*
 * What a collection frees is gone when it ends, and with it the answer to who
 * held whom.  So before one that is likely to free something a snapshot is
 * taken: its dead cycles are what the collection will find.
 *
 * For each generation the first time when 100 objects were freed, then after
 * ten times as many, and so on: a handful for the longest run, spread over it.
 * The pause is that of a fork; so, unless the user asked for it, only while
 * the process is small.
 */
#include "live.h"

#include "../options.h"
#include "../resident.h"
#include "../snapshot.h"

enum {
	FREED_FIRST = 100, FREED_TIMES = 10,
	LAST_YIELD = 10,		/* objects that the collection before freed, at least */
	SNAPSHOTS_MAX = 8,
	RESIDENT_MAX = 256 << 20,	/* bytes; a fork copies the tables of that in 2 to 3 ms */
};

static struct {
	uint64_t freed;			/* by collections of this generation, at the last one */
	uint64_t next;			/* a snapshot is due when so many were freed          */
} of[3] = { { 0, FREED_FIRST }, { 0, FREED_FIRST }, { 0, FREED_FIRST } };
static unsigned taken;

static bool small_enough(void)
{
	return options.snapshot_collection == COLLECTIONS_ANY ||
	       (options.mode == MODE_STREAM && resident_bytes() - 1 < RESIDENT_MAX);
}

/* `freed`: by all collections of this generation so far, by the statistics. */
void garbage_snapshot(struct guard *g, unsigned generation, uint64_t freed)
{
	uint64_t yield = freed - of[generation].freed;

	of[generation].freed = freed;
	if (freed < of[generation].next || yield < LAST_YIELD || taken == SNAPSHOTS_MAX)
		return;
	/* Two at a time are the most, and the last one must not find the places taken. */
	if (!snapshot_wanted(OURO_SNAPSHOT_COLLECTION) || !snapshot_idle() || !control_alone() ||
	    !small_enough())
		return;
	of[generation].next = freed * FREED_TIMES;
	taken++;
	snapshot_take(g, OURO_SNAPSHOT_COLLECTION, 0);
}

void garbage_forked(void)
{
	taken = 0;
}
