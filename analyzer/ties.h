/*
 * ties.h - who holds whom, where the runtime says so itself
 *
 * A signal's handler is a closure that holds its data, in memory of the
 * library where no word shows whose it is: such edges are recorded by name.
 * What has been told stands until it is taken back or its holder is gone.
 */
#ifndef TIES_H
#define TIES_H

#include "replay.h"

struct tie {
	uint64_t holder, held;		/* holder 0: free                            */
	uint64_t ticks;
	uint32_t name;			/* string of the trace                       */
	uint8_t hold;			/* enum ouro_hold                            */
	site_id site;			/* 0: not known                              */
	site_id taken;			/* where the reference was that it holds by (refs.c's); 0 */
};

struct ties {
	struct tie *edge;		/* by holder and held                        */
	uint32_t mask, n;
};

void ties_fini(struct ties *t);		/* of one of zeroes, too */

/* EXT_EDGE or EXT_UNEDGE.  -ENOMEM. */
int ties_event(struct ties *t, const struct replay *r, const struct event *e, site_id site);

/* The edge that stands; NULL: none does. */
/*
 * Is the edge of this name data that was attached to an object (`data "key"`)?  That stands in a list
 * of the object's own, and in none of the runtime's tables, where signal handlers are.
 */
bool tie_is_attached(const struct replay *r, uint32_t name);

struct tie *ties_find(const struct ties *t, uint64_t holder, uint64_t held);

/* The holder lived when it was told, and still does. */
bool tie_stands(const struct tie *e, const struct replay *r);

#endif
