/*
 * analysis.h - all that is to be found in one heap
 *
 *	analysis_init(&a, &heap);
 *	find_dead_cycles(&a);  find_live_cycles(&a);  find_retained(&a);
 *	... a.findings, a.live ...
 *
 * Each find_* is one kind of question; they are independent of each other.
 */
#ifndef OURO_ANALYSIS_H
#define OURO_ANALYSIS_H

#include "cycles.h"
#include "dead.h"
#include "describe.h"
#include "finding.h"
#include "shape.h"
#include "tally.h"

struct analysis {
	const struct heap *h;
	bool each;			/* do not fold; list all members          */
	struct dead dead;
	struct groups groups;
	struct bits in_cycle;		/* of a group, rather than in its tail    */
	struct findings findings;	/* ranked by analysis_rank                */
	struct findings live;		/* live cycles: no mistakes               */
	struct shapes shapes;
	struct tally tally;
	struct describer describer;

	/* Adds to f who may have taken a reference to v and kept it; NULL: nobody is asked. */
	int (*suspects)(void *arg, struct finding *f, node_id v);
	void *suspects_arg;

	/* How the counts of all objects are explained; static and immortal ones aside. */
	struct analysis_books {
		uint64_t objects;	/* looked at                              */
		uint64_t explained;	/* count = holders                        */
		uint64_t early;		/* not: of the start-up, or made unseen   */
		uint64_t code;		/* not: modules, classes, functions       */
		uint64_t held;		/* not, and C memory in use has the address */
		uint64_t leaked;	/* not, and nothing has it                */
		uint64_t inconsistent;	/* more holders than references: our mistake */
	} books;
};

/* The heap is built.  -ENOMEM. */
int analysis_init(struct analysis *a, const struct heap *h);
void analysis_fini(struct analysis *a);

int find_dead_cycles(struct analysis *a);
int find_live_cycles(struct analysis *a);
int find_retained(struct analysis *a);

void analysis_rank(struct analysis *a);

/* -------------------------------------------------------------------- for find_*.c */

/* Did the program make any of them, rather than the start-up or the import of a library? */
bool analysis_any_made(const struct analysis *a, const node_id *v, uint32_t n);

#endif
