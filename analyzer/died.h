/*
 * died.h - what died in each collection: the most of it, by type and place of birth
 *
 * Collections come one after another, each with all of its own.  A few rows are kept of
 * each, and of so many collections as there is room for; the sums of them all are survival.h's.
 */
#ifndef OURO_DIED_H
#define OURO_DIED_H

#include "replay.h"

enum { DIED_TOLD = 3, DIED_MAX = 1 << 20 };

struct died_row {
	uint32_t collection;		/* row of collections                        */
	site_id site;
	uint32_t type;			/* as by type_same()                         */
	uint32_t objects;
};

struct died {
	struct died_row *row;		/* those of one collection together, most first */
	uint32_t n, cap;
};

/* Is told unless others of its collection were more.  -ENOMEM. */
int died_note(struct died *d, const struct died_row *x);

/* Those of a collection; 0: none died, or there was no room. */
const struct died_row *died_of(const struct died *d, uint32_t collection, uint32_t *ret_n);

void died_fini(struct died *d);

#endif
