/*
 * trace.h - open a trace file, check it, find its chunks
 *
 * The file may still be written to, may have been cut off anywhere by the end
 * of its writer, and may come from a stranger: nothing in it is believed
 * before it was checked.  What stands before a damage is used, and every
 * damage is noted as one line; a file is refused only when its header says
 * nothing.  Chunks their writer may still use are copied when the trace is
 * opened, so what is read is one moment and stays the same.
 */
#ifndef TRACE_H
#define TRACE_H

#include <ouro/trace.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One chunk, checked; its bytes are had by trace_hold(). */
struct trace_chunk {
	const uint8_t *in_place;	/* trace.c's: what follows its head; NULL: packed */
	uint64_t offset;		/* of the head, in the file                  */
	uint64_t seq, ticks, ns;
	uint32_t used;
	uint32_t applied;		/* so many of them are in the living already */
	uint32_t thread;
	uint32_t lost;
	bool cut;			/* the file ends before `used` does          */
};

/* The chunks of one stream, by seq; one seq at most once. */
struct trace_stream {
	uint32_t number;
	uint32_t count;
	struct trace_chunk *chunk;
	uint64_t missing;		/* chunks that should be here and are not    */
};

/* Something that is wrong with the file, in words: "chunk 12 (byte 790592): ...". */
struct trace_damage {
	char text[200];
};

#define TRACE_DAMAGE_MAX 64		/* more are counted, not kept                */

struct trace {
	char *name;			/* as given to trace_open                    */
	struct ouro_file head;		/* a copy                                    */
	bool running;			/* its process lives; packed: lived then     */
	bool snapping;			/* a child still writes the newest snapshot  */
	bool killed;			/* state RUNNING, and the process is gone    */
	bool truncated;			/* killed, or something is missing or damaged */
	bool packed;			/* by `ouro pack`: offsets and sizes are those before */
	uint64_t size;			/* of the file, when it was opened           */
	uint64_t stored;		/* ... what it takes on disk: less when packed */
	uint64_t lost;			/* records the writer could not write        */

	struct trace_stream defs;	/* stream 0                                  */
	struct trace_stream *event;	/* by number; those without chunks are not here */
	struct trace_stream *snapshot;	/* the same                                  */
	uint32_t events, snapshots;	/* how many of each                          */
	struct trace_stream living, nodes;	/* of a ring: see ouro/living.h      */

	uint32_t damages;		/* how many; the first of them are kept      */
	struct trace_damage damage[TRACE_DAMAGE_MAX];

	struct trace_clock *clock;	/* trace.c's                                 */
	struct trace_memory *memory;	/* trace.c's: the mapping and the copies     */
};

/*
 * 0 or -errno: -ENOENT and the like from the system, -ENODATA when it is not
 * a trace or has no header yet, -EPROTONOSUPPORT for another format.  `error`
 * (may be NULL) then has one line for the user without the file's name.
 */
int trace_open(struct trace *t, const char *path, char error[200]);

/* The same for bytes in memory, which stay the caller's and must outlive the trace. */
int trace_open_memory(struct trace *t, const void *bytes, size_t size, char error[200]);

void trace_close(struct trace *t);	/* any half-open trace, and one of zeroes    */

/* What a chunk has behind its head, `used` bytes of it. */
struct trace_bytes {
	const uint8_t *data;
	uint32_t used;			/* the chunk's; 0: it could not be unpacked  */
	uint8_t *unpacked;		/* trace.c's; NULL: as it lies in the file   */
};

/*
 * Until trace_let_go the bytes stay where they are.  In a packed trace that takes memory for a
 * chunk: hold few.  0 or -ENOMEM; a chunk that cannot be unpacked is noted.
 * Texts out of it that live as long as the trace want trace_keep instead.
 */
int trace_hold(struct trace *t, const struct trace_chunk *c, struct trace_bytes *ret);
void trace_let_go(struct trace_bytes *b);	/* zeroes are fine */
int trace_keep(struct trace *t, const struct trace_chunk *c, struct trace_bytes *ret);

/*
 * For who packs: a slot of the file, from the head of its chunk on, as it was when the
 * trace was opened; what nobody had written by then is zeroes.  How many bytes; -ENOMEM.
 */
int64_t trace_slot(struct trace *t, uint64_t number, uint8_t *ret);
uint64_t trace_slots(const struct trace *t);
int trace_header(struct trace *t, uint8_t *ret);	/* bytes of it, or -ENOMEM   */

/* Of a packed trace, as pack_read_section; -ENOENT for others. */
int trace_section(struct trace *t, const char *tag, uint8_t **ret, size_t *ret_size);

/* Nanoseconds of CLOCK_MONOTONIC; and since the trace began. */
uint64_t trace_ns(const struct trace *t, uint64_t ticks);
uint64_t trace_elapsed(const struct trace *t, uint64_t ticks);

/* Note a damage at a chunk; `what` in printf's way. */
void trace_damaged(struct trace *t, const struct trace_chunk *at, const char *what, ...)
	__attribute__((format(printf, 3, 4)));

/* Note one again that was noted in a copy of the trace. */
void trace_damage_again(struct trace *t, const struct trace *copy, uint32_t i);

#endif
