/*
 * decode.h - records as they happened
 *
 * A cursor walks one stream, in the order in which it was written (merge.h: all of them).
 */
#ifndef DECODE_H
#define DECODE_H

#include "stacks.h"

#include <ouro/record.h>

enum { EXT_ARGS = 16 };

struct event {
	uint64_t ticks;
	uint64_t addr;
	uint64_t arg;
	uint64_t object;		/* POOL_BIRTH: the object's address          */
	uint32_t type;			/* POOL_BIRTH, BIRTH: as by type_same()      */
	uint32_t stream;		/* index in trace.event                      */
	uint32_t thread;		/* number; 0: not known                      */
	stack_id native, interp;	/* lists as they stand                       */
	stack_id stack;			/* a merge's: both in one; 0: it has none, or nobody asks */
	uint8_t kind;			/* enum ouro_kind                            */
	uint8_t form;			/* enum ouro_stack_form; NONE: it has no stack */
	uint8_t ext;			/* EXT: enum ouro_ext                        */
	uint8_t next;			/* EXT: how many of ext_arg are there        */
	const uint64_t *ext_arg;	/* EXT: the first EXT_ARGS, 0 where there are no more; */
					/* good as long as the event is              */
	uint64_t offset;		/* of the record, in the file                */
	uint64_t lost;			/* records missing just before this one      */
};

struct cursor {
	struct trace *trace;
	struct stacks *stacks;		/* NULL: stacks are stepped over             */
	const struct trace_stream *stream;
	uint32_t index;			/* of the stream in trace.event              */
	uint32_t chunk;			/* being read                                */
	struct trace_bytes bytes;	/* of that chunk                             */
	const uint8_t *start, *p, *end;
	uint64_t ticks, addr;		/* of the record before                      */
	uint64_t lost;			/* since the record before                   */
	uint32_t thread;
	uint64_t ext_arg[EXT_ARGS];	/* of the last EXT                           */
	struct event change[2];		/* the last INCREFs or DECREFs of the chunk; the older one is */
	unsigned older;			/* ... change[older]; of kind 0: there is none */
	uint64_t repeats;		/* so many times they are still to be told, in turn */
	struct ouro_recent recent;
	uint64_t hash, checked, wrong;	/* EXT_STACK: promised to the next stack; verdicts */
	bool hashed;			/* a promise stands                          */
	struct cursor_path {		/* the two lists, outermost first            */
		stack_id *at;		/* at[i]: the stack of the first i frames    */
		uint32_t *location;	/* of frame i, counted from 1, as written    */
		uint32_t depth, room;
	} path[2];
};

int cursor_init(struct cursor *c, struct trace *t, uint32_t index, struct stacks *s);
void cursor_fini(struct cursor *c);

/*
 * 1: an event; 0: the stream is at its end; -ENOMEM.  A chunk that makes no
 * sense is noted in the trace and left; reading goes on with the next one.
 */
int cursor_next(struct cursor *c, struct event *ret);

/* The time of a stream's last event; of its last chunk, when that makes no sense.  0 or -ENOMEM. */
int cursor_last_ticks(struct trace *t, uint32_t index, uint64_t *ret);

#endif
