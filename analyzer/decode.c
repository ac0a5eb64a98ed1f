/*
 * decode.c - bytes to events
 */
#include "decode.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Head and fixed fields, when every field is as long as it can be. */
#define FIXED_MAX (2 + 3 * 8)

enum {
	NATIVE = 0, INTERP = 1,		/* rows of cursor.path */
};

int cursor_init(struct cursor *c, struct trace *t, uint32_t index, struct stacks *s)
{
	*c = (struct cursor){ .trace = t, .stacks = s, .stream = &t->event[index],
		.index = index };
	for (int i = 0; i < 2; i++) {
		c->path[i].room = 64;
		c->path[i].at = calloc(c->path[i].room, sizeof(*c->path[i].at));
		c->path[i].location =
			calloc(c->path[i].room, sizeof(*c->path[i].location));
		if (!c->path[i].at || !c->path[i].location) {
			cursor_fini(c);
			return -ENOMEM;
		}
	}
	return 0;
}

void cursor_fini(struct cursor *c)
{
	for (int i = 0; i < 2; i++) {
		free(c->path[i].at);
		free(c->path[i].location);
	}
	trace_let_go(&c->bytes);
	*c = (struct cursor){ 0 };
}

static const struct trace_chunk *chunk_of(const struct cursor *c)
{
	return &c->stream->chunk[c->chunk];
}

/* Everything starts over with a chunk.  1, 0: there is none, -ENOMEM. */
static int enter_chunk(struct cursor *c)
{
	const struct trace_chunk *k;
	int r;

	trace_let_go(&c->bytes);
	if (c->chunk >= c->stream->count)
		return 0;
	k = chunk_of(c);
	r = trace_hold(c->trace, k, &c->bytes);
	if (r)
		return r;
	c->start = c->p = c->bytes.data;
	c->end = c->start + c->bytes.used;
	if (k->applied == k->used)
		c->p = c->end;
	c->ticks = k->ticks;
	c->addr = 0;
	c->thread = k->thread;
	c->lost += k->lost;
	c->path[NATIVE].depth = c->path[INTERP].depth = 0;
	c->hashed &= !k->lost;
	c->change[0].kind = c->change[1].kind = 0;
	memset(&c->recent, 0, sizeof(c->recent));
	return 1;
}

static uint32_t position(const struct cursor *c)
{
	return (uint32_t)(c->p - c->start);
}

/* The rest of the chunk is given up. */
static int give_up(struct cursor *c, const char *what, uint64_t value)
{
	/* A record that the end of the file cuts was to be expected. */
	if (!chunk_of(c)->cut)
		trace_damaged(c->trace, chunk_of(c),
			"record at byte %" PRIu32 ": %s (%" PRIu64 ")", position(c), what,
			value);
	c->p = c->end;
	return 0;
}

static inline uint64_t field(const uint8_t *p, unsigned code)
{
	static const uint64_t mask[8] = { 0, 0xff, 0xffff, 0xffffff, 0xffffffff,
		0xffffffffff, 0xffffffffffff, UINT64_MAX };
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v & mask[code];
}

/* A nibble of a stack delta, and what exceeds it. */
static const uint8_t *nibble(
	const uint8_t *p, const uint8_t *end, unsigned v, uint64_t *ret)
{
	*ret = v;
	if (v < 15)
		return p;
	p = ouro_get_varint(p, end, ret);
	if (p && *ret > UINT32_MAX)
		return NULL;
	*ret += 15;
	return p;
}

static int path_room(struct cursor_path *path, uint64_t depth)
{
	uint32_t room = path->room;
	uint32_t *location;
	stack_id *p;

	if (depth < room)
		return 0;
	while (room <= depth)
		room *= 2;
	p = realloc(path->at, room * sizeof(*p));
	if (!p)
		return -ENOMEM;
	path->at = p;
	location = realloc(path->location, room * sizeof(*location));
	if (!location)
		return -ENOMEM;
	path->location = location;
	path->room = room;
	return 0;
}

/* Applies one delta; *p moves behind it.  1, 0: it makes no sense, -ENOMEM. */
static int delta(struct cursor *c, struct cursor_path *path, const uint8_t **p)
{
	const uint8_t *q = *p;
	uint64_t pop, push;
	uint32_t location;
	uint8_t b;

	if (q == c->end)
		return 0;
	b = *q++;
	q = nibble(q, c->end, b >> 4, &pop);
	if (q)
		q = nibble(q, c->end, b & 15, &push);
	if (!q || push > (uint64_t)(c->end - q) || pop > path->depth)
		return 0;
	path->depth -= (uint32_t)pop;
	if (path_room(path, path->depth + push))
		return -ENOMEM;
	for (; push; push--) {
		q = ouro_get_location(q, c->end, &c->recent, &location);
		if (!q)
			return 0;
		path->depth++;
		path->at[path->depth] = STACK_EMPTY;
		path->location[path->depth] = location;
		if (!c->stacks)
			continue;
		path->at[path->depth] = stacks_push(c->stacks, path->at[path->depth - 1],
			location);
		if (!path->at[path->depth])
			return -ENOMEM;
	}
	*p = q;
	return 1;
}

static int read_stack(struct cursor *c, unsigned form, const uint8_t **p)
{
	int r = 1;

	if (form >= OURO_STACK_NATIVE)
		r = delta(c, &c->path[NATIVE], p);
	if (r > 0 && form == OURO_STACK_BOTH)
		r = delta(c, &c->path[INTERP], p);
	return r;
}

/* What ouro_hash() makes of both lists. */
static uint64_t hash_of(const struct cursor *c)
{
	const struct cursor_path *native = &c->path[NATIVE], *interp = &c->path[INTERP];
	uint64_t h = 0, n = 0;

	for (uint32_t i = 1; i <= native->depth; i++) {
		const struct def_location *l =
			def_location(c->stacks->defs, native->location[i]);

		h = ouro_hash(h, l->kind == LOCATION_MARK ? native->location[i] :
			l->kind == LOCATION_NATIVE ? l->native.address : 0);
		n += l->kind != LOCATION_MARK;
	}
	h = ouro_hash(h, n);
	for (uint32_t i = 1; i <= interp->depth; i++)
		h = ouro_hash(h, interp->location[i]);
	return h;
}

/* The stack that was just read against the hash that was written before it. */
static void check_hash(struct cursor *c)
{
	c->hashed = false;
	if (!c->stacks)
		return;
	c->checked++;
	c->wrong += hash_of(c) != c->hash;
}

/* Where the object is, and its type.  What has no room for that is a POOL_ALLOC. */
static const uint8_t *birth_tail(
	const struct cursor *c, const uint8_t *p, struct event *e)
{
	uint64_t offset = 0, type = 0;
	const uint8_t *q = ouro_get_varint(p, c->end, &offset);

	if (q)
		q = ouro_get_varint(q, c->end, &type);
	if (!q) {
		e->kind = OURO_POOL_ALLOC;
		return c->end;
	}
	e->object = e->addr + offset * 8;
	e->type = type <= UINT32_MAX && c->stacks
		? type_same(c->stacks->defs, (uint32_t)type)
		: (uint32_t)type;
	return q;
}

/* NULL: it makes no sense. */
static const uint8_t *ext_tail(struct cursor *c, const uint8_t *p, struct event *e)
{
	const uint8_t *end;
	uint64_t kind, v;

	if (e->arg > (uint64_t)(c->end - p))
		return NULL;
	end = p + e->arg;
	p = ouro_get_varint(p, end, &kind);
	if (!p)
		return NULL;
	e->ext = kind <= UINT8_MAX ? (uint8_t)kind : UINT8_MAX;
	e->next = 0;
	memset(c->ext_arg, 0, sizeof(c->ext_arg));
	e->ext_arg = c->ext_arg;
	while (p < end) {
		p = ouro_get_varint(p, end, &v);
		if (!p)
			return NULL;
		if (e->next < EXT_ARGS)
			c->ext_arg[e->next++] = v;
	}
	if (e->ext == OURO_EXT_THREAD)
		c->thread = (uint32_t)c->ext_arg[0];
	if (e->ext == OURO_EXT_STACK) {
		c->hash = c->ext_arg[0];
		c->hashed = true;
	}
	return end;
}

/* 1: an event; 0: the rest of the chunk was given up; -ENOMEM. */
static int read_record(struct cursor *c, struct event *e)
{
	uint8_t tail[FIXED_MAX + 8];
	const uint8_t *p = c->p, *fixed = p;
	size_t left = (size_t)(c->end - p);
	unsigned head, dt, addr, arg, form, size;
	uint64_t ticks;
	int r;

	if (left < sizeof(tail)) { /* so that a field can always be read as 8 bytes */
		memset(tail, 0, sizeof(tail));
		memcpy(tail, p, left);
		fixed = tail;
	}
	head = fixed[0] | (unsigned)fixed[1] << 8;
	dt = head >> 5 & 7;
	addr = head >> 8 & 7;
	arg = head >> 11 & 7;
	form = head >> 14;
	size = 2 + ouro_code_bytes(dt) + ouro_code_bytes(addr) + ouro_code_bytes(arg);
	if (size > left)
		return give_up(c, "it is longer than what is left of the chunk", left);
	e->kind = head & 31;
	if (!e->kind || (e->kind > OURO_REPEAT && e->kind != OURO_EXT))
		return give_up(c, "its kind is unknown", e->kind);

	fixed += 2;
	if (__builtin_add_overflow(c->ticks, field(fixed, dt), &ticks))
		return give_up(c, "its time is out of all bounds", field(fixed, dt));
	fixed += ouro_code_bytes(dt);
	e->addr = c->addr + (uint64_t)ouro_unzigzag(field(fixed, addr)) * 8;
	e->arg = field(fixed + ouro_code_bytes(addr), arg);
	p += size;

	r = read_stack(c, form, &p);
	if (r <= 0)
		return r < 0 ? r : give_up(c, "its stack makes no sense", form);
	if (c->hashed && form != OURO_STACK_NONE)
		check_hash(c);
	e->object = 0;
	e->type = 0;
	e->stack = STACK_EMPTY;
	if (e->kind == OURO_POOL_BIRTH) {
		p = birth_tail(c, p, e);
	} else if (e->kind == OURO_BIRTH) {
		e->object = e->addr;
		e->type = e->arg > UINT32_MAX ? 0 : c->stacks ?
			type_same(c->stacks->defs, (uint32_t)e->arg) : (uint32_t)e->arg;
	} else if (e->kind == OURO_EXT) {
		p = ext_tail(c, p, e);
		if (!p)
			return give_up(c, "its tail makes no sense", e->arg);
	}
	e->offset = chunk_of(c)->offset + sizeof(struct ouro_chunk) + position(c);
	e->ticks = c->ticks = ticks;
	c->addr = e->addr;
	e->form = (uint8_t)form;
	e->thread = c->thread;
	e->native = c->path[NATIVE].at[c->path[NATIVE].depth];
	e->interp = c->path[INTERP].at[c->path[INTERP].depth];
	e->lost = c->lost;
	c->lost = 0;
	c->p = p;
	if (e->kind == OURO_INCREF || e->kind == OURO_DECREF) {
		c->change[c->older] = *e;
		c->older ^= 1;
	}
	return 1;
}

/* A REPEAT was read, of so many events, or one that is in the table of the living already. */
static void begin_repeats(struct cursor *c, const struct event *e, bool left)
{
	if (!c->change[0].kind || !c->change[1].kind || e->arg > OURO_REPEATS_MAX) {
		give_up(c, "it makes no sense as a repetition", e->arg);
		return;
	}
	if (!left) {
		c->older ^= e->arg & 1;
		return;
	}
	c->repeats = e->arg;
	for (int i = 0; i < 2; i++) {
		c->change[i].offset = e->offset;
		c->change[i].ticks = e->ticks;
		c->change[i].lost = 0;
	}
}

static void repeat(struct cursor *c, struct event *ret)
{
	c->repeats--;
	*ret = c->change[c->older];
	c->older ^= 1;
	ret->lost = c->lost;
	c->lost = 0;
}

/*
 * Records that are in the table of the living already are read for the stacks they
 * leave behind.  One of them may have become a birth after it was applied: that is left.
 */
static bool is_left(const struct cursor *c, uint32_t start, struct event *e)
{
	const uint32_t applied = chunk_of(c)->applied;

	if (start >= applied)
		return true;
	if (position(c) <= applied || e->kind != OURO_POOL_BIRTH)
		return false;
	e->kind = OURO_BIRTH;
	e->addr = e->object;
	e->arg = e->type;
	return true;
}

int cursor_next(struct cursor *c, struct event *ret)
{
	uint32_t start;
	int r;

	ret->stream = c->index;
	for (;;) {
		if (c->repeats) {
			repeat(c, ret);
			return 1;
		}
		while (c->p == c->end) {
			if (c->start)
				c->chunk++;
			c->start = NULL;
			r = enter_chunk(c);
			if (r <= 0) {
				c->p = c->end = NULL;
				return r;
			}
		}
		start = position(c);
		r = read_record(c, ret);
		if (r > 0 && ret->kind == OURO_REPEAT) {
			c->lost = ret->lost;
			begin_repeats(c, ret, is_left(c, start, ret));
			continue;
		}
		if (r < 0 || (r && is_left(c, start, ret)))
			return r;
		if (r)			/* what was lost before it is told with the next */
			c->lost = ret->lost;
	}
}

int cursor_last_ticks(struct trace *t, uint32_t index, uint64_t *ret)
{
	struct trace quiet = *t;	/* damages are noted when all is read */
	struct cursor c;
	struct event e;
	int r;

	*ret = 0;
	if (!t->event[index].count)
		return 0;
	r = cursor_init(&c, &quiet, index, NULL);
	if (r)
		return r;
	c.chunk = c.stream->count - 1;
	*ret = chunk_of(&c)->ticks;
	while ((r = cursor_next(&c, &e)) > 0)
		if (e.ticks > *ret)
			*ret = e.ticks;
	cursor_fini(&c);
	return r;
}
