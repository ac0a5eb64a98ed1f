/*
 * living.h - the table of what lived when the ring was last taken back (ouro/living.h)
 *
 * Rows and stack nodes stand in mapped chunks of the trace; to find them there are two
 * hash tables in memory of our own.  All calls are made by one thread at a time
 * (ring.c's lock).  Costs 56 bytes for each block or object alive, 16 for each
 * distinct frame on a distinct way of calls; rows are used again, nodes are kept.
 */
#ifndef LIVING_H
#define LIVING_H

#include <ouro/living.h>
#include <stdbool.h>

struct ouro_living *living_find(uint64_t addr);		/* NULL: none there          */

/* As the row at its address, in the place of one that is there.  False: no room. */
bool living_put(const struct ouro_living *row);
void living_remove(struct ouro_living *row);

/* The node of `location` under `parent`; 0: no room, the stack ends here. */
uint32_t living_node(uint32_t parent, uint32_t location);

void living_forked(void);		/* everything starts anew, in another file   */

#endif
