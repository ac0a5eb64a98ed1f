/*
 * tape.h - what a collector has to do with in a run, as short as can be
 *
 * Made while a recording is replayed, played as often as there are settings to try
 * (simulate.h).  About two bytes for each object the collector knows.
 *
 * Time on the tape is the number of such objects born so far and of collections begun, the
 * clock; an object is known by the clock at its birth.  So a generation is a range of clock.
 *
 * What died in a collection is no event of the tape, as under other settings it would have
 * died in another one.  It stands beside it, in the pieces that hung together (waste.h).
 */
#ifndef OURO_TAPE_H
#define OURO_TAPE_H

#include "collections.h"
#include "freelists.h"
#include "waste.h"

enum tape_kind {
	TAPE_BIRTH,
	TAPE_DEATH,			/* by reference count                        */
	TAPE_RELEASE,			/* memory of one that was dead               */
	TAPE_CHECK,			/* 3.12 on: here a collection that is due may begin */
	TAPE_CHECK_SEEN,		/* ... and one did                           */
	TAPE_COLLECT,			/* a recorded one begins                     */
	TAPE_FREED,			/* it ended                                  */
	TAPE_SETTINGS,
	TAPE_BYTES,
	TAPE_READY,			/* what follows is the program               */
	TAPE_BUSY, TAPE_IDLE,		/* to 3.11: a recorded collection, callbacks and all */
};

struct tape_op {
	enum tape_kind kind;
	uint8_t list;			/* BIRTH, DEATH: kind of free list           */
	bool direct;			/* BIRTH: not from the list, be it full      */
	uint64_t order;			/* DEATH: clock at its birth                 */
	uint64_t value;			/* COLLECT: row of collections, SETTINGS: of settings; */
					/* FREED: bytes; BYTES: alive now, largest since before */
	uint64_t most;
};

struct tape_settings {
	uint8_t change;			/* enum ouro_change                          */
	bool enabled;
	uint32_t threshold[GENERATIONS], count[GENERATIONS];
	uint64_t ticks;
	uint64_t frozen;		/* objects + 1; 0: not known                 */
};

struct tape {
	struct spool op;
	struct wastes waste;		/* in the order of the last tape_guess()     */
	enum waste_guess guess;
	struct tape_settings *settings;
	uint32_t nsettings, settings_room;
	struct tape_moment {
		uint64_t clock, ticks;
	} *moment;			/* now and then                              */
	uint32_t moments, moments_room;
	uint64_t clock;			/* at the end                                */
	struct tape_sizes {
		uint64_t objects[GENERATIONS];	/* the collector knew, by generation */
	} *sizes;			/* when a collection began, by its row       */
	uint32_t nsizes, sizes_room;
	bool is_ready;			/* the program began                         */
	uint64_t settled;		/* clock: nine of ten that lived at the end were made */
	uint32_t living;		/* objects, at the end                       */
	struct freelists lists;
	const char *refused;		/* why there is none: words for the user; or NULL */
	bool failed;			/* there was no memory                       */
	struct tape_writer *writer;	/* tape_write.c's                            */
	const struct collections *collections;
};

/* The observer that `r` has goes on being told.  -ENOMEM. */
int tape_init(struct tape *t, const struct collections *c, struct replay *r);
void tape_fini(struct tape *t);
/*
 * The events that follow are of a fork of the process that `from` replayed: of `to`, which
 * inherited what that has.  rows: by row of an object there, its row in `to`.  -ENOMEM.
 */
int tape_continue(struct tape *t, const struct replay *from, struct replay *to, const uint32_t *rows);

/* For each event, after it took effect and collections_event() was told. */
void tape_event(struct tape *t, const struct replay *r, const struct event *e);
void tape_finish(struct tape *t, const struct replay *r);	/* no more of them   */

/* From now on garbage becomes so at these ages. */
void tape_guess(struct tape *t, enum waste_guess guess);

struct tape_reader {
	const struct tape *tape;
	const uint8_t *p, *end;
	uint64_t clock;			/* births before the next op                 */
	uint64_t live;
};

void tape_rewind(struct tape_reader *r, const struct tape *t);
bool tape_next(struct tape_reader *r, struct tape_op *ret);

/* The clock at a moment of the recording, and the moment. */
uint64_t tape_clock_at(const struct tape *t, const struct trace *trace, double seconds);
double tape_seconds_at(const struct tape *t, const struct trace *trace, uint64_t clock);

/* -------------------------------------------------- for tests, and for tape_write.c */

void tape_birth(struct tape *t, uint8_t list, bool direct);
void tape_death(struct tape *t, uint8_t list, uint64_t order);
void tape_put(struct tape *t, enum tape_kind kind, uint64_t value, uint64_t most);
/*
 * The birth that a recorded collection came before goes to where its memory was taken,
 * `at` bytes into the tape.  From there to here the collector is busy: what its callbacks make
 * counts, and starts nothing.
 */
void tape_insert_birth(struct tape *t, uint64_t at, uint8_t list, bool direct);
/* From 3.12 on: a CHECK there, which is where an op ends. */
void tape_insert_check(struct tape *t, uint64_t at);

#endif
