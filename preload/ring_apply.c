#include "ring_apply.h"

#include "defs.h"
#include "file.h"
#include "living.h"

#include <string.h>

/*
 * Two threads can stamp a FREE and the ALLOC before it in the wrong order, when the
 * block was handed over at once: a FREE of nothing is remembered for as many ticks.
 * As the analyzer does it.
 */
#define EARLY 8
#define EARLY_TICKS 64
static struct {
	uint64_t addr, ticks;
	const struct ring_stream *stream;
} early[EARLY];
static unsigned early_next;

static bool freed_early(const struct ring_stream *s, const struct ring_event *e)
{
	for (unsigned i = 0; i < EARLY; i++) {
		if (early[i].addr != e->addr || early[i].stream == s
		    || e->ticks - early[i].ticks > EARLY_TICKS)
			continue;
		early[i].addr = 0;
		return true;
	}
	return false;
}

void ring_apply_forked(void)
{
	memset(early, 0, sizeof early);
}

static void take_stack(struct ring_stream *s, struct ouro_living *row)
{
	if (!s->reader.event.stack)
		return;
	row->native = ring_path_node(&s->reader.native);
	row->interp = ring_path_node(&s->reader.interp);
}

static bool alloc(struct ring_stream *s, bool pool)
{
	const struct ring_event *e = &s->reader.event;
	struct ouro_living row = { .addr = e->addr, .ticks = e->ticks, .size = e->arg,
		.flags = OURO_LIVING_BLOCK };

	if (!e->addr)
		return true;
	if (freed_early(s, e)) {	/* and what stood there before it is gone, too */
		struct ouro_living *old = living_find(e->addr);

		if (old)
			living_remove(old);
		return true;
	}
	if (pool)
		row.flags |= OURO_LIVING_POOL;
	if (e->kind == OURO_POOL_BIRTH && (e->object - e->addr) / 8 <= UINT16_MAX) {
		row.flags |= OURO_LIVING_OBJECT;
		row.object = (uint16_t)((e->object - e->addr) / 8);
		row.type = e->type;
	}
	take_stack(s, &row);
	return living_put(&row);
}

static void give(struct ring_stream *s)
{
	const struct ring_event *e = &s->reader.event;
	struct ouro_living *row = living_find(e->addr);

	if (row) {
		living_remove(row);
		return;
	}
	early[early_next].addr = e->addr;
	early[early_next].ticks = e->ticks;
	early[early_next].stream = s;
	early_next = (early_next + 1) % EARLY;
}

static void release(struct ring_stream *s)
{
	uint64_t addr = s->reader.event.addr;
	struct ouro_living *row = living_find(addr);

	if (s->pendings == RING_PENDING) {
		memmove(s->pending, s->pending + 1, (RING_PENDING - 1) * sizeof *s->pending);
		memmove(s->released, s->released + 1,
			(RING_PENDING - 1) * sizeof *s->released);
		s->pendings--;
	}
	s->released[s->pendings] = addr;
	s->pending[s->pendings++] = row ? *row : (struct ouro_living){ 0 };
	if (row)
		living_remove(row);
}

/* Moved blocks are who last asked for their size; an object stays who made it. */
static bool place(struct ring_stream *s, bool pool)
{
	const struct ring_event *e = &s->reader.event;
	struct ouro_living row;
	bool known;

	if (!s->pendings)
		return alloc(s, pool);
	row = s->pending[--s->pendings];
	known = row.addr;
	if (!e->addr)
		return true;
	if (e->addr == s->released[s->pendings] && (!e->arg || (known && e->arg == row.size)))
		return !known || living_put(&row);
	if (!known)
		return alloc(s, pool);
	row.addr = e->addr;
	row.size = e->arg;
	if (!(row.flags & OURO_LIVING_OBJECT))
		take_stack(s, &row);
	return living_put(&row);
}

/* Runtimes put some words before an object; the likeliest first. */
static struct ouro_living *row_of(uint64_t object)
{
	static const uint8_t headers[] = { 0, 16, 32, 8, 24, 40, 48, 56, 64 };

	for (size_t i = 0; i < sizeof headers; i++) {
		struct ouro_living *row = living_find(object - headers[i]);

		if (row && (!headers[i] || headers[i] < row->size))
			return row;
	}
	return NULL;
}

/*
 * The row of a block tells of one object: the last that was born there.  Of those that
 * GLib's slices hold there are many in a block, so these have rows of their own.
 */
static bool birth(struct ring_stream *s)
{
	const struct ring_event *e = &s->reader.event;
	struct ouro_living *old = define_is_counted(e->type) ? living_find(e->object)
		: row_of(e->object);
	struct ouro_living row = old && old->flags & OURO_LIVING_BLOCK ? *old
		: (struct ouro_living){ .addr = e->object };

	if (!e->object)
		return true;
	row.ticks = e->ticks;
	row.type = e->type;
	row.flags |= OURO_LIVING_OBJECT;
	row.object = (uint16_t)((e->object - row.addr) / 8);
	row.native = row.interp = 0;
	take_stack(s, &row);
	return living_put(&row);
}

static bool death(struct ring_stream *s)
{
	uint64_t object = s->reader.event.addr;
	struct ouro_living *old = row_of(object), row;

	if (!old || !(old->flags & OURO_LIVING_OBJECT) || old->addr + old->object * 8u != object)
		return true;
	if (!(old->flags & OURO_LIVING_BLOCK)) {
		living_remove(old);
		return true;
	}
	row = *old;
	row.flags &= (uint16_t)~OURO_LIVING_OBJECT;
	row.type = row.object = 0;
	return living_put(&row);
}

bool ring_apply(struct ring_stream *s)
{
	const struct ring_event *e = &s->reader.event;

	switch (e->kind) {
	case OURO_ALLOC:
		return alloc(s, false);
	case OURO_POOL_ALLOC:
	case OURO_POOL_BIRTH:
		return alloc(s, true);
	case OURO_FREE:
	case OURO_POOL_FREE:
		give(s);
		return true;
	case OURO_RELEASE:
	case OURO_POOL_RELEASE:
		release(s);
		return true;
	case OURO_PLACE:
		return place(s, false);
	case OURO_POOL_PLACE:
		return place(s, true);
	case OURO_BIRTH:
		return birth(s);
	case OURO_DEATH:
		death(s);
		return true;
	case OURO_EXT:
		if (e->ext == OURO_EXT_READY)
			file->ring_ready = e->ticks ? e->ticks : 1;
		return true;
	default:
		return true;
	}
}
