/*
 * find_balance.h - findings about counted objects: unbalanced, dead cycles, over-released
 *
 * What stays.h found, folded: objects of one type, made at one place, kept by one
 * way of calls, are one finding.  Nothing in here knows a runtime but by what it
 * told of itself.
 */
#ifndef FIND_BALANCE_H
#define FIND_BALANCE_H

#include "finding.h"
#include "heap_load.h"
#include "stays.h"

/*
 * doubtful: something is not known that may hold them; unseen: so many registers were
 * not seen (see struct lost).  0 or -ENOMEM.
 */
int find_unbalanced(struct findings *s, const struct stays *stays, struct heap_loader *l,
	bool doubtful, uint64_t unseen, bool each);

/* The replay is at its end. */
int find_over_released(struct findings *s, struct refs *refs, struct heap_loader *l);

#endif
