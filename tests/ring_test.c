/* A ring, written and read again, against what is really alive. */
#include "guest_trace.h"

#include "../preload/living.h"
#include "../preload/ring.h"
#include "../preload/ring_read.h"

#define SLOTS RING_SLOTS_MIN
#define BLOCKS 512

static uint64_t size_of[BLOCKS], object_of[BLOCKS];	/* 0: none */

static void ring_begin(void)
{
	trace_begin();
	ck_assert_int_eq(ring_setup(SLOTS * OURO_CHUNK_SIZE), 0);
	file->flags |= OURO_FILE_RING;
}

static uint64_t address(unsigned k)
{
	return 0x10000000 + k * 4096ul;
}

/* One thing that can happen to block k. */
static void live_on(unsigned k, unsigned how, uint64_t size)
{
	if (!size_of[k]) {
		event(&guard, how & 1 ? OURO_POOL_ALLOC : OURO_ALLOC, address(k), size);
		if (how & 1 && event_amend_birth(&guard, address(k) + 16, 5))
			object_of[k] = 5;
		size_of[k] = size;
	} else if (how < 2 && !object_of[k]) {
		event(&guard, OURO_RELEASE, address(k), 0);
		event(&guard, OURO_PLACE, address(k), size);
		size_of[k] = size;
	} else if (how == 2 && object_of[k]) {
		event(&guard, OURO_DEATH, address(k) + 16, 0);
		object_of[k] = 0;
	} else if (how == 3 && !object_of[k] && size_of[k] > 16) {
		event(&guard, OURO_BIRTH, address(k) + 16, 6);
		object_of[k] = 6;
	} else {
		event(&guard, OURO_FREE, address(k), 0);
		size_of[k] = object_of[k] = 0;
	}
}

static unsigned random_state = 7;

static unsigned any(unsigned below)
{
	random_state = random_state * 1103515245 + 12345;
	return (random_state >> 12) % below;
}

static void live(unsigned long events)
{
	while (events--)
		live_on(any(BLOCKS - 100), any(8), 17 + any(1000));
}

/* --- a reader: rows of the living, then the records that are not in them yet ---- */

static uint64_t read_size[BLOCKS], read_object[BLOCKS];

static unsigned block_at(uint64_t addr)
{
	ck_assert_uint_lt((addr - address(0)) / 4096, BLOCKS);
	return (unsigned)((addr - address(0)) / 4096);
}

static void read_rows(const struct ouro_chunk *c)
{
	const struct ouro_living *row = (const struct ouro_living *)(c + 1);

	for (size_t i = 0; i < OURO_LIVING_PER_CHUNK; i++, row++) {
		if (!row->addr)
			continue;
		ck_assert_uint_eq(row->flags & OURO_LIVING_BLOCK, OURO_LIVING_BLOCK);
		read_size[block_at(row->addr)] = row->size;
		if (row->flags & OURO_LIVING_OBJECT)
			read_object[block_at(row->addr)] = row->type;
	}
}

static void read_event(const struct ring_event *e)
{
	unsigned k = e->addr ? block_at(e->addr) : 0;

	switch (e->kind) {
	case OURO_ALLOC:
	case OURO_POOL_ALLOC:
	case OURO_POOL_BIRTH:
	case OURO_PLACE:
		read_size[k] = e->arg;
		read_object[k] = e->kind == OURO_POOL_BIRTH ? e->type : 0;
		break;
	case OURO_FREE:
	case OURO_RELEASE:
		read_size[k] = read_object[k] = 0;
		break;
	case OURO_BIRTH:
		read_object[k] = e->type;
		break;
	case OURO_DEATH:
		read_object[k] = 0;
		break;
	}
}

static uint64_t read_events(const struct ouro_chunk *c, uint32_t step)
{
	static struct ring_reader reader;
	uint32_t applied = c->applied[c->applied[0].step > step].bytes;
	uint64_t n = 0;

	ring_read_chunk(&reader, c);
	while (ring_read(&reader)) {
		if (reader.start < applied)
			continue;
		read_event(&reader.event);
		n++;
	}
	ck_assert_uint_eq(reader.at, c->used);
	return n;
}

static void check_what_lives(void)
{
	size_t size;
	char *bytes = trace_bytes(&size);
	const struct ouro_file *f = (const struct ouro_file *)bytes;
	const struct ouro_chunk *chunk[SLOTS + 8], *events[SLOTS];
	size_t chunks = 0, n = 0;

	memset(read_size, 0, sizeof read_size);
	memset(read_object, 0, sizeof read_object);
	for (size_t at = OURO_HEADER_SIZE; at < size; at += OURO_CHUNK_SIZE)
		chunk[chunks++] = (const struct ouro_chunk *)(bytes + at);
	for (size_t i = 0; i < chunks; i++) {
		if (chunk[i]->kind == OURO_CHUNK_LIVING)
			read_rows(chunk[i]);
		if (chunk[i]->kind != OURO_CHUNK_EVENTS)
			continue;
		size_t place = n++;
		for (; place && events[place - 1]->seq > chunk[i]->seq; place--)
			events[place] = events[place - 1];
		events[place] = chunk[i];
	}
	for (size_t i = 0; i < n; i++)
		read_events(events[i], f->ring_step);
	for (unsigned k = 0; k < BLOCKS; k++) {
		ck_assert_msg(read_size[k] == size_of[k], "block %u", k);
		ck_assert_msg(read_object[k] == object_of[k], "object of block %u", k);
	}
	free(bytes);
}

static void have_old_blocks(void)
{
	for (unsigned k = BLOCKS - 100; k < BLOCKS; k++)
		live_on(k, k, k);
}

START_TEST(what_lives_is_known_however_often_the_ring_turned)
{
	struct stat st;

	ring_begin();
	have_old_blocks();
	for (int lap = 0; lap < 12; lap++) {
		live(40000);
		check_what_lives();
	}
	ck_assert_uint_gt(file->lost[OURO_LOST_RING], 100000);
	ck_assert_int_eq(stat(trace_path, &st), 0);
	/* The ring, and a chunk each of definitions and rows; no stacks were taken. */
	ck_assert_int_le(st.st_size, OURO_HEADER_SIZE + (SLOTS + 2) * OURO_CHUNK_SIZE);
	trace_end();
}
END_TEST

/* As if the writer had been killed before the last step was whole. */
START_TEST(a_step_that_is_not_whole_is_read_again)
{
	ring_begin();
	have_old_blocks();
	live(400000);
	file->ring_step--;
	check_what_lives();
	trace_end();
}
END_TEST

START_TEST(a_block_that_becomes_an_object_after_it_was_taken_back_is_one)
{
	static struct thr other;
	struct guard its = { .t = &other };
	const uint64_t addr = address(BLOCKS);

	ring_begin();
	other = *guard.t;
	other.ring = NULL;
	other.out = (struct event_writer){ 0 };
	other.stream++;
	guard.t->next = &other;		/* a thread that has little to say */
	event(&its, OURO_POOL_ALLOC, addr, 64);
	live(400000);
	ck_assert_ptr_nonnull(living_find(addr));
	ck_assert_uint_eq(living_find(addr)->flags, OURO_LIVING_BLOCK | OURO_LIVING_POOL);
	ck_assert(event_amend_birth(&its, addr + 16, 5));
	live(400000);
	ck_assert_uint_eq(living_find(addr)->flags,
		OURO_LIVING_BLOCK | OURO_LIVING_POOL | OURO_LIVING_OBJECT);
	ck_assert_uint_eq(living_find(addr)->object, 2);
	ck_assert_uint_eq(living_find(addr)->type, 5);
	trace_end();
}
END_TEST

/* The thread that is slow frees what the fast one made, and the other way round. */
START_TEST(streams_are_taken_back_by_time)
{
	static struct thr other;
	struct guard its = { .t = &other };

	ring_begin();
	other = *guard.t;
	other.ring = NULL;
	other.out = (struct event_writer){ 0 };
	other.stream++;
	guard.t->next = &other;
	for (uint64_t i = 0; i < 300000; i++) {
		uint64_t addr = address((unsigned)(i % BLOCKS));

		event(i % 7 ? &guard : &its, OURO_ALLOC, addr, i);
		if (i % 1000 != 999)
			event(i % 3 ? &guard : &its, OURO_FREE, addr, 0);
		else
			event(&its, OURO_FREE, addr, 0);
	}
	for (unsigned k = 0; k < BLOCKS; k++) {
		struct ouro_living *row = living_find(address(k));

		/* Not freed yet when the last step ended: at most one. */
		ck_assert(!row || row->size > 150000);
	}
	ck_assert_uint_gt(file->ring_step, 4);
	trace_end();
}
END_TEST

START_TEST(nothing_is_written_over_once_the_program_ends)
{
	uint64_t over;

	ring_begin();
	live(100000);
	ring_hold();
	over = file->lost[OURO_LOST_RING];
	for (int i = 0; i < 400000; i++)
		event(&guard, OURO_FREE, address(1), 0);
	ck_assert_uint_gt(file->lost[OURO_LOST_RING], over);
	ck_assert_uint_eq(file->lost[OURO_LOST_SPACE], 0);
	trace_end();
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, what_lives_is_known_however_often_the_ring_turned);
	tcase_add_test(c, a_step_that_is_not_whole_is_read_again);
	tcase_add_test(c, a_block_that_becomes_an_object_after_it_was_taken_back_is_one);
	tcase_add_test(c, streams_are_taken_back_by_time);
	tcase_add_test(c, nothing_is_written_over_once_the_program_ends);
}

int main(void)
{
	return run_case("the ring", add);
}
