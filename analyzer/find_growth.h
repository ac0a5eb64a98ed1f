/*
 * find_growth.h - places whose survivors keep growing, and places that make for nothing
 *
 * Growth is put to the test by growth.h, for each place that what a stack made is told
 * by; a run must leave GROWTH_SECONDS after the warm-up, a quarter of it or what was asked
 * for.  What holds it is told from the snapshot.
 */
#ifndef OURO_FIND_GROWTH_H
#define OURO_FIND_GROWTH_H

#include "blocks.h"
#include "finding.h"
#include "heap_load.h"
#include "places.h"

#define GROWTH_SECONDS	10		/* less says nothing, unless a warm-up was given */
#define GROWTH_BYTES	4096		/* less is not told                          */

struct growth_world {
	struct heap_loader *l;		/* the replay is at its end                  */
	struct places *places;
	bool graph;			/* l->h has the objects of a snapshot        */
	struct blocks *blocks;		/* NULL: no snapshot has them                */
	uint64_t warm;			/* ticks, as asked for; 0: a quarter of the run */
};

/* Findings are added; *ret_tested: the run was long enough to tell.  -ENOMEM. */
int find_growth(struct findings *f, const struct growth_world *w, bool *ret_tested);

/* Places of which a large share of all blocks was freed at once; `run`: seconds of it. */
int find_churn(struct findings *f, const struct growth_world *w, double run);

#endif
