/*
 * ring.h - mode ring: event chunks in a part of the file that never grows
 *
 * The part is reserved and mapped once and cut into slots, each a chunk.  A
 * thread writes into a slot of its own and takes another when it is full; no
 * copy, no system call.  When free slots run low, whoever takes one takes the
 * oldest back first: all records up to its end, of all streams and by time,
 * are applied to the table of the living (living.h), then the slot is free.
 *
 *              written by                 read by     ordered by
 *   state      FREE > OPEN, OPEN > CLOSED  all         acquire / release
 *              by the slot's thread,
 *              CLOSED > FREE by the taker
 *   next, end  the slot's thread          the taker   before state is CLOSED
 *   the rest   the taker                  the taker   `busy`, a lock that is tried, not waited for
 *
 * A step of taking back is whole when ouro_file.ring_step says so; killed before, its
 * records are read again (struct ouro_applied).
 */
#ifndef RING_H
#define RING_H

#include "thr.h"

extern bool ring_on;			/* this trace is a ring                      */

/* `bytes` are cut to whole slots, at least RING_SLOTS_MIN.  0 or -errno: nothing changed. */
#define RING_SLOTS_MIN 8
int ring_setup(uint64_t bytes);
void ring_forked(void);			/* in a child, before thr_forked: it has no ring yet */

/*
 * Another chunk for t: empty, of t's stream; NULL: none is free.  *ret_seq is
 * the number it shall have.  When it has that and its times, t turns to it.
 */
struct ouro_chunk *ring_next(struct thr *t, uint64_t *ret_seq);
void ring_turn(struct thr *t, struct ouro_chunk *old, struct ouro_chunk *fresh);

/*
 * Nothing is written over from here on: the program takes itself apart, and
 * what it had a moment ago is worth more than how that goes on.
 */
void ring_hold(void);
enum ouro_lost ring_reason(void);	/* why there is none free                    */

#endif
