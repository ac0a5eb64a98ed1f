/*
 * replay_private.h - what the files of replay share, and no one else sees
 *
 *	replay.c          runs: from the merged events to the functions below
 *	replay_sites.c    whose is it
 *	replay_parts.c    ... by type and thread: sums, and what was there at the peak
 *	replay_blocks.c   allocation, freeing, realloc
 *	replay_objects.c  birth and death
 *	replay_look.c     what lives
 */
#ifndef REPLAY_PRIVATE_H
#define REPLAY_PRIVATE_H

#include "replay.h"

#define RECENT   4			/* blocks asked when one is born           */
#define PENDING  4			/* reallocs of a stream that have not come back */
#define MISPLACED 8			/* of each are remembered                    */
#define SIZE_MAX_SANE ((uint64_t)1 << 47)	/* larger than all addresses */

/* A block between RELEASE and PLACE: in no table, its objects in no index. */
struct pending {
	struct block block;		/* addr as it was                            */
	bool known;
};

struct stream_state {
	uint64_t recent[RECENT];	/* blocks made last, the newest first        */
	uint64_t newest;		/* the last one, if nothing was made or freed since */
	struct pending pending[PENDING];
	uint32_t pendings;
};

/*
 * What two threads do with one address can stand in the wrong order:
 *
 * - made where a block is alive, at the tick at which another thread may have
 *   freed that one: its FREE comes after the ALLOC it made room for (late);
 * - freed where no block is, just before another thread says that it made it:
 *   that thread handed it over at once, and the processor read the clock for
 *   the FREE before the hand-over was done (early; seen up to some 100 ns).
 */
struct misplaced {
	uint64_t addr, ticks;
	uint32_t stream;
};

#define EARLY_TICKS 64

struct replay_private {
	struct stream_state *stream;
	uint32_t pendings;		/* of all streams                            */
	site_id *site_of;		/* by merged stack; 0: none yet              */
	uint32_t site_of_room;
	part_id *part_of;		/* open addressing: (site, type, thread), of sites with several */
	uint32_t part_of_mask, parts_of;
	double tick_ns;
	bool failed;			/* there was no memory where nobody can say so */
	uint64_t turn;			/* ticks at which timeline or trend go on    */
	struct misplaced late[MISPLACED], early[MISPLACED];
	uint32_t late_next, early_next;
	uint64_t epoch;			/* how often there was a new peak            */
	const struct event *held;	/* fetched, not yet applied                  */
	struct block **sorted;		/* by address, when somebody asked           */
	size_t sorts;
};

/* These give 0 or -ENOMEM. --------------------------------------------------------- */

int replay_site_of(struct replay *r, const struct event *e, site_id *ret);

int replay_parts_init(struct replay *r);
void replay_parts_fini(struct replay *r);
int replay_part_find(struct replay *r, site_id site, uint32_t type, uint32_t thread,
	part_id *ret);
/*
 * A block is its object's: of its type, made where it was born.  Runtimes keep blocks of
 * the dead for the next ones, which may be born anywhere.
 */
void replay_adopt(struct replay *r, struct block *b, part_id part);

void replay_wait(struct replay *r, const struct block *b, bool waits);	/* from now on */

/* Hardly a site makes more than one type in more than one thread at a time. */
static inline int replay_part_of(struct replay *r, site_id site, uint32_t type, uint32_t thread,
	part_id *ret)
{
	part_id id = r->site[site].part;
	const struct part *p = &r->part[id];

	if (p->site != site || p->type != type || p->thread != thread)
		return replay_part_find(r, site, type, thread, ret);
	*ret = id;
	return 0;
}

int replay_alloc(struct replay *r, const struct event *e);
/* ... and the block, when it is there: NULL when its FREE had come too early. */
int replay_alloc_block(struct replay *r, const struct event *e, struct block **ret);
int replay_release(struct replay *r, const struct event *e);
int replay_place(struct replay *r, const struct event *e);
int replay_birth(struct replay *r, const struct event *e);
int replay_pool_birth(struct replay *r, const struct event *e);

/* These cannot fail. ---------------------------------------------------------------- */

void replay_free(struct replay *r, const struct event *e);
void replay_death(struct replay *r, const struct event *e);

/* One block more or less alive at its part, its site, and in all. */
void replay_count_in(struct replay *r, const struct block *b, uint64_t ticks);
void replay_count_out(struct replay *r, const struct block *b);
/* ... one made; one that was temporary; one that died, of old age or not. */
void replay_count_made(struct replay *r, const struct block *b, int64_t n);
void replay_count_brief(struct replay *r, const struct block *b);
void replay_count_age(struct replay *r, const struct block *b);
/* ... and the same of objects. */
void replay_count_born(struct replay *r, const struct object *o, part_id part);
void replay_count_dead(struct replay *r, const struct object *o);

void replay_settle(struct replay *r);	/* the run stops: at_peak is true, and the trend */

void replay_object_dies(struct replay *r, struct object *o);
void replay_objects_die(struct replay *r, uint32_t row);	/* a whole block's */

static inline void replay_tell_block(struct replay *r, const struct block *b, bool made)
{
	if (r->observer)
		r->observer->block(r->observer_arg, r, b, made);
}

/* Who did it: a number that fits the living. */
static inline uint32_t replay_thread(const struct event *e)
{
	return e->thread <= UINT16_MAX ? e->thread : 0;
}

/* The order of replay_block_around is of the last run. */
void replay_forget_order(struct replay *r);

static inline bool replay_inside(const struct block *b, uint64_t addr)
{
	return b && addr >= b->addr && addr - b->addr < b->size;
}

#endif
