/*
 * dead.h - what nobody can reach any more, and what a collector would do about it
 *
 * As the collectors of counting runtimes do it (CPython's subtract_refs and
 * move_unreachable, gcmodule.c; Bacon & Rajan, "Concurrent cycle collection in
 * reference counted systems", 2001): counts less internal references, what is
 * held from outside is rescued with all it reaches, the remains are dead.
 *
 * That is done twice.  Once with every owning edge we know: the truth.  Once as
 * the runtime's own collector sees it, which looks at its own objects only and
 * only at the edges it is shown.  What is dead in truth and not freed by the
 * collector stays for ever.
 */
#ifndef OURO_DEAD_H
#define OURO_DEAD_H

#include "bits.h"
#include "graph.h"

struct dead {
	struct bits dead;	/* held by dead nodes only                             */
	struct bits found;	/* those the collector finds: collectable, and held by
				 * such alone (what gc.garbage is under DEBUG_SAVEALL) */
	struct bits freed;	/* those found, and what their release drops to 0      */
	uint32_t nodes, nfound, nfreed;
	uint64_t bytes;
};

/* -ENOMEM; *ret is written on success only. */
int dead_find(const struct graph *g, struct dead *ret);
void dead_fini(struct dead *d);

#endif
