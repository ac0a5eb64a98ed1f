/*
 * merge.h - the events of all streams, by time, read ahead
 *
 * Within a stream the order is the writer's; between streams it is that of ticks, and at the
 * same tick what dies goes before what is born.
 *
 * A long trace is read by a second thread, some batches ahead of who asks.  It alone adds to the
 * tree of stacks then:
 *
 *                    written by    read by              ordered by
 *   batch            reader        who asks             lock; one of both has it
 *   stacks.node      reader        who asks: below the  the lock that handed over the batch
 *                                  count he was told
 *   the trace        nobody        both
 *   damages          reader: in a copy, told with the batch after which they were met
 *
 * What comes out does not depend on whether there is such a thread: the batches are the same.
 */
#ifndef MERGE_H
#define MERGE_H

#include "decode.h"

#include <pthread.h>

enum {
	MERGE_BATCH   = 1024,		/* events                                    */
	MERGE_EXTS    = 128,		/* of them, how many may be EXTs             */
	MERGE_BATCHES = 6,		/* read ahead at most                        */
};

struct merge_batch {
	struct event event[MERGE_BATCH];
	uint64_t ext_arg[MERGE_EXTS][EXT_ARGS];
	uint32_t events, exts;
	int more;			/* 1; 0: it is the last one; -ENOMEM         */
	uint32_t damages;		/* so many were met before it                */
	struct stack_node *node;	/* the stacks as they are after it           */
	uint32_t nodes, rooms;
	struct stack_retired *retired;	/* node arrays that nobody needs after it was taken */
};

struct merge {
	const struct event *at, *end;	/* of the batch in use: what comes next      */
	struct trace *trace;
	struct stacks *stacks;		/* the caller's: he sees what he was told    */
	bool references;		/* set before the first event: those with references want stacks */

	/* merge.c's, and the reader's once it runs. */
	bool begun;
	struct trace *quiet;		/* a copy: its damages are told batch by batch */
	struct stacks tree;		/* the stacks, while this goes on            */
	struct merge_head *head;	/* streams not at their end                  */
	struct cursor *cursor;
	struct event *event;		/* of each cursor: the one that is next      */
	uint32_t heads, cursors;
	struct merge_stack *known;	/* of each cursor: the stack merged last     */
	bool taken;			/* the first head was handed out             */
	int failed;

	struct merge_batch *batch;	/* a ring of MERGE_BATCHES, or one           */
	uint32_t room;
	uint64_t filled, used;		/* how many were; the lock's                 */
	uint32_t told;			/* damages                                   */
	bool last;			/* the batch in use is the last one          */
	bool ahead, stop;		/* there is a thread; it shall end           */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

/* For tests: 1 reads ahead however short the trace is, -1 never; 0 as it is worth it. */
extern int merge_ahead;
/* ... and how many events go into a batch, up to MERGE_BATCH. */
extern uint32_t merge_batch_events;

int merge_init(struct merge *m, struct trace *t, struct stacks *s);	/* 0 or -ENOMEM */
/* Of zeroes too.  The stacks are whole again, and their owner's. */
void merge_fini(struct merge *m);

/* merge.c's: the next batch is in use. */
int merge_turn(struct merge *m);

/*
 * 1 and a pointer that is good until the next call; 0 at the end; -ENOMEM.  After the first
 * call nobody else may add stacks.
 */
static inline int merge_next(struct merge *m, const struct event **ret)
{
	while (m->at == m->end) {
		int r = merge_turn(m);

		if (r <= 0)
			return r;
	}
	*ret = m->at++;
	return 1;
}

/* One that will come soon, when it is there already; NULL. */
static inline const struct event *merge_peek(const struct merge *m, unsigned far)
{
	return m->at + far < m->end ? m->at + far : NULL;
}

#endif
