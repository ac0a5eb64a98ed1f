/*
 * chunks.c - find the chunks of a file, and keep what its writer may change
 */
#include "chunks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- the list ---------------------------------------------------------------------- */

const struct chunk_copy *chunks_find_copy(const struct trace_memory *m, uint64_t offset)
{
	size_t low = 0, high = m->copies;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->copy[mid].offset < offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low < m->copies && m->copy[low].offset == offset ? &m->copy[low] : NULL;
}

static bool is_zero(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	while (n && !*p)
		p++, n--;
	return !n;
}

/* Steps are numbers that only grow, and may wrap around. */
static uint32_t applied(const struct ouro_chunk *c, uint32_t step)
{
	bool whole = (int32_t)(step - c->applied[0].step) >= 0;

	return c->applied[!whole].bytes;
}

/* Of the last chunk maybe not all of it: `left` bytes of the file are. */
static const void *head_at(const struct trace *t, uint64_t offset)
{
	const struct trace_memory *m = t->memory;

	return m->pack ? pack_head(m->pack,
		(offset - t->head.header_size) / t->head.chunk_size)
		: (const void *)(m->bytes + offset);
}

/* False: there is no chunk here that could be read. */
static bool read_entry(struct trace *t, uint64_t offset, struct chunk_entry *e)
{
	const struct trace_memory *m = t->memory;
	const void *head = head_at(t, offset);
	const uint32_t room = t->head.chunk_size - sizeof(struct ouro_chunk);
	const struct chunk_copy *copy = chunks_find_copy(m, offset);
	uint64_t left = m->size - offset;

	if (left < sizeof(e->head)) {
		if (!is_zero(head, left))
			damaged_at(t, offset, "the file ends inside its head");
		return false;
	}
	*e = (struct chunk_entry){ .offset = offset };
	memcpy(&e->head, copy ? &copy->head : head, sizeof(e->head));
	e->data = copy ? copy->data : m->pack ? NULL : (const uint8_t *)head + sizeof(e->head);
	if (!e->head.magic)
		return false;
	if (e->head.magic != OURO_CHUNK_MAGIC) {
		damaged_at(t, offset, "this is no chunk: it begins with %08" PRIx32,
			e->head.magic);
		return false;
	}
	if (e->head.kind < OURO_CHUNK_EVENTS || e->head.kind > OURO_CHUNK_STACKS) {
		damaged_at(t, offset, "kind %u of chunk is unknown", e->head.kind);
		return false;
	}
	e->used = e->head.used;
	if (e->head.kind == OURO_CHUNK_EVENTS && t->head.flags & OURO_FILE_RING)
		e->applied = applied(&e->head, t->head.ring_step);
	if (e->head.kind >= OURO_CHUNK_LIVING)
		e->head.stream = 0;
	if (e->head.kind == OURO_CHUNK_DEFS) {	/* they say themselves where they end */
		e->used = room;
		e->head.stream = 0;
	} else if (e->used > room) {
		damaged_at(t, offset, "says that it uses %" PRIu32 " bytes of %" PRIu32,
			e->used, room);
		e->used = room;
	}
	if (!copy && e->used > left - sizeof(e->head)) {
		e->cut = e->head.kind != OURO_CHUNK_DEFS;
		e->used = (uint32_t)(left - sizeof(e->head));
		if (e->cut)
			damaged_at(t, offset,
				"the file ends after %" PRIu32 " of its %" PRIu32
				" bytes",
				e->used, e->head.used);
	}
	return true;
}

/* What is read first of a stream comes first; of chunks with one number the fuller. */
static int by_place(const void *a, const void *b)
{
	const struct chunk_entry *p = a, *q = b;

	if (p->head.kind != q->head.kind)
		return p->head.kind < q->head.kind ? -1 : 1;
	if (p->head.stream != q->head.stream)
		return p->head.stream < q->head.stream ? -1 : 1;
	if (p->head.seq != q->head.seq)
		return p->head.seq < q->head.seq ? -1 : 1;
	if (p->used != q->used)
		return p->used > q->used ? -1 : 1;
	return p->offset < q->offset ? -1 : p->offset > q->offset;
}

bool chunks_same_stream(const struct chunk_entry *a, const struct chunk_entry *b)
{
	return a->head.kind == b->head.kind && a->head.stream == b->head.stream;
}

int chunks_list(struct trace *t, struct chunk_list *l)
{
	const struct trace_memory *m = t->memory;
	uint64_t room, offset;

	l->count = 0;
	l->entry = NULL;
	if (m->size <= t->head.header_size)
		return 0;
	room = (m->size - t->head.header_size) / t->head.chunk_size + 1;
	l->entry = calloc(room, sizeof(*l->entry));
	if (!l->entry)
		return -ENOMEM;
	for (offset = t->head.header_size; offset < m->size; offset += t->head.chunk_size)
		if (read_entry(t, offset, &l->entry[l->count]))
			l->count++;
	qsort(l->entry, l->count, sizeof(*l->entry), by_place);
	return 0;
}

/* --- chunks in use ----------------------------------------------------------------- */

/*
 * The writer empties a chunk, gives it its next number, then fills it; so a
 * copy is whole when the number is the same before and after.
 */
static int copy_chunk(struct trace_memory *m, uint32_t room, uint64_t offset)
{
	const struct ouro_chunk *live = (const void *)(m->bytes + offset);
	struct chunk_copy *c = &m->copy[m->copies];

	if (m->size - offset < sizeof(*live) + room)
		return 0;		/* not handed out in full: nobody writes here */
	c->offset = offset;
	c->data = malloc(room);
	if (!c->data)
		return -ENOMEM;
	m->copies++;
	for (int tries = 0; tries < 1000; tries++) {
		uint64_t seq = __atomic_load_n(&live->seq, __ATOMIC_ACQUIRE);
		uint32_t used = __atomic_load_n(&live->used, __ATOMIC_ACQUIRE);

		memcpy(&c->head, live, sizeof(c->head));
		c->head.used = used;
		memcpy(c->data, live + 1, used < room ? used : room);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&live->seq, __ATOMIC_RELAXED) == seq &&
		    c->head.seq == seq &&
		    __atomic_load_n(&live->used, __ATOMIC_RELAXED) >= used)
			return 0;
	}
	c->head.used = 0; /* a writer that laps us a thousand times: take none of it */
	return 0;
}

static int copy_by_offset(const void *a, const void *b)
{
	const struct chunk_copy *p = a, *q = b;

	return p->offset < q->offset ? -1 : p->offset > q->offset;
}

/* All chunks with the highest number of their stream; in a ring any may be used again. */
int chunks_copy(struct trace *t, const struct chunk_list *l)
{
	struct trace_memory *m = t->memory;
	const uint32_t room = t->head.chunk_size - sizeof(struct ouro_chunk);
	const bool ring = t->head.flags & OURO_FILE_RING;
	int r;

	m->copy = calloc(l->count + 1, sizeof(*m->copy));
	if (!m->copy)
		return -ENOMEM;
	for (size_t i = l->count; i-- > 0; ) {
		const struct chunk_entry *e = &l->entry[i];
		bool last = ring || i + 1 == l->count || !chunks_same_stream(e, e + 1) ||
			(e->head.seq == e[1].head.seq && chunks_find_copy(m, e[1].offset));

		if (e->head.kind == OURO_CHUNK_DEFS || !last)
			continue;
		r = copy_chunk(m, room, e->offset);
		if (r < 0)
			return r;
		if (!ring)		/* there, nobody asks before all are copied */
			qsort(m->copy, m->copies, sizeof(*m->copy), copy_by_offset);
	}
	if (m->copies)
		qsort(m->copy, m->copies, sizeof(*m->copy), copy_by_offset);
	return 0;
}

/* A stream that was not there when the chunks in use were copied: born since. */
static bool was_copied(const struct trace_memory *m, const struct chunk_entry *e)
{
	for (size_t i = 0; i < m->copies; i++)
		if (m->copy[i].head.kind == e->head.kind &&
		    m->copy[i].head.stream == e->head.stream)
			return true;
	return false;
}

void chunks_drop_newborn(const struct trace_memory *m, struct chunk_list *l)
{
	size_t n = 0;
	bool keep = false;

	for (size_t i = 0; i < l->count; i++) {
		struct chunk_entry *e = &l->entry[i];

		if (!i || !chunks_same_stream(e, &l->entry[n ? n - 1 : 0]) || !keep)
			keep = e->head.kind == OURO_CHUNK_DEFS ||
				e->head.kind >= OURO_CHUNK_LIVING || was_copied(m, e);
		if (keep)
			l->entry[n++] = *e;
	}
	l->count = n;
}
