/*
 * replay.h - from events to what is alive, and who made it
 *
 * One pass over the merged events.  Memory is in proportion to what is alive
 * and to distinct stacks.  A caller runs the replay to a moment (a snapshot,
 * the end), looks at what is alive there, and may run on:
 *
 *	replay_init(&r, &trace, &defs);
 *	replay_to_snapshot(&r, 1);	... replay_object(&r, addr) ...
 *	replay_to_end(&r);
 *
 * A block is memory of an allocator, an object something a runtime counts.
 * An object lies in a block, moves and dies with it; one that lies in no known block
 * lives until its own death.
 */
#ifndef REPLAY_H
#define REPLAY_H

#include "ages.h"
#include "live.h"
#include "merge.h"
#include "timeline.h"
#include "trend.h"
#include "weight.h"

typedef uint32_t site_id;		/* row of replay.site; 0: stack not known    */

/* What was made with one stack; what that was, its parts say. */
struct site {
	stack_id stack;			/* merged                                    */
	part_id part;			/* the one asked for last                    */
	uint32_t segment, series;	/* these and the next two: trend.h's         */
	uint64_t mass, low;
	uint64_t live_bytes;
	uint64_t peak_bytes;		/* its own highest                           */
};

/*
 * What was made with one stack, of one type, by one thread: the smallest lot that is
 * counted.  All else is sums of these: usage.h.
 */
struct part {
	site_id site;
	uint32_t type;			/* of the object in the block, the last if there were */
					/* several, as by type_same(); 0: there was none */
	uint32_t thread : 31;		/* number; 0: not known                      */
	uint32_t indexed : 1;		/* this and the epoch: replay_parts.c's      */
	uint32_t epoch;
	uint64_t blocks, bytes;		/* ever made or moved to; bytes asked for    */
	uint64_t live_bytes;
	uint64_t at_peak_bytes;		/* when all of the program was highest; this and */
					/* at_peak are true when a run has stopped   */
	uint64_t brief;			/* temporary, as heaptrack has it: freed by what */
					/* their thread did next                     */
	uint32_t live, at_peak;		/* blocks: of these live.h has no more       */
	uint32_t objects;		/* row of part_objects; 0: none was ever born */
	struct ages ages;		/* of blocks that died                       */
};
static_assert(sizeof(struct part) == 80, "a program can have a part for nearly each block");

/* Objects of a part. */
struct part_objects {
	uint64_t born, live;
	struct ages ages;		/* of those that died                        */
};

/* What a part had at the moment that counts as the program's end: replay_left(). */
struct part_left {
	uint64_t live, live_bytes, live_objects;
};

/* Sampled: estimates of that. */
struct part_left_scaled {
	struct weighed live;
	double objects;
};

/* ... and of the sums. */
struct part_scaled {
	struct weighed made, live, at_peak;
	double brief, objects, live_objects;
	double rest;			/* of ages: what is less than a whole block  */
};

struct replay_total {
	uint64_t events, lost;		/* lost: records the writer could not write  */
	uint64_t blocks, bytes;		/* made; bytes with those moved to           */
	uint64_t frees, moves;		/* moves: realloc, in place or not           */
	uint64_t live, live_bytes;
	uint64_t peak_bytes, peak_live, peak_ticks;
	uint64_t births, deaths, live_objects;
	uint64_t increfs, decrefs;
	uint64_t collections, collected;	/* collected: objects they freed     */
	uint64_t unknown_frees;		/* of blocks whose making was not seen       */
	uint64_t unknown_deaths;
	uint64_t double_blocks;		/* made where one was alive: a free was missed  */
	uint64_t double_births;
};

struct replay {
	struct trace *trace;
	const struct defs *defs;
	struct stacks stacks;
	struct merge merge;

	struct site *site;
	uint32_t sites, sites_room;
	struct part *part;		/* [0]: of site 0, no type, no thread        */
	struct age_rows ages;		/* of the parts                              */
	struct part_scaled *part_scaled;	/* by part; NULL: not sampled        */
	struct part_objects *part_objects;	/* [0]: of parts without any         */
	struct part_left *left;		/* [0]: of parts that left nothing; NULL: that moment has not come */
	struct part_left_scaled *left_scaled;	/* the same; NULL: not sampled       */
	uint32_t *left_of;		/* by part, of the first parts_left: row of these two */
	uint32_t parts, parts_left, lefts;
	uint32_t parts_room, scaled_room, objects, objects_room;
	struct replay_total total, total_left;
	uint64_t left_ticks;
	uint64_t since;			/* counting started at this tick; 0: at the beginning */
	struct timeline timeline;
	struct trend trend;

	/* Sampled: estimates of some of the totals; their variances are of living and made. */
	struct replay_scaled {
		struct weighed made, live;
		double frees, moved_bytes, births, deaths;
		double peak_blocks, peak_bytes;
	} scaled;

	uint64_t now;			/* ticks of the last event                   */
	uint64_t ready;			/* ticks of EXT_READY; 0: not seen           */
	uint64_t exiting;		/* ticks of EXT_EXITING; 0: not seen         */
	uint32_t snapshot;		/* number of the last EXT_SNAPSHOT           */
	struct live live;
	struct replay_private *private;	/* replay.c's                                */

	/* Of the event that takes effect, or did last. */
	uint32_t stream;		/* index in trace.event                      */
	site_id collect_site;		/* of the last COLLECT                       */
	uint32_t collecting;		/* collections that have begun and not ended */

	/* Told of each object after its birth and before its death, when set. */
	const struct replay_observer {
		void (*born)(void *arg, const struct replay *r, const struct object *o);
		void (*dies)(void *arg, const struct replay *r, const struct object *o);
		/* ... and of blocks that are made (not: moved) and freed */
		void (*block)(void *arg, const struct replay *r, const struct block *b,
			      bool made);
	} *observer;
	void *observer_arg;

	/* Keeps the books of references, when set (refs.h). */
	struct refs *refs;

	/* Called for each event after it took effect, when set. */
	void (*watch)(void *arg, const struct replay *r, const struct event *e);
	void *watch_arg;
};

/* 0 or -ENOMEM. */
int replay_init(struct replay *r, struct trace *t, const struct defs *d);
void replay_fini(struct replay *r);

/*
 * What lives where another replay stands lives here from the beginning, as made before the
 * counting began: a fork has it of its parent, whose definitions were added to those of this one.
 * *ret: by row of an object there its row here, 0 for none; to be freed with mem_free.  Comes
 * before the first run.  -ENOMEM.
 */
int replay_inherit(struct replay *r, const struct replay *parent, const struct defs_added *at,
		   uint32_t **ret);

/*
 * 1: stopped there; 0: the trace is at its end without that; -ENOMEM.  A
 * snapshot whose event was lost can still be placed by its definition's ticks.
 */
int replay_to_snapshot(struct replay *r, uint32_t number);
int replay_to_ticks(struct replay *r, uint64_t ticks);	/* all before it was applied */
int replay_to_exiting(struct replay *r);	/* EXT_EXITING comes next            */
int replay_to_end(struct replay *r);			/* 0 or -ENOMEM      */

/* What lives at an address; NULL: nothing that is known.  Good until the next run. */
const struct block *replay_block(const struct replay *r, uint64_t addr);
const struct object *replay_object(const struct replay *r, uint64_t addr);

/* The block in which an address lies. The first call after a run sorts all blocks. */
const struct block *replay_block_around(struct replay *r, uint64_t addr);

/* How many blocks (or objects in one) this one stands for. */
static inline double replay_weight(const struct replay *r, const struct block *b)
{
	return b ? weight_of(r->trace->head.sample_bytes, b->size) : 1;
}

/* The totals, scaled up when they are of a sample. */
struct replay_total replay_totals(const struct replay *r);

/* Have all objects in it died?  Then it is kept for the next one: it lives, and holds nothing. */
bool replay_waits(const struct replay *r, const struct block *b);

/* Where a block was made, or the last object that had it to itself was born. */
static inline site_id block_site(const struct replay *r, const struct block *b)
{
	return b->part < r->parts ? r->part[b->part].site : 0;
}

/* How many blocks each site made: the caller's to free with mem_free; NULL: no memory. */
uint64_t *replay_site_blocks(const struct replay *r);

/*
 * Counts what is made from here on: sums of what was made, and the peak, start over.
 * What lives goes on living, but it is not counted among what is left.
 */
void replay_start_counting(struct replay *r);

/*
 * What lives now is what is left in the end (r->left).  Happens by itself when the runtime
 * begins to take itself apart or the snapshot of the exit is taken, whichever is first,
 * and at the end of a trace that has neither.  -ENOMEM.
 */
int replay_mark_left(struct replay *r);

static inline const struct part_objects *replay_objects(const struct replay *r, part_id part)
{
	return &r->part_objects[r->part[part].objects];
}

/* The row of r->left and r->left_scaled; 0: nothing. */
static inline uint32_t replay_left_row(const struct replay *r, part_id part)
{
	return part < r->parts_left ? r->left_of[part] : 0;
}

/* Zeroes as long as that moment has not come. */
static inline struct part_left replay_left(const struct replay *r, part_id part)
{
	return r->left ? r->left[replay_left_row(r, part)] : (struct part_left){ 0 };
}

/* Everything that lives, in no order.  Start with *at = 0; NULL at the end. */
const struct block *replay_each_block(const struct replay *r, size_t *at);
const struct object *replay_each_object(const struct replay *r, size_t *at);

/* Was it made before the program itself began? (False when that moment is not known.) */
static inline bool replay_before_ready(const struct replay *r, uint64_t born)
{
	return r->ready && born < r->ready;
}

#endif
