/*
 * tape_writer.h - what stands behind a tape while it is written
 *
 * tape_write.c takes the events, tape_checks.c finds where the evaluator looked, and
 * tape_pieces.c puts together what collections freed.
 */
#ifndef OURO_TAPE_WRITER_H
#define OURO_TAPE_WRITER_H

#include "generations.h"
#include "tape.h"

enum {
	TAKERS = 1 << 12,
	GONE = 4,			/* objects of one block                      */
	ALLOCATED = 64,			/* remembered: callbacks of the collector may make some */
	PLACE_BITS = 12,
};

/* One that died in the collection that runs. */
struct dying {
	uint64_t order, bytes;
	site_id site;
	uint16_t place;
	uint8_t list, thread;
	uint32_t end;			/* number of the last to die of its piece    */
};

/* An object of the replay, by its row. */
struct known {
	uint64_t order : 40;		/* clock at its birth                        */
	uint64_t thread : 6;		/* ... and who made it, of 64                */
	uint64_t place : PLACE_BITS;	/* where it was made, a hash                 */
	uint64_t list : 5;
	uint64_t counted : 1;		/* the collector knows it                    */
};

struct tape_writer {
	const struct replay_observer *next;	/* ... and its argument              */
	void *next_arg;
	struct replay_observer observer;
	struct known *known;
	uint32_t known_room;
	uint32_t born;			/* row, by the event that is being applied   */
	uint8_t died;			/* kind of what died by it                   */
	uint64_t gone[GONE];		/* clock at the birth of what died by count, by it */
	uint8_t gone_list[GONE];
	uint32_t ngone;
	uint8_t *kind_of;		/* by type: 0 not asked; + 1                 */

	uint64_t kept[KINDS];		/* recorded: in each list, now               */
	struct tape_taker {		/* innermost frames that take memory of a kind */
		uint64_t key;
		uint32_t past, empty;	/* ... anew: so often with some on its list, with none */
	} taker[TAKERS];

	struct generations heap;	/* what is in each, without any garbage      */

	/* The collection that runs. */
	bool running, ended;		/* ended: the end's own was seen, too        */
	uint32_t stream;
	uint64_t began;			/* clock                                     */
	struct tape_sizes sizes;	/* ... and what was there                    */
	bool aged;			/* the heap has it already                   */
	struct dying *dying;
	uint32_t dyings, dying_room;
	uint64_t carried;		/* bytes of blocks that go before their object does */
	uint64_t last_death;		/* number of the event of it                 */

	/* Where recorded collections were. */
	struct past {
		uint64_t *clock;
		uint32_t n, room;
	} any, middle_too;		/* those of generation 1 and 2               */
	uint64_t last_full;		/* of generation 2                           */
	uint64_t young, middle, thawed;	/* where generations 0, 1, 2 begin           */

	/* To 3.11: what is allocated when a collection begins is born after it. */
	struct tape_allocated {
		uint64_t addr, at, clock;	/* at: where on the tape             */
		stack_id native;
	} (*allocated)[ALLOCATED];	/* the last ones, by stream                  */
	uint32_t nallocated;
	bool unborn;			/* a collection ran; what it was in was not born yet */

	/* From 3.12 on. */
	bool checks, check_told;
	struct tape_place {
		stack_id native, interp;
		uint64_t born;		/* where on the tape its last birth ends; 0: no birth since */
	} *place;			/* by stream                                 */
	bool enabled;

	uint64_t live, most, next_bytes, next_moment;
};

void tape_writer_free(struct tape_writer *w);

/* From 3.12 on, for an event that has a stack: may a collection have begun before it? */
void tape_look_for_check(struct tape *t, const struct replay *r, const struct event *e);

/* An object died in the collection that runs. */
void tape_piece_died(struct tape *t, const struct replay *r, const struct object *o,
		     const struct known *k);

/* The collection ended: what it freed are pieces of waste. */
void tape_pieces_end(struct tape *t, unsigned generation);
void tape_pieces_past(struct tape *t, unsigned generation);	/* ... and was of this generation */

#endif
