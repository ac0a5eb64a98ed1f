#include "guest_trace.h"

#include "../preload/runtime.h"
#include "../preload/stack.h"

#include <stdbool.h>

/* --- a decoder of its own, written from record.h ------------------------------- */

struct seen {
	unsigned kind;
	uint64_t ticks, addr, arg;
	bool has_stack;
	uint32_t native[64], interp[64], natives, interps;
	uint64_t tail[4];
};

static struct seen *seen;
static size_t seen_n, seen_room;

static uint64_t number(const uint8_t **p, unsigned bytes)
{
	uint64_t v = 0;

	memcpy(&v, *p, bytes);
	*p += bytes;
	return v;
}

static uint64_t varint(const uint8_t **p)
{
	uint64_t v = 0;
	unsigned shift = 0;

	do {
		v |= (uint64_t)(**p & 127) << shift;
		shift += 7;
	} while (*(*p)++ & 128);
	return v;
}

/* A second reading of what record.h says of locations. */
static uint32_t location(const uint8_t **p, uint32_t *recent)
{
	uint32_t loc;

	if (**p < 128)
		return recent[*(*p)++];
	loc = (uint32_t)varint(p);
	return recent[loc & 127] = loc;
}

static void delta(const uint8_t **p, uint32_t *recent, uint32_t *list, uint32_t *n)
{
	unsigned head = *(*p)++;
	uint64_t pop = head >> 4, push = head & 15;

	if (pop == 15)
		pop += varint(p);
	if (push == 15)
		push += varint(p);
	ck_assert_uint_le(pop, *n);
	*n -= (uint32_t)pop;
	for (; push; push--) {
		ck_assert_uint_lt(*n, 64);
		list[(*n)++] = location(p, recent);
	}
}

static void decode_chunk(const struct ouro_chunk *c)
{
	static const unsigned bytes[8] = { 0, 1, 2, 3, 4, 5, 6, 8 };
	const uint8_t *p = (const uint8_t *)(c + 1), *end = p + c->used;
	struct seen s = { .ticks = c->ticks };
	uint32_t recent[128] = { 0 };

	while (p < end) {
		unsigned head = (unsigned)number(&p, 2), form = head >> 14;
		uint64_t step;

		s.kind = head & 31;
		s.ticks += number(&p, bytes[head >> 5 & 7]);
		step = number(&p, bytes[head >> 8 & 7]);
		s.addr += ((step >> 1) ^ -(step & 1)) * 8;
		s.arg = number(&p, bytes[head >> 11 & 7]);
		s.has_stack = form;
		if (form >= OURO_STACK_NATIVE)
			delta(&p, recent, s.native, &s.natives);
		if (form == OURO_STACK_BOTH)
			delta(&p, recent, s.interp, &s.interps);
		memset(s.tail, 0, sizeof s.tail);
		if (s.kind == OURO_POOL_BIRTH) {
			s.tail[0] = varint(&p);
			s.tail[1] = varint(&p);
		}
		if (s.kind == OURO_EXT) {
			const uint8_t *stop = p + s.arg;

			for (unsigned i = 0; p < stop; i++)
				s.tail[i] = varint(&p);
		}
		if (seen_n == seen_room) {
			seen_room = seen_room ? 2 * seen_room : 1024;
			seen = realloc(seen, seen_room * sizeof *seen);
		}
		seen[seen_n++] = s;
	}
	ck_assert_ptr_eq(p, end);
}

/* All events of stream 1. */
static void decode(void)
{
	size_t size;
	char *bytes = trace_bytes(&size);
	const struct ouro_file *f = (const struct ouro_file *)bytes;
	uint64_t seq = 0;
	bool more = true;

	ck_assert_mem_eq(f->magic, OURO_MAGIC, 8);
	for (seen_n = 0; more; seq++) {
		const struct ouro_chunk *best = NULL;

		for (uint64_t at = f->header_size; at < f->end && at < size; at += OURO_CHUNK_SIZE) {
			const struct ouro_chunk *c = (const struct ouro_chunk *)(bytes + at);

			if (c->magic == OURO_CHUNK_MAGIC && c->kind == OURO_CHUNK_EVENTS
			    && c->seq == seq && (!best || c->used > best->used))
				best = c;
		}
		more = best;
		if (best)
			decode_chunk(best);
	}
	free(bytes);
}

/* --- stacks under the test's control --------------------------------------------- */

static uint32_t want_interp[64], want_interps, kept_interps;

static void frames(struct thr *t, struct interp_stack *s)
{
	memcpy(s->loc, want_interp, sizeof want_interp);
	s->n = want_interps;
	s->kept = kept_interps;
}
static const struct runtime fake = { .name = "fake", .frames = frames };

static struct caller nowhere(void)
{
	return (struct caller){ 0 };
}

static unsigned dice;
static unsigned roll(unsigned sides)
{
	dice = dice * 1664525 + 1013904223;
	return (dice >> 8) % sides;
}

/* Grow or shrink the interpreter's stack a little, as programs do. */
static void change_interp(void)
{
	uint32_t cut = roll(4) ? 0 : roll(want_interps + 1);

	want_interps -= cut;
	kept_interps = want_interps;
	for (unsigned n = roll(3); n && want_interps < 60; n--)
		want_interp[want_interps++] = OURO_LOC_FIRST + roll(100000);
}

static struct seen *expected;

static void write_one(size_t i)
{
	static const unsigned kinds[] = { OURO_ALLOC, OURO_FREE, OURO_RELEASE, OURO_PLACE,
		OURO_POOL_ALLOC, OURO_INCREF };
	unsigned kind = kinds[roll(6)];
	uint64_t addr = (uint64_t)roll(1 << 20) << (4 + roll(24)) & ~7ull;
	uint64_t arg = (uint64_t)roll(1 << 24) << roll(40) >> roll(24);
	struct seen *e = &expected[i];

	memset(e, 0, sizeof *e);
	e->kind = kind;
	e->addr = addr;
	e->arg = arg;
	if (kind == OURO_FREE || kind == OURO_RELEASE) {
		event(&guard, kind, addr, arg);
		return;
	}
	change_interp();
	event_at(&guard, kind, addr, arg, nowhere());
	e->has_stack = true;
	e->interps = want_interps;
	memcpy(e->interp, want_interp, sizeof want_interp);
	if (kind == OURO_POOL_ALLOC && roll(2)
	    && event_amend_birth(&guard, addr + 16, 1 + roll(300))) {
		e->kind = OURO_POOL_BIRTH;
		e->tail[0] = 2;
	}
}

static void compare(size_t n)
{
	ck_assert_uint_eq(seen_n, n);
	for (size_t i = 0; i < n; i++) {
		const struct seen *a = &expected[i], *b = &seen[i];

		ck_assert_msg(a->kind == b->kind && a->addr == b->addr && a->arg == b->arg
			&& a->has_stack == b->has_stack && a->tail[0] == b->tail[0],
			"event %zu of %zu", i, n);
		ck_assert(!i || b->ticks >= seen[i - 1].ticks);
		if (!a->has_stack)
			continue;
		ck_assert_uint_eq(a->interps, b->interps);
		ck_assert_mem_eq(a->interp, b->interp, a->interps * sizeof *a->interp);
	}
}

START_TEST(what_is_written_is_what_a_reader_reads)
{
	const size_t n = 200000;

	expected = calloc(n, sizeof *expected);
	dice = 1;
	trace_begin();
	interpreter = &fake;
	for (size_t i = 0; i < n; i++)
		write_one(i);
	decode();
	compare(n);
	ck_assert_uint_eq(file->lost[OURO_LOST_SPACE], 0);
	trace_end();
}
END_TEST

/* Events of one size, begun at each offset in turn, meet each possible end of a chunk. */
START_TEST(no_offset_in_a_chunk_is_special)
{
	expected = calloc(20000, sizeof *expected);
	trace_begin();
	interpreter = &fake;
	want_interps = kept_interps = 0;
	for (unsigned start = 0; start < 40; start++) {
		size_t i = 0, room = OURO_CHUNK_ROOM;

		dice = start;
		trace_end();
		trace_begin();
		guard.t->out = (struct event_writer){ 0 };
		for (; i < start; i++) {
			expected[i] = (struct seen){ .kind = OURO_COLLECTED };
			event(&guard, OURO_COLLECTED, 0, 0);
		}
		for (; guard.t->out.at - (uint8_t *)(guard.t->out.chunk + 1)
				< (long)room - 200; i++) {
			expected[i] = (struct seen){ .kind = OURO_FREE, .addr = i * 64, .arg = i };
			event(&guard, OURO_FREE, i * 64, i);
		}
		for (unsigned k = 0; k < 100; k++)
			write_one(i++);
		decode();
		compare(i);
		guard_leave(&guard);
	}
	trace_end();
}
END_TEST

START_TEST(a_birth_amends_only_the_block_just_made)
{
	trace_begin();
	event_at(&guard, OURO_POOL_ALLOC, 0x1000, 64, nowhere());
	ck_assert(!event_amend_birth(&guard, 0x1000 + 72, 1));
	ck_assert(!event_amend_birth(&guard, 0x0ff0, 1));
	ck_assert(event_amend_birth(&guard, 0x1010, 1));
	ck_assert_msg(!event_amend_birth(&guard, 0x1010, 1), "a birth happens once");
	event_at(&guard, OURO_ALLOC, 0x2000, 64, nowhere());
	ck_assert_msg(!event_amend_birth(&guard, 0x2010, 1), "malloc's blocks are no births");
	event_at(&guard, OURO_POOL_ALLOC, 0x3000, 64, nowhere());
	event(&guard, OURO_FREE, 0x2000, 0);
	ck_assert_msg(!event_amend_birth(&guard, 0x3010, 1), "another event came between");
	trace_end();
}
END_TEST

START_TEST(the_last_event_is_known_by_kind_and_address)
{
	trace_begin();
	ck_assert(!event_last_was(guard.t, OURO_POOL_FREE, 0x1000));
	event(&guard, OURO_POOL_FREE, 0x1000, 0);
	ck_assert(event_last_was(guard.t, OURO_POOL_FREE, 0x1000));
	ck_assert(!event_last_was(guard.t, OURO_POOL_FREE, 0x1010));
	ck_assert(!event_last_was(guard.t, OURO_FREE, 0x1000));
	trace_end();
}
END_TEST

START_TEST(extensions_carry_their_numbers)
{
	uint64_t child = 4000000000;

	trace_begin();
	event_ext(&guard, OURO_EXT_FORK, &child, 1);
	event(&guard, OURO_FREE, 0x10, 0);
	decode();
	ck_assert_uint_eq(seen_n, 2);
	ck_assert_uint_eq(seen[0].kind, OURO_EXT);
	ck_assert_uint_eq(seen[0].tail[0], OURO_EXT_FORK);
	ck_assert_uint_eq(seen[0].tail[1], child);
	ck_assert_uint_eq(seen[1].addr, 0x10);
	trace_end();
}
END_TEST

/* The writer died after the copy was complete, before the live chunk was reset. */
START_TEST(a_copy_of_the_live_chunk_changes_nothing)
{
	trace_begin();
	for (unsigned i = 0; i < 1000; i++)
		event(&guard, OURO_FREE, i * 16, 0);
	ck_assert_int_eq(file_append(guard.t->out.chunk), 0);
	decode();
	ck_assert_uint_eq(seen_n, 1000);
	/* ... and when it had got as far as to empty it. */
	guard.t->out.chunk->used = 0;
	decode();
	ck_assert_uint_eq(seen_n, 1000);
	trace_end();
}
END_TEST

START_TEST(without_room_events_are_counted_and_what_stands_stays)
{
	unsigned written = 0;

	trace_begin();
	while (guard.t->out.end - guard.t->out.at > 64 || !guard.t->out.at) {
		event(&guard, OURO_FREE, written * 16, 0);
		written++;
	}
	unlink(trace_path);	/* now it can't be opened again */
	for (unsigned i = 0; i < 100; i++)
		event(&guard, OURO_FREE, i * 16, 0);
	ck_assert_uint_gt(file->lost[OURO_LOST_SPACE], 80);
	ck_assert_uint_eq(guard.t->out.chunk->seq, 0);
	ck_assert_msg(!recording, "after some failures in a row it gives up");
	ck_assert_uint_eq(file->state, OURO_STATE_INERT);
	trace_end();
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, what_is_written_is_what_a_reader_reads);
	tcase_add_test(c, no_offset_in_a_chunk_is_special);
	tcase_add_test(c, a_birth_amends_only_the_block_just_made);
	tcase_add_test(c, the_last_event_is_known_by_kind_and_address);
	tcase_add_test(c, extensions_carry_their_numbers);
	tcase_add_test(c, a_copy_of_the_live_chunk_changes_nothing);
	tcase_add_test(c, without_room_events_are_counted_and_what_stands_stays);
}

int main(void)
{
	return run_case("events", add);
}
