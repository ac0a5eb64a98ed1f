/*
 * generations.h - how many objects are in each generation of a collector that is played
 *
 * A generation is a range of clock (tape.h), so an object's birth says where it is; what is
 * kept are numbers.  Not all that the collector knows is tracked, and only what is tracked is
 * looked at.  Exact tuples are tracked when they are made, and no more after a
 * collection found only numbers and strings in them; exact dicts are tracked from
 * their first value on that is neither.  So objects are counted by class, and what share
 * of a class is tracked is learned from recorded collections (tracked.h).
 */
#ifndef OURO_GENERATIONS_H
#define OURO_GENERATIONS_H

#include "freelists.h"

enum { YOUNG, MIDDLE, OLD, FROZEN, PARTS };

/* Those of the start-up are mostly constants of modules; the program's are what they are. */
enum object_class {
	CLASS_OTHER,			/* always tracked                            */
	CLASS_TUPLE, CLASS_DICT,	/* ... of the start-up                       */
	CLASS_TUPLE_LATER, CLASS_DICT_LATER,
	CLASSES,
};

struct tracked {
	double share[CLASSES];		/* of tuples: that lived through a collection */
};

struct generations {
	uint64_t from[2];		/* clock where YOUNG and MIDDLE begin        */
	uint64_t thawed;		/* before it all is frozen                   */
	uint64_t start_up;		/* before it all is of the start-up          */
	uint64_t objects[PARTS][CLASSES];	/* alive, or garbage that waits      */

	/* Garbage that waits, by where the oldest is that it hangs from: it goes with that one. */
	uint64_t garbage[PARTS][PARTS][CLASSES];	/* ... and by where it is itself     */
	uint64_t lists[PARTS][KINDS];	/* by free list                              */
	uint64_t bytes[PARTS];

	/*
	 * Of the garbage, what only hangs from its cycle: by where the cycle's oldest is, where the
	 * oldest of all is, and where it is itself.  Who looks at the cycle and not at the oldest of all
	 * finds the rest held by that, and counts it as kept.
	 */
	uint64_t hung[PARTS][PARTS][PARTS][CLASSES];
};

static inline enum object_class object_class(const struct generations *g, uint8_t list,
					     uint64_t order)
{
	bool later = order >= g->start_up;

	if (list == KIND_DICT)
		return later ? CLASS_DICT_LATER : CLASS_DICT;
	if (list >= KIND_TUPLE)
		return later ? CLASS_TUPLE_LATER : CLASS_TUPLE;
	return CLASS_OTHER;
}

static inline unsigned generations_part(const struct generations *g, uint64_t order)
{
	return order < g->thawed ? FROZEN : order >= g->from[YOUNG] ? YOUNG :
		order >= g->from[MIDDLE] ? MIDDLE : OLD;
}

/* One more, one less, by the clock at its birth. */
static inline void generations_birth(struct generations *g, uint8_t list, uint64_t order)
{
	g->objects[YOUNG][object_class(g, list, order)]++;
}

static inline void generations_death(struct generations *g, uint8_t list, uint64_t order)
{
	uint64_t *n = &g->objects[generations_part(g, order)][object_class(g, list, order)];

	*n -= *n > 0;
}

/* What became garbage together: clocks at the births of all its oldest, and of its cycle's oldest. */
struct garbage_bounds {
	uint64_t eldest, oldest;
};

/* One of it, which goes when a collection looks at `oldest`. */
void generations_wait(struct generations *g, uint8_t list, uint64_t order, struct garbage_bounds of,
		      uint64_t bytes);

/* A collection at this clock took the garbage up to `generation`; what is left is older now. */
void generations_age(struct generations *g, unsigned generation, uint64_t clock);

void generations_freeze(struct generations *g, uint64_t clock);
void generations_unfreeze(struct generations *g);

/* Objects, all of them up to a generation. */
uint64_t generations_sum(const struct generations *g, unsigned generation);

/* The garbage that a collection finds, as objects are kept. */
void generations_garbage(const struct generations *g, unsigned generation,
			 uint64_t (*ret)[CLASSES]);

/* ... and of that, what it takes for held from outside of what it looks at. */
void generations_hung(const struct generations *g, unsigned generation, uint64_t (*ret)[CLASSES]);

/* How many of them a collection would look at; before: those just made are all tracked. */
double generations_tracked(const struct tracked *t, const uint64_t (*objects)[CLASSES],
			   unsigned generation, bool before);

#endif
