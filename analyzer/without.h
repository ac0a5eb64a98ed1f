/*
 * without.h - how often the collector would run if cycles were broken
 *
 * For each collected-cycle: the recorded run is played with the garbage made in its places dying
 * at once, as reference counts have it.  Then its memory is back at once, too, and the count
 * that makes collections due goes down.  Only where the model repeats what was recorded.
 */
#ifndef OURO_WITHOUT_H
#define OURO_WITHOUT_H

#include "heap_load.h"
#include "whatif.h"

/* Told in `without` of the first findings of the kind, and in their advice.  -ENOMEM. */
int find_without(struct findings *f, const struct whatif *w, struct tape *t,
		 struct heap_loader *l);

#endif
