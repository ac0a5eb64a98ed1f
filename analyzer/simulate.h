/*
 * simulate.h - CPython's collector, played over a tape under other settings
 *
 * As facts of Modules/gcmodule.c (3.8 to 3.12) and Python/gc.c (3.13) have it: what counts
 * up and down, which generation is due, when the oldest is spared (a quarter must have
 * come to it since it was looked at last), what a freeze takes out, what a full
 * collection does to free lists.  Up to 3.11 a collection runs within the allocation that
 * makes it due, from 3.12 on when the evaluator next looks.
 *
 * The first setting is always the recorded one: it checks the model against what was
 * recorded, and it tells how many of the objects of a generation are tracked at
 * all, which no event says.
 */
#ifndef OURO_SIMULATE_H
#define OURO_SIMULATE_H

#include "tape.h"

#define NEVER UINT64_MAX

struct setting {
	bool recorded;			/* all as the program did it                 */
	bool off;			/* no automatic collections                  */
	bool keep;			/* thresholds as the program sets them       */
	uint32_t threshold[GENERATIONS];
	uint64_t freeze;		/* clock; NEVER                              */
	uint8_t broken;			/* waste with this mark dies by reference count; 0: none */
};

struct simulated_run {
	uint32_t examined, freed;	/* objects                                   */
	uint8_t generation;
	bool asked;			/* by the program                            */
	bool start_up;			/* before the program began                  */
};

/* What a setting would have done, from the first object to the program's end. */
struct simulation {
	struct simulated_run *run;
	uint32_t n, room;
	uint64_t runs[GENERATIONS];	/* of the program                            */
	uint64_t automatic;		/* ... of them, not asked for                */
	uint64_t before[GENERATIONS];	/* of the start-up                           */
	uint64_t peak_bytes;		/* alive, garbage that waits included        */
	uint64_t peak_waiting;		/* bytes of garbage that waited, at most     */
	uint64_t frozen;		/* objects that a freeze took out            */
};

/* Does the model do what was recorded? */
struct self_check {
	uint64_t recorded[GENERATIONS], simulated[GENERATIONS];	/* automatic ones    */
	uint64_t exact;			/* with all three counts as recorded         */
	uint64_t first_wrong;		/* number of the first that is not; or all   */
};

/* Each of `n` settings; the first is `recorded`.  -ENOMEM, with nothing to free. */
int simulate(const struct tape *t, const struct setting *s, uint32_t n, struct simulation *ret,
	     struct self_check *ret_check);
void simulations_fini(struct simulation *s, uint32_t n);

#endif
