/*
 * overview.h - what the program made and still has, by type and place
 */
#ifndef OURO_OVERVIEW_H
#define OURO_OVERVIEW_H

#include "finding.h"
#include "heap_load.h"
#include "shape.h"
#include "weight.h"

struct overview_row {
	const char *type;
	struct finding_site site;
	uint32_t at;			/* the site in the heap                    */
	uint64_t objects, bytes;	/* sampled: estimates, as are the sums     */
	struct weighed sum;
};

struct overview {
	struct overview_row *row;	/* most bytes first                        */
	uint32_t n, cap;
	uint64_t objects, bytes;	/* made by the program                     */
	uint64_t objects_error, bytes_error;	/* standard errors; 0: not sampled */
	uint64_t early_objects, early_bytes;	/* ... by the start-up             */
	uint64_t parent_objects, parent_bytes;	/* ... before the fork             */
	uint64_t other_objects, other_bytes;	/* ... the events do not know when */
	struct weighed sum, early;	/* overview.c's                            */
};

/* Of a snapshot's objects; sizes are the runtime's.  -ENOMEM. */
int overview_of_heap(struct overview *o, const struct shapes *s);

/* Without a snapshot: of what lives where the replay stands; sizes are the blocks'.  -ENOMEM. */
int overview_of_events(struct overview *o, struct heap_loader *l);

void overview_fini(struct overview *o);

#endif
