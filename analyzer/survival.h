/*
 * survival.h - how long objects live, by type and birth site
 *
 * An observer of a replay.  Ages are counted in collections survived, in
 * objects born meanwhile and in time.  Every birth is in exactly one row and
 * every death in exactly one of its counts, so births less deaths are what lives.
 *
 * A runtime without a collector gets generations as if it had one: a collection
 * after every SURVIVAL_STEP births, each tenth of generation 1 or more.  A program
 * without any runtime is told by its memory blocks.
 */
#ifndef OURO_SURVIVAL_H
#define OURO_SURVIVAL_H

#include "collections.h"
#include "heap_load.h"

#define SURVIVAL_STEP		700	/* births: CPython's default for generation 0 */
#define SURVIVAL_STEPS		10	/* collections of a generation for one of the next */

/* What an object died of. */
enum death {
	DEATH_BY_COUNT,			/* its last reference went                   */
	DEATH_BY_COLLECTOR,		/* during a collection: cyclic garbage, and what it held */
	DEATH_AT_END,			/* the runtime took itself apart             */
	DEATHS,
};

/* Ages are put into classes by the power of two: 0, 1, 2..3, 4..7, ... */
enum { AGES_COLLECTIONS = 16, AGES_BIRTHS = 40, AGES_TIME = 44 };	/* time: ns */

struct lives {
	uint64_t births;
	uint64_t died[DEATHS][GENERATIONS];	/* generation it was in              */
	uint64_t garbage;			/* ... by the collector, made by the program:
						 * not by the runtime's start-up       */
	uint64_t collected_bytes;		/* blocks of those the collector freed */
	double collecting;			/* s: their part of the automatic collections
						 * that freed them; see survival_settle */
	uint32_t by_collections[AGES_COLLECTIONS];	/* the dead, by age          */
	uint32_t by_births[AGES_BIRTHS];
	uint32_t by_time[AGES_TIME];
};

/*
 * Most places make few things that all die alike, so a row is short as long as that is so:
 * survival_lives() tells it in full.
 */
struct survival_row {
	site_id site;
	uint32_t type;			/* as by type_same(); 0: memory blocks       */
	uint64_t births;
	uint32_t alike, how;		/* so many died, all of them as `how` says: survival.c's */
	uint32_t full;			/* of survival.full, when they did not; 0    */
	bool indexed;
};

struct survival_full {
	struct lives lives;		/* but for its births                        */
	uint32_t now;			/* deaths in the collection being settled    */
};

struct survival {
	const struct collections *collections;
	struct survival_row *row;	/* [0] is nobody's                           */
	uint32_t n, cap;
	struct survival_full *full;	/* the same                                  */
	uint32_t fulls, full_cap;
	uint32_t *last;			/* by site: the row asked for last; 0: it has none */
	uint32_t sites;
	uint32_t *index;		/* (site, type) -> row, of sites with several */
	uint32_t index_mask, indexed;
	uint64_t *step;			/* blocks only: ticks of each simulated collection */
	uint32_t steps, steps_cap;
	uint32_t *touched;		/* rows of `full` with deaths in collection `settling` */
	uint32_t ntouched, touched_cap, settling;
	uint64_t births;		/* of all rows                               */
	double tick_ns;			/* ages need no better clock                 */
	bool simulated, blocks, failed;
	bool garbage;			/* only what the collector freed is asked for */
};

struct lives survival_lives(const struct survival *s, uint32_t row);

/*
 * Observes r from now on; r must be at its beginning.  `garbage`: births and what the
 * collector freed are enough, so other deaths are not looked at, nor blocks.  -ENOMEM.
 */
int survival_init(struct survival *s, const struct collections *c, struct replay *r, bool garbage);
void survival_fini(struct survival *s);

/* For `garbage`, where births are not counted row by row: they are, from the replay's parts. */
void survival_births(struct survival *s, const struct replay *r);

/* The last collection is over: share its time among those who died in it. */
void survival_settle(struct survival *s);

static inline uint64_t lives_died(const struct lives *l, enum death how)
{
	return l->died[how][0] + l->died[how][1] + l->died[how][2];
}

static inline uint64_t lives_living(const struct lives *l)
{
	return l->births - lives_died(l, DEATH_BY_COUNT) - lives_died(l, DEATH_BY_COLLECTOR) -
		lives_died(l, DEATH_AT_END);
}

void lives_add(struct lives *to, const struct lives *from);
unsigned age_class(uint64_t age, unsigned classes);

/* ------------------------------------------------------------- for people: by place */

struct survival_place {
	const char *type;
	uint32_t site;			/* of the heap: the one that most came by    */
	struct lives lives;
};

struct survival_table {
	struct survival_place *place;	/* most births first                         */
	uint32_t n, cap;
	struct lives all;		/* of all rows                               */
};

/*
 * Rows of one type and line (native code: as a whole) together; `collected`: those
 * the collector freed some of.  -ENOMEM.
 */
int survival_fold(const struct survival *s, struct heap_loader *l, bool collected,
		  struct survival_table *ret);
void survival_table_fini(struct survival_table *t);

#endif
