/*
 * chunks.h - the chunks of a file, sorted (part of trace.c)
 *
 * While its process lives, a chunk in use changes under our eyes, and what it
 * held moves to a chunk of its own.  So the chunks in use are copied first and
 * the file is listed after that: whatever left a live chunk before it was
 * copied was appended before the file was listed.
 */
#ifndef CHUNKS_H
#define CHUNKS_H

#include "pack.h"
#include "trace.h"

/* A chunk that may still be written to, as it was when we looked. */
struct chunk_copy {
	uint64_t offset;
	struct ouro_chunk head;
	uint8_t *data;
};

struct trace_memory {
	const uint8_t *bytes;
	uint64_t size;			/* of the trace, unpacked                    */
	uint64_t stored;		/* of `bytes`                                */
	bool mapped;
	struct pack *pack;		/* NULL: the bytes are the trace itself      */
	struct trace_kept {
		struct trace_kept *next;
		struct trace_bytes bytes;
	} *kept;			/* until the trace is closed                 */
	bool *read;			/* by slot, for who packs a file in use; or NULL */
	struct chunk_copy *copy;		/* by offset */
	size_t copies;
	struct trace_chunk *chunk;	/* of all streams */
	struct trace_stream *stream;
};

/* One chunk of the file, while they are being sorted. */
struct chunk_entry {
	struct ouro_chunk head;
	uint64_t offset;
	const uint8_t *data;		/* NULL: packed                              */
	uint32_t used, applied;
	bool cut;
};

struct chunk_list {
	struct chunk_entry *entry;
	size_t count;
};

/* All chunks that can be read, streams together, each by number.  0 or -ENOMEM. */
int chunks_list(struct trace *t, struct chunk_list *ret);
bool chunks_same_stream(const struct chunk_entry *a, const struct chunk_entry *b);

/* Copies those in use; the next list has the copies in their place.  0 or -ENOMEM. */
int chunks_copy(struct trace *t, const struct chunk_list *l);

/* The copy of a chunk, or NULL. */
const struct chunk_copy *chunks_find_copy(const struct trace_memory *m, uint64_t offset);

/* Leaves out streams that began after the copies were made. */
void chunks_drop_newborn(const struct trace_memory *m, struct chunk_list *l);

/* Note a damage at a place in the file (trace.c's). */
void damaged_at(struct trace *t, uint64_t offset, const char *what, ...)
	__attribute__((format(printf, 3, 4)));

#endif
