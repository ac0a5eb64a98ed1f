#include "tape.h"

#include "mem.h"
#include "tape_writer.h"

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

static bool room(struct tape *t)
{
	t->failed |= spool_room(&t->op, OP_MAX) != 0;
	return !t->failed;
}

void tape_birth(struct tape *t, uint8_t list, bool direct)
{
	if (room(t))
		t->op.p[t->op.size++] = (uint8_t)(TAG_BIRTH | list | (direct ? BIT_DIRECT : 0));
	t->clock++;
}

void tape_death(struct tape *t, uint8_t list, uint64_t order)
{
	uint8_t *p;

	if (!room(t))
		return;
	p = t->op.p + t->op.size;
	*p++ = (uint8_t)(TAG_DEATH | list);
	p = ouro_put_varint(p, t->clock - order);
	t->op.size = (uint64_t)(p - t->op.p);
}

void tape_put(struct tape *t, enum tape_kind kind, uint64_t value, uint64_t most)
{
	uint8_t *p;

	if (!room(t))
		return;
	p = t->op.p + t->op.size;
	*p++ = (uint8_t)(TAG_OTHER | kind);
	if (kind == TAPE_COLLECT || kind == TAPE_SETTINGS || kind == TAPE_FREED ||
	    kind == TAPE_BYTES)
		p = ouro_put_varint(p, value);
	if (kind == TAPE_BYTES)
		p = ouro_put_varint(p, most);
	t->clock += kind == TAPE_COLLECT;
	t->op.size = (uint64_t)(p - t->op.p);
}

void tape_insert_birth(struct tape *t, uint64_t at, uint8_t list, bool direct)
{
	uint8_t op[] = { (uint8_t)(TAG_BIRTH | list | (direct ? BIT_DIRECT : 0)),
			 TAG_OTHER | TAPE_BUSY };

	if (!room(t))
		return;
	memmove(t->op.p + at + sizeof(op), t->op.p + at, t->op.size - at);
	memcpy(t->op.p + at, op, sizeof(op));
	t->op.size += sizeof(op);
	t->clock++;
	tape_put(t, TAPE_IDLE, 0, 0);
}

void tape_insert_check(struct tape *t, uint64_t at)
{
	if (!room(t))
		return;
	memmove(t->op.p + at + 1, t->op.p + at, t->op.size - at);
	t->op.p[at] = TAG_OTHER | TAPE_CHECK;
	t->op.size++;
}

void tape_rewind(struct tape_reader *r, const struct tape *t)
{
	*r = (struct tape_reader){ .tape = t, .p = t->op.p, .end = t->op.p + t->op.size };
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

void tape_guess(struct tape *t, enum waste_guess guess)
{
	t->guess = guess;
	wastes_sort(&t->waste, guess);
}

void tape_fini(struct tape *t)
{
	tape_writer_free(t->writer);
	spool_fini(&t->op);
	wastes_fini(&t->waste);
	mem_free(t->settings);
	mem_free(t->moment);
	mem_free(t->sizes);
	*t = (struct tape){0};
}
