/*
 * ring_apply.h - what a record does to the table of the living
 */
#ifndef RING_APPLY_H
#define RING_APPLY_H

#include "ring_read.h"

#include <ouro/living.h>

#define RING_PENDING 4			/* reallocs of a stream that have not come back */

/* A stream: its reader, and what its records need to know of those before. */
struct ring_stream {
	struct ring_reader reader;
	uint32_t slot;			/* of the reader's chunk                     */
	bool read;			/* reader.event was read and is not applied  */
	bool moved;			/* something was, in this step               */
	struct ouro_living pending[RING_PENDING];	/* addr 0: not known         */
	uint64_t released[RING_PENDING];	/* where it was              */
	uint32_t pendings;
};

/* The stream's event.  False: no room in the table, it is missing there. */
bool ring_apply(struct ring_stream *s);

void ring_apply_forked(void);

#endif
