/*
 * garbage.h - what lay in wait for the collector, seen just before it ran
 *
 * A snapshot before a collection (OURO_SNAPSHOT_COLLECTION) has the cycles that
 * the collection freed.  Their findings are no leaks: they show the shape of
 * garbage that the events only count.
 */
#ifndef OURO_GARBAGE_H
#define OURO_GARBAGE_H

#include "analysis.h"
#include "heap_load.h"

struct garbage_look {
	struct heap heap;
	struct analysis analysis;	/* findings: dead cycles                     */
};

struct garbage {
	struct garbage_look **look;
	uint32_t n, cap;
	uint32_t next;			/* row of trace.snapshot to be looked at next */
};

/*
 * Looks at all such snapshots before `until` (ticks) that were not yet looked
 * at, each at its moment: the replay is run there, so that it knows who made
 * what.  Those that are damaged are left out.  -ENOMEM.
 */
int garbage_gather(struct garbage *g, struct replay *r, struct symbols *symbols, uint64_t until);
void garbage_fini(struct garbage *g);

/*
 * The cycle that objects of this place lie in: one with a member made at that
 * line, else one made in that function; of several the one seen most.  NULL:
 * none is known.
 */
struct finding *garbage_like(const struct garbage *g, const char *function, const char *file,
			     uint32_t line);

#endif
