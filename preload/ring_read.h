/*
 * ring_read.h - read a chunk's records again (ouro/record.h), in the process that wrote them
 *
 * A reader follows one chunk while its thread writes on.  The last record may
 * turn from a POOL_ALLOC into a POOL_BIRTH after it was read: then a BIRTH
 * follows.
 */
#ifndef RING_READ_H
#define RING_READ_H

#include "thr.h"

#include <ouro/record.h>

struct ring_path {			/* a list of locations, outermost first      */
	uint32_t n;
	uint32_t known;			/* so many, from the outside, have their node */
	struct {
		uint32_t location, node;
	} at[(UNWIND_DEPTH > INTERP_MAX ? UNWIND_DEPTH : INTERP_MAX) + 8];
};

struct ring_event {
	uint64_t ticks, addr, arg;
	uint64_t object;		/* POOL_BIRTH, BIRTH                         */
	uint32_t type;			/* the same                                  */
	uint8_t kind, ext;
	bool stack;			/* it has one: the paths, as they stand      */
};

struct ring_reader {
	const struct ouro_chunk *chunk;
	uint32_t at;			/* bytes of the chunk: of the record after `event` */
	uint32_t start;			/* ... of `event`, while there is one        */
	uint32_t born;			/* ... of a POOL_ALLOC before `at`; UINT32_MAX: none */
	uint64_t ticks, addr;
	struct ring_event event;
	struct ouro_recent recent;
	struct ring_path native, interp;
};

void ring_read_chunk(struct ring_reader *r, const struct ouro_chunk *chunk);

/* True: r->event is the next; false: there is none yet. */
bool ring_read(struct ring_reader *r);

/* The node of a path as it stands; 0: empty, or no room for all of it. */
uint32_t ring_path_node(struct ring_path *p);

#endif
