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

#include "decode.h"
#include "live.h"
#include "weight.h"

typedef uint32_t site_id;		/* row of replay.site; 0: stack not known    */

/* What was made with one stack. */
struct site {
	stack_id stack;			/* merged                                    */
	uint64_t blocks, bytes;		/* ever made or moved to; bytes asked for    */
	uint64_t live, live_bytes;
	uint64_t peak_bytes;		/* its own highest                           */
	uint64_t at_peak, at_peak_bytes;	/* when all of the program was highest */
	uint64_t objects, live_objects;
	uint64_t brief;			/* freed before their thread made another    */
	uint64_t epoch;			/* replay.c's                                */
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
	struct replay_total total;

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
 * 1: stopped there; 0: the trace is at its end without that; -ENOMEM.  A
 * snapshot whose event was lost can still be placed by its definition's ticks.
 */
int replay_to_snapshot(struct replay *r, uint32_t number);
int replay_to_ticks(struct replay *r, uint64_t ticks);	/* all before it was applied */
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

/* Everything that lives, in no order.  Start with *at = 0; NULL at the end. */
const struct block *replay_each_block(const struct replay *r, size_t *at);
const struct object *replay_each_object(const struct replay *r, size_t *at);

/* Was it made before the program itself began? (False when that moment is not known.) */
static inline bool replay_before_ready(const struct replay *r, uint64_t born)
{
	return r->ready && born < r->ready;
}

#endif
