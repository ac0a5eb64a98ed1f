/*
 * growth_holder.h - who holds what was made at one place, in words
 *
 * Of what is left of the place, and was made after a moment, the one in the middle is asked:
 * what came first or last may be of another kind.
 */
#ifndef OURO_GROWTH_HOLDER_H
#define OURO_GROWTH_HOLDER_H

#include "find_growth.h"
#include "paths.h"

struct growth_holder {
	const struct growth_world *w;
	uint64_t since;			/* ticks: older ones are not asked           */
	struct bits of, of_heap;	/* sites of the place in question, by their numbers in */
					/* the replay and in the heap                */
	struct growth_ways {		/* from outside, among objects or blocks     */
		struct bits rooted;
		struct paths paths;
		bool open;
	} objects, blocks;
};

int growth_holder_init(struct growth_holder *x, const struct growth_world *w, uint64_t since); /* -ENOMEM */
void growth_holder_fini(struct growth_holder *x);

/* This site is (not) of the place. */
void growth_holder_mark(struct growth_holder *x, site_id site, bool on);

struct growth_held {
	const char *verb;		/* between "one of them" and the words       */
	char *words;			/* "app.cache['x']"; NULL: it is not known; the caller's */
	bool dead;			/* nobody holds most of them: they wait for the collector, */
					/* or are lost, and are told as what they are */
};

int growth_holder_find(struct growth_holder *x, struct growth_held *ret);	/* -ENOMEM */

#endif
