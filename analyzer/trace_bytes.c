/*
 * trace_bytes.c - what chunks consist of, wherever that lies
 */
#include "chunks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t number_of(const struct trace *t, uint64_t offset)
{
	return (offset - t->head.header_size) / t->head.chunk_size;
}

int trace_hold(struct trace *t, const struct trace_chunk *c, struct trace_bytes *ret)
{
	uint8_t *bytes;
	int r;

	*ret = (struct trace_bytes){ .data = c->in_place, .used = c->used };
	if (c->in_place)
		return 0;
	bytes = malloc(t->head.chunk_size);
	if (!bytes)
		return -ENOMEM;
	r = pack_read_chunk(t->memory->pack, number_of(t, c->offset), bytes);
	if (r == -ENOMEM) {
		free(bytes);
		return r;
	}
	if (r) {
		trace_damaged(t, c, "it cannot be unpacked");
		ret->used = 0;
	}
	ret->unpacked = bytes;
	ret->data = bytes + sizeof(struct ouro_chunk);
	return 0;
}

void trace_let_go(struct trace_bytes *b)
{
	free(b->unpacked);
	*b = (struct trace_bytes){ 0 };
}

int trace_keep(struct trace *t, const struct trace_chunk *c, struct trace_bytes *ret)
{
	struct trace_kept *k = malloc(sizeof(*k));
	int r = k ? trace_hold(t, c, &k->bytes) : -ENOMEM;

	if (r) {
		free(k);
		return r;
	}
	k->next = t->memory->kept;
	t->memory->kept = k;
	*ret = k->bytes;
	ret->unpacked = NULL;
	return 0;
}

/* --- whole slots, for who packs ----------------------------------------------------- */

uint64_t trace_slots(const struct trace *t)
{
	uint64_t size = t->memory->size, from = t->head.header_size;

	return size <= from ? 0 : (size - from + t->head.chunk_size - 1) / t->head.chunk_size;
}

static void mark(struct trace *t, const struct trace_stream *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		t->memory->read[number_of(t, s->chunk[i].offset)] = true;
}

/* Which slots have a chunk that was there when the trace was opened. */
static int mark_all(struct trace *t)
{
	t->memory->read = calloc(trace_slots(t) + 1, sizeof(*t->memory->read));
	if (!t->memory->read)
		return -ENOMEM;
	mark(t, &t->defs);
	mark(t, &t->living);
	mark(t, &t->nodes);
	for (uint32_t i = 0; i < t->events; i++)
		mark(t, &t->event[i]);
	for (uint32_t i = 0; i < t->snapshots; i++)
		mark(t, &t->snapshot[i]);
	return 0;
}

static void copy_slot(const struct chunk_copy *copy, uint8_t *ret, size_t size)
{
	size_t room = size - sizeof(copy->head);

	memcpy(ret, &copy->head, sizeof(copy->head));
	memset(ret + sizeof(copy->head), 0, room);
	memcpy(ret + sizeof(copy->head), copy->data,
		copy->head.used < room ? copy->head.used : room);
}

int64_t trace_slot(struct trace *t, uint64_t number, uint8_t *ret)
{
	struct trace_memory *m = t->memory;
	uint64_t offset = t->head.header_size + number * t->head.chunk_size;
	uint64_t left = m->size - offset;
	size_t size = left < t->head.chunk_size ? left : t->head.chunk_size;
	const struct chunk_copy *copy = chunks_find_copy(m, offset);
	int r;

	if (m->pack) {
		r = pack_read_chunk(m->pack, number, ret);
		return r ? r : (int64_t)size;
	}
	if ((t->running || t->snapping) && !m->read && mark_all(t))
		return -ENOMEM;
	if (copy)
		copy_slot(copy, ret, size);
	else if (m->read && !m->read[number])
		memset(ret, 0, size);
	else
		memcpy(ret, m->bytes + offset, size);
	return (int64_t)size;
}

int trace_header(struct trace *t, uint8_t *ret)
{
	const struct trace_memory *m = t->memory;
	uint32_t size = m->size < t->head.header_size ? (uint32_t)m->size : t->head.header_size;
	int r = m->pack ? pack_read_header(m->pack, ret) : 0;

	if (r)
		return r;
	if (!m->pack)
		memcpy(ret, m->bytes, size);
	memcpy(ret, &t->head, sizeof(t->head));
	return (int)size;
}

int trace_section(struct trace *t, const char *tag, uint8_t **ret, size_t *ret_size)
{
	return t->memory->pack ? pack_read_section(t->memory->pack, tag, ret, ret_size) : -ENOENT;
}
