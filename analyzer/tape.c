#include "tape.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

/*
 * An op is a byte, its highest two bits 0: BIRTH, 1: DEATH, 2: of the kind its low bits
 * say; then LEB128 numbers: DEATH: age; others: value, most.
 */
enum {
	TAG_BIRTH = 0 << 6, TAG_DEATH = 1 << 6, TAG_OTHER = 2 << 6, TAGS = 3 << 6,
	BIT_DIRECT = 1 << 5,
	OP_MAX = 1 + 2 * OURO_VARINT_MAX,
};

static bool room(struct tape *t, uint64_t n)
{
	uint64_t wanted = t->room ? 2 * t->room : 1 << 16;
	uint8_t *p;

	if (t->room - t->size >= n)
		return true;
	p = t->failed ? NULL : realloc(t->op, wanted);
	if (!p) {
		t->failed = true;
		return false;
	}
	t->op = p;
	t->room = wanted;
	return true;
}

void tape_birth(struct tape *t, uint8_t list, bool direct)
{
	if (room(t, OP_MAX))
		t->op[t->size++] = (uint8_t)(TAG_BIRTH | list | (direct ? BIT_DIRECT : 0));
	t->clock++;
}

void tape_death(struct tape *t, uint8_t list, uint64_t order)
{
	uint8_t *p;

	if (!room(t, OP_MAX))
		return;
	p = t->op + t->size;
	*p++ = (uint8_t)(TAG_DEATH | list);
	p = ouro_put_varint(p, t->clock - order);
	t->size = (uint64_t)(p - t->op);
}

void tape_put(struct tape *t, enum tape_kind kind, uint64_t value, uint64_t most)
{
	uint8_t *p;

	if (!room(t, OP_MAX))
		return;
	p = t->op + t->size;
	*p++ = (uint8_t)(TAG_OTHER | kind);
	if (kind == TAPE_COLLECT || kind == TAPE_SETTINGS || kind == TAPE_FREED ||
	    kind == TAPE_BYTES)
		p = ouro_put_varint(p, value);
	if (kind == TAPE_BYTES)
		p = ouro_put_varint(p, most);
	t->clock += kind == TAPE_COLLECT;
	t->size = (uint64_t)(p - t->op);
}

void tape_insert_birth(struct tape *t, uint64_t at, uint8_t list, bool direct)
{
	uint8_t op[] = { (uint8_t)(TAG_BIRTH | list | (direct ? BIT_DIRECT : 0)),
			 TAG_OTHER | TAPE_BUSY };

	if (!room(t, OP_MAX))
		return;
	memmove(t->op + at + sizeof(op), t->op + at, t->size - at);
	memcpy(t->op + at, op, sizeof(op));
	t->size += sizeof(op);
	t->clock++;
	tape_put(t, TAPE_IDLE, 0, 0);
}

void tape_add_garbage(struct tape *t, const struct fallen *g)
{
	if (mem_room(&t->garbage, t->garbages, &t->garbage_room, sizeof(*g)))
		t->failed = true;
	else
		t->garbage[t->garbages++] = *g;
}

void tape_rewind(struct tape_reader *r, const struct tape *t)
{
	*r = (struct tape_reader){ .tape = t, .p = t->op, .end = t->op + t->size };
}

static uint64_t number(struct tape_reader *r)
{
	uint64_t v = 0;

	r->p = ouro_get_varint(r->p, r->end, &v);
	assert(r->p);
	return v;
}

bool tape_next(struct tape_reader *r, struct tape_op *ret)
{
	uint8_t b;

	if (r->p == r->end)
		return false;
	b = *r->p++;
	*ret = (struct tape_op){ .kind = TAPE_BIRTH, .list = b & 31 };
	if ((b & TAGS) == TAG_BIRTH) {
		ret->direct = b & BIT_DIRECT;
		r->clock++;
		return true;
	}
	if ((b & TAGS) == TAG_DEATH) {
		ret->kind = TAPE_DEATH;
		ret->order = r->clock - number(r);
		return true;
	}
	ret->kind = b & 31;
	ret->list = KIND_NONE;
	r->clock += ret->kind == TAPE_COLLECT;
	if (ret->kind == TAPE_COLLECT || ret->kind == TAPE_SETTINGS || ret->kind == TAPE_FREED)
		ret->value = number(r);
	if (ret->kind == TAPE_BYTES) {
		r->live += (uint64_t)ouro_unzigzag(number(r));
		ret->value = r->live;
		ret->most = r->live + number(r);
	}
	return true;
}

static double seconds_at(const struct trace *trace, uint64_t ticks)
{
	return (double)trace_elapsed(trace, ticks) / 1e9;
}

uint64_t tape_clock_at(const struct tape *t, const struct trace *trace, double seconds)
{
	uint32_t low = 0, high = t->moments;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (seconds_at(trace, t->moment[mid].ticks) <= seconds)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? t->moment[low - 1].clock : 0;
}

double tape_seconds_at(const struct tape *t, const struct trace *trace, uint64_t clock)
{
	uint32_t low = 0, high = t->moments;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (t->moment[mid].clock <= clock)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? seconds_at(trace, t->moment[low - 1].ticks) : 0;
}

static int earliest_first(const void *a, const void *b)
{
	const struct fallen *x = a, *y = b;

	return x->at != y->at ? (x->at > y->at ? 1 : -1) : x->order > y->order ? 1 : x->order < y->order ? -1 : 0;
}

void tape_guess(struct tape *t, double part)
{
	for (uint32_t i = 0; i < t->garbages; i++)
		t->garbage[i].at = t->garbage[i].from + (uint64_t)(part * t->garbage[i].span);
	if (t->garbages)
		qsort(t->garbage, t->garbages, sizeof(*t->garbage), earliest_first);
}

void tape_fini(struct tape *t)
{
	tape_writer_free(t->writer);
	free(t->op);
	mem_free(t->garbage);
	mem_free(t->settings);
	mem_free(t->moment);
	*t = (struct tape){0};
}
