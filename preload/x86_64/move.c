/*
 * move.c - x86-64 instructions moved to another address
 */
#include "move.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "code.h"

/* What is written so far, and where it will run. */
struct out {
	uint8_t *bytes;
	const uint8_t *home;
	size_t n;
};

static void put(struct out *o, const void *bytes, size_t n)
{
	assert(o->n + n <= MOVE_ROOM);
	memcpy(o->bytes + o->n, bytes, n);
	o->n += n;
}

/* The 32-bit distance to target from the end of these four bytes. */
static bool put_distance(struct out *o, const uint8_t *target)
{
	intptr_t far = target - (o->home + o->n + 4);
	int32_t near = far;

	put(o, &near, 4);
	return near == far;
}

static bool put_jump(struct out *o, const uint8_t *target)
{
	put(o, "\xe9", 1);
	return put_distance(o, target);
}

/* A one-byte distance: the branch gets the form with four, where there is one. */
static int widen(struct out *o, const struct code_insn *i)
{
	uint8_t op = i->at[i->field - 1];

	if (op == 0xeb)
		return put_jump(o, i->target) ? 0 : -ERANGE;
	if (op >= 0x70 && op <= 0x7f) {
		put(o, (uint8_t[]){ 0x0f, op + 0x10 }, 2);
		return put_distance(o, i->target) ? 0 : -ERANGE;
	}
	if (op < 0xe0 || op > 0xe3)
		return -EINVAL;
	/* loop, jrcxz: over a jump round the jump to target */
	put(o, i->at, i->field);
	put(o, "\x02\xeb\x05", 3);
	return put_jump(o, i->target) ? 0 : -ERANGE;
}

static int move_insn(struct out *o, const struct code_insn *i)
{
	size_t start = o->n;
	intptr_t far;
	int32_t near;

	switch (i->flow) {
	case CODE_CALL:
	case CODE_CALL_ANY:
	case CODE_TRAP:
	case CODE_ODD:
		return -EINVAL;
	default:
		break;
	}
	if (i->field_size == 1)
		return widen(o, i);
	put(o, i->at, i->size);
	if (!i->field_size)
		return 0;
	if (i->field_size != 4)
		return -EINVAL;
	far = i->target - (o->home + o->n);
	near = far;
	memcpy(o->bytes + start + i->field, &near, 4);
	return near == far ? 0 : -ERANGE;
}

int move_code(const uint8_t *from, size_t size, const uint8_t *home, uint8_t *out,
	      struct move_map *ret_map)
{
	struct out o = { .bytes = out, .home = home };
	struct move_map map = { 0 };
	struct code_insn i;
	size_t at = 0;
	int err;

	assert(size <= MOVE_MAX);
	for (; at < size; at += i.size) {
		if (code_decode(from + at, size - at, &i))
			return -EINVAL;
		map.from[map.n] = at;
		map.to[map.n++] = o.n;
		err = move_insn(&o, &i);
		if (err)
			return err;
	}
	map.from[map.n] = at;
	map.to[map.n++] = o.n;
	if (!put_jump(&o, from + size))
		return -ERANGE;
	if (ret_map)
		*ret_map = map;
	return o.n;
}
