#include "ring_read.h"

#include "living.h"

#include <string.h>

#define PATH_MAX_FRAMES (sizeof((struct ring_path *)0)->at / sizeof((struct ring_path *)0)->at[0])
#define NO_RECORD UINT32_MAX

void ring_read_chunk(struct ring_reader *r, const struct ouro_chunk *chunk)
{
	r->chunk = chunk;
	r->at = r->start = 0;
	r->born = NO_RECORD;
	r->ticks = chunk->ticks;
	r->addr = 0;
	memset(&r->recent, 0, sizeof r->recent);
	r->native.n = r->native.known = r->interp.n = r->interp.known = 0;
}

static uint64_t field(const uint8_t **p, unsigned code)
{
	unsigned bytes = ouro_code_bytes(code);
	uint64_t v = 0;

	memcpy(&v, *p, bytes);
	*p += bytes;
	return v;
}

static const uint8_t *exceeding(const uint8_t *p, const uint8_t *end, uint64_t *nibble)
{
	uint64_t more = 0;

	if (*nibble == 15)
		p = ouro_get_varint(p, end, &more);
	*nibble += more;
	return p;
}

/* NULL: it makes no sense. */
static const uint8_t *delta(struct ring_path *path, struct ouro_recent *recent,
	const uint8_t *p, const uint8_t *end)
{
	uint64_t pop, push;

	if (p == end)
		return NULL;
	pop = *p >> 4;
	push = *p++ & 15;
	p = exceeding(p, end, &pop);
	p = p ? exceeding(p, end, &push) : NULL;
	if (!p || pop > path->n || push > PATH_MAX_FRAMES - (path->n - pop))
		return NULL;
	path->n -= (uint32_t)pop;
	if (path->known > path->n)
		path->known = path->n;
	for (; push; push--) {
		p = ouro_get_location(p, end, recent, &path->at[path->n++].location);
		if (!p)
			return NULL;
	}
	return p;
}

static const uint8_t *birth_tail(const uint8_t *p, const uint8_t *end, struct ring_event *e)
{
	uint64_t offset, type;

	p = ouro_get_varint(p, end, &offset);
	p = p ? ouro_get_varint(p, end, &type) : NULL;
	if (!p)
		return NULL;
	e->object = e->addr + offset * 8;
	e->type = (uint32_t)type;
	return p;
}

static const uint8_t *ext_tail(const uint8_t *p, const uint8_t *end, struct ring_event *e)
{
	uint64_t kind;

	if (e->arg > (uint64_t)(end - p) || !ouro_get_varint(p, end, &kind))
		return NULL;
	e->ext = (uint8_t)kind;
	return p + e->arg;
}

static const uint8_t *record(struct ring_reader *r, const uint8_t *p, const uint8_t *end)
{
	struct ring_event *e = &r->event;
	uint16_t head;

	if (end - p < 2)
		return NULL;
	memcpy(&head, p, 2);
	p += 2;
	if (end - p < (int)(ouro_code_bytes(head >> 5 & 7) + ouro_code_bytes(head >> 8 & 7)
			+ ouro_code_bytes(head >> 11 & 7)))
		return NULL;
	e->kind = head & 31;
	e->stack = head >> 14 != OURO_STACK_NONE;
	e->ticks = r->ticks += field(&p, head >> 5 & 7);
	e->addr = r->addr += (uint64_t)ouro_unzigzag(field(&p, head >> 8 & 7)) * 8;
	e->arg = field(&p, head >> 11 & 7);
	if (head >> 14 >= OURO_STACK_NATIVE)
		p = delta(&r->native, &r->recent, p, end);
	if (p && head >> 14 == OURO_STACK_BOTH)
		p = delta(&r->interp, &r->recent, p, end);
	/* Its tail is not committed yet: an amendment, to be read the next time. */
	if (p && e->kind == OURO_POOL_BIRTH) {
		const uint8_t *tail = birth_tail(p, end, e);

		e->kind = tail ? OURO_POOL_BIRTH : OURO_POOL_ALLOC;
		p = tail ? tail : p;
	}
	if (p && e->kind == OURO_EXT)
		p = ext_tail(p, end, e);
	if (e->kind == OURO_BIRTH) {
		e->object = e->addr;
		e->type = (uint32_t)e->arg;
	}
	return p;
}

/* The record read before has become a birth: `at` stands before its tail. */
static bool read_amendment(struct ring_reader *r, const uint8_t *data, const uint8_t *end)
{
	struct ring_event *e = &r->event;
	const uint8_t *p = data + r->at;
	uint16_t head;

	memcpy(&head, data + r->born, 2);
	r->born = NO_RECORD;
	if ((head & 31) != OURO_POOL_BIRTH)
		return false;
	e->addr = r->addr;
	p = birth_tail(p, end, e);
	if (!p)
		return false;
	e->kind = OURO_BIRTH;
	e->ticks = r->ticks;
	e->addr = e->object;
	e->stack = true;
	r->start = r->at;
	r->at = (uint32_t)(p - data);
	return true;
}

bool ring_read(struct ring_reader *r)
{
	const uint8_t *data = (const uint8_t *)(r->chunk + 1), *p;
	uint32_t used = __atomic_load_n(&r->chunk->used, __ATOMIC_ACQUIRE);

	if (r->at >= used)
		return false;
	if (r->born != NO_RECORD && read_amendment(r, data, data + used))
		return true;
	r->start = r->at;
	p = record(r, data + r->at, data + used);
	r->at = p ? (uint32_t)(p - data) : used;	/* NULL: we wrote it, and it cannot be */
	r->born = p && r->event.kind == OURO_POOL_ALLOC ? r->start : NO_RECORD;
	return p;
}

uint32_t ring_path_node(struct ring_path *p)
{
	for (; p->known < p->n; p->known++) {
		uint32_t i = p->known;

		p->at[i].node = living_node(i ? p->at[i - 1].node : 0, p->at[i].location);
		if (!p->at[i].node)
			return 0;
	}
	return p->n ? p->at[p->n - 1].node : 0;
}
