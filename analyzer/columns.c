/*
 * columns.c - records apart, and together again
 *
 *	head of the chunk | u32 bytes of each column | columns | what was not split
 */
#include "columns.h"

#include <errno.h>
#include <ouro/record.h>
#include <ouro/snapshot.h>
#include <stdlib.h>
#include <string.h>

#define HEAD	sizeof(struct ouro_chunk)
#define SIZES	(COLUMNS * sizeof(uint32_t))
#define LOW	6			/* bytes of an address that differ: the rest is 0 */

/* An event's; those of a run of words come after. */
enum { KIND, FORM, TIME, ADDR, ADDR_TOP, ARG, DEPTH, LOCATION, TAIL };
enum { START = KIND, GAP = TIME, HELD = ADDR, HELD_TOP = ADDR_TOP };

size_t columns_room(uint32_t chunk_size)
{
	return HEAD + SIZES + 5 * (size_t)chunk_size;
}

int columns_init(struct columns *c, uint32_t chunk_size)
{
	*c = (struct columns){ .room = 3 * (size_t)chunk_size };
	c->column[0] = malloc(COLUMNS * c->room);
	if (!c->column[0])
		return -ENOMEM;
	for (unsigned i = 1; i < COLUMNS; i++)
		c->column[i] = c->column[i - 1] + c->room;
	return 0;
}

void columns_fini(struct columns *c)
{
	free(c->column[0]);
	*c = (struct columns){ 0 };
}

/* --- apart ------------------------------------------------------------------------- */

static void put(struct columns *c, unsigned column, const void *p, size_t n)
{
	memcpy(c->column[column] + c->used[column], p, n);
	c->used[column] += n;
}

static void put_address(struct columns *c, uint64_t address)
{
	put(c, ADDR, &address, LOW);
	put(c, ADDR_TOP, (char *)&address + LOW, sizeof(address) - LOW);
}

/* Puts a varint's bytes; NULL: there is none. */
static const uint8_t *put_varint(struct columns *c, unsigned column, const uint8_t *p,
	const uint8_t *end, uint64_t *ret)
{
	const uint8_t *q = ouro_get_varint(p, end, ret);

	if (q)
		put(c, column, p, (size_t)(q - p));
	return q;
}

static const uint8_t *split_stack(struct columns *c, const uint8_t *p, const uint8_t *end)
{
	uint64_t push, v;

	if (p == end)
		return NULL;
	put(c, DEPTH, p, 1);
	push = *p & 15;
	if (*p++ >> 4 == 15)
		p = put_varint(c, DEPTH, p, end, &v);
	if (p && push == 15) {
		p = put_varint(c, DEPTH, p, end, &v);
		push = p && v < UINT32_MAX ? push + v : UINT64_MAX;
	}
	if (!p || push > (uint64_t)(end - p))
		return NULL;
	for (; push && p; push--) {
		if (p == end)
			return NULL;
		put(c, LOCATION, p, 1);
		if (*p++ & 128)
			p = put_varint(c, LOCATION, p, end, &v);
	}
	return p;
}

/* The record's end; NULL: it makes no sense. */
static const uint8_t *split_event(
	struct columns *c, const uint8_t *p, const uint8_t *end, uint64_t *at)
{
	unsigned head, dt, addr, arg, form;
	uint64_t delta = 0, value = 0;

	if (end - p < 2)
		return NULL;
	head = p[0] | (unsigned)p[1] << 8;
	dt = ouro_code_bytes(head >> 5 & 7);
	addr = ouro_code_bytes(head >> 8 & 7);
	arg = ouro_code_bytes(head >> 11 & 7);
	form = head >> 14;
	if ((size_t)(end - p) < 2 + dt + addr + arg)
		return NULL;
	put(c, KIND, p, 1);
	put(c, FORM, p + 1, 1);
	p += 2;
	put(c, TIME, p, dt);
	memcpy(&delta, p + dt, addr);
	*at += (uint64_t)ouro_unzigzag(delta);
	if (addr)
		put_address(c, *at);
	p += dt + addr;
	put(c, ARG, p, arg);
	memcpy(&value, p, arg);
	p += arg;
	if (form >= OURO_STACK_NATIVE)
		p = split_stack(c, p, end);
	if (p && form == OURO_STACK_BOTH)
		p = split_stack(c, p, end);
	if (p && (head & 31) == OURO_POOL_BIRTH) {
		p = put_varint(c, TAIL, p, end, &delta);
		return p ? put_varint(c, TAIL, p, end, &delta) : NULL;
	}
	if (p && (head & 31) == OURO_EXT) {
		if (value > (uint64_t)(end - p))
			return NULL;
		put(c, TAIL, p, value);
		p += value;
	}
	return p;
}

/* Runs of words alone: other snapshots are mostly texts and small numbers. */
static const uint8_t *split_words(
	struct columns *c, const uint8_t *p, const uint8_t *end)
{
	uint64_t n, v, held = 0;

	if (end - p < 3 || *p != OURO_SNAP_WORDS)
		return NULL;
	put(c, START, p++, 1);
	p = put_varint(c, START, p, end, &n);
	if (!p || p == end)
		return NULL;
	put(c, START, p++, 1);
	p = put_varint(c, START, p, end, &v);
	for (; p && n; n--) {
		p = put_varint(c, GAP, p, end, &v);
		p = p ? ouro_get_varint(p, end, &v) : NULL;
		if (!p)
			return NULL;
		held += (uint64_t)ouro_unzigzag(v);
		put_address(c, held);
	}
	return p;
}

size_t columns_split(struct columns *c, const uint8_t *chunk, size_t size, uint8_t *ret)
{
	struct ouro_chunk head;
	const uint8_t *p = chunk + HEAD, *end, *next;
	size_t before[COLUMNS];
	uint8_t *out = ret;
	uint64_t at = 0;
	uint32_t n;

	if (size < HEAD)
		return 0;
	memcpy(&head, chunk, HEAD);
	if (head.magic != OURO_CHUNK_MAGIC || head.used > size - HEAD ||
	    (head.kind != OURO_CHUNK_EVENTS && head.kind != OURO_CHUNK_SNAPSHOT))
		return 0;
	memset(c->used, 0, sizeof(c->used));
	for (end = p + head.used; p < end; p = next) {
		memcpy(before, c->used, sizeof(before));
		next = head.kind == OURO_CHUNK_EVENTS ? split_event(c, p, end, &at)
			: split_words(c, p, end);
		if (!next) {
			memcpy(c->used, before, sizeof(before));
			break;
		}
	}
	if (p == chunk + HEAD)
		return 0;
	memcpy(out, chunk, HEAD);
	out += HEAD;
	for (unsigned i = 0; i < COLUMNS; i++, out += sizeof(n)) {
		n = (uint32_t)c->used[i];
		memcpy(out, &n, sizeof(n));
	}
	for (unsigned i = 0; i < COLUMNS; out += c->used[i++])
		memcpy(out, c->column[i], c->used[i]);
	memcpy(out, p, (size_t)(chunk + size - p));
	return (size_t)(out - ret) + (size_t)(chunk + size - p);
}

/* --- together ---------------------------------------------------------------------- */

struct joiner {
	struct { const uint8_t *p, *end; } in[COLUMNS];
	uint8_t *out, *end;
	bool wrong;			/* a column or the chunk has too little: all that follows is void */
};

static const uint8_t *get(struct joiner *j, unsigned column, size_t n)
{
	static const uint8_t nothing[16];
	const uint8_t *p = j->in[column].p;

	if (n > (size_t)(j->in[column].end - p)) {
		j->wrong = true;
		return nothing;
	}
	j->in[column].p += n;
	return p;
}

static void give(struct joiner *j, const void *p, size_t n)
{
	if (j->wrong || n > (size_t)(j->end - j->out)) {
		j->wrong = true;
		return;
	}
	memcpy(j->out, p, n);
	j->out += n;
}

static uint64_t copy_varint(struct joiner *j, unsigned column)
{
	const uint8_t *p = j->in[column].p;
	uint64_t v = 0;
	const uint8_t *q = ouro_get_varint(p, j->in[column].end, &v);

	if (!q) {
		j->wrong = true;
		return 0;
	}
	j->in[column].p = q;
	give(j, p, (size_t)(q - p));
	return v;
}

static uint64_t get_address(struct joiner *j)
{
	uint64_t address;

	memcpy(&address, get(j, ADDR, LOW), LOW);
	memcpy((char *)&address + LOW, get(j, ADDR_TOP, sizeof(address) - LOW),
		sizeof(address) - LOW);
	return address;
}

static void join_stack(struct joiner *j)
{
	uint8_t b = *get(j, DEPTH, 1);
	uint64_t push = b & 15;
	const uint8_t *p;

	give(j, &b, 1);
	if (b >> 4 == 15)
		copy_varint(j, DEPTH);
	if (push == 15)
		push += copy_varint(j, DEPTH);
	while (push && !j->wrong) {
		p = j->in[LOCATION].p;
		if (p < j->in[LOCATION].end && j->out < j->end && *p < 128) {
			*j->out++ = *p;
			j->in[LOCATION].p++;
			push--;
			continue;
		}
		b = *get(j, LOCATION, 1);
		give(j, &b, 1);
		if (b & 128)
			copy_varint(j, LOCATION);
		push--;
	}
}

/* All of an event but its stack and tail, when it is longest. */
#define FIXED_MAX (2 + 3 * 8)

/* Far from every end, eight bytes may be moved where fewer are meant. */
static bool has_room(const struct joiner *j)
{
	return j->end - j->out >= FIXED_MAX && j->in[KIND].p < j->in[KIND].end &&
		j->in[FORM].p < j->in[FORM].end && j->in[TIME].end - j->in[TIME].p >= 8 &&
		j->in[ADDR].end - j->in[ADDR].p >= 8 && j->in[ARG].end - j->in[ARG].p >= 8 &&
		j->in[ADDR_TOP].end - j->in[ADDR_TOP].p >= 8;
}

static inline uint64_t take(struct joiner *j, unsigned column, unsigned n)
{
	uint64_t v;

	memcpy(&v, j->in[column].p, sizeof(v));
	j->in[column].p += n;
	return v;
}

static inline void store(struct joiner *j, uint64_t v, unsigned n)
{
	memcpy(j->out, &v, sizeof(v));
	j->out += n;
}

/* What comes before its stack; the head is given back, and the value of its argument. */
static unsigned join_fixed_fast(struct joiner *j, uint64_t *at, uint64_t *ret_value)
{
	unsigned all = *j->in[KIND].p++, dt, addr, arg;
	uint64_t v;

	all |= (unsigned)*j->in[FORM].p++ << 8;
	dt = ouro_code_bytes(all >> 5 & 7);
	addr = ouro_code_bytes(all >> 8 & 7);
	arg = ouro_code_bytes(all >> 11 & 7);
	store(j, all, 2);
	store(j, take(j, TIME, dt), dt);
	if (addr) {
		v = take(j, ADDR, LOW) & ((1ull << 8 * LOW) - 1);
		v |= take(j, ADDR_TOP, 8 - LOW) << 8 * LOW;
		store(j, ouro_zigzag((int64_t)(v - *at)), addr);
		*at = v;
	}
	v = take(j, ARG, arg);
	store(j, v, arg);
	*ret_value = arg < 8 ? v & ((1ull << 8 * arg) - 1) : v;
	return all;
}

static unsigned join_fixed(struct joiner *j, uint64_t *at, uint64_t *ret_value)
{
	uint8_t head[2] = { *get(j, KIND, 1), *get(j, FORM, 1) };
	unsigned all = head[0] | (unsigned)head[1] << 8;
	unsigned dt = ouro_code_bytes(all >> 5 & 7), addr = ouro_code_bytes(all >> 8 & 7);
	unsigned arg = ouro_code_bytes(all >> 11 & 7);
	uint64_t v, delta;
	const uint8_t *p;

	give(j, head, 2);
	give(j, get(j, TIME, dt), dt);
	if (addr) {
		v = get_address(j);
		delta = ouro_zigzag((int64_t)(v - *at));
		*at = v;
		give(j, &delta, addr);
	}
	p = get(j, ARG, arg);
	*ret_value = 0;
	memcpy(ret_value, p, arg);
	give(j, p, arg);
	return all;
}

static void join_event(struct joiner *j, uint64_t *at)
{
	uint64_t value;
	unsigned all = has_room(j) ? join_fixed_fast(j, at, &value) : join_fixed(j, at, &value);
	unsigned form = all >> 14;
	const uint8_t *p;

	if (form >= OURO_STACK_NATIVE)
		join_stack(j);
	if (form == OURO_STACK_BOTH)
		join_stack(j);
	if ((all & 31) == OURO_POOL_BIRTH) {
		copy_varint(j, TAIL);
		copy_varint(j, TAIL);
	} else if ((all & 31) == OURO_EXT) {
		p = get(j, TAIL, value);
		if (!j->wrong)
			give(j, p, value);
	}
}

static void join_words(struct joiner *j)
{
	uint8_t varint[OURO_VARINT_MAX];
	uint64_t n, held = 0, v;

	give(j, get(j, START, 1), 1);
	n = copy_varint(j, START);
	give(j, get(j, START, 1), 1);
	copy_varint(j, START);
	for (; n && !j->wrong; n--) {
		copy_varint(j, GAP);
		v = get_address(j);
		give(j, varint,
			(size_t)(ouro_put_varint(varint, ouro_zigzag((int64_t)(v - held))) -
				varint));
		held = v;
	}
}

int columns_join(const uint8_t *in, size_t n, uint8_t *ret, size_t size)
{
	struct joiner j = { .out = ret, .end = ret + size };
	const uint8_t *p = in + HEAD + SIZES, *end = in + n;
	struct ouro_chunk head;
	uint64_t at = 0;
	uint32_t bytes;

	if (n < HEAD + SIZES)
		return -ENODATA;
	memcpy(&head, in, HEAD);
	for (unsigned i = 0; i < COLUMNS; i++, p += bytes) {
		memcpy(&bytes, in + HEAD + i * sizeof(bytes), sizeof(bytes));
		if (bytes > (size_t)(end - p))
			return -ENODATA;
		j.in[i].p = p;
		j.in[i].end = p + bytes;
	}
	give(&j, in, HEAD);
	while (!j.wrong && j.in[KIND].p < j.in[KIND].end) {
		if (head.kind == OURO_CHUNK_EVENTS)
			join_event(&j, &at);
		else
			join_words(&j);
	}
	give(&j, p, (size_t)(end - p));
	return j.wrong || j.out != j.end ? -ENODATA : 0;
}
