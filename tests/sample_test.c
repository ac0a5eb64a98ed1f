/* Sampling: who is picked, and what is followed. */
#include "guest_trace.h"

#include "../preload/real.h"
#include "../preload/sample.h"

#include <math.h>

#define MEAN 4096

static void begin(void)
{
	trace_begin();
	guard_leave(&guard);
	sample_setup(MEAN);
}

/* So many of `n` blocks are to be picked; within six standard deviations. */
static void check_picks(unsigned picked, unsigned n, double p)
{
	double expected = n * p, deviation = sqrt(n * p * (1 - p));

	ck_assert_msg(fabs(picked - expected) <= 6 * deviation + 1, "%u picked of %u, not %.0f",
		picked, n, expected);
}

START_TEST(a_block_is_picked_with_the_probability_of_its_size)
{
	static const size_t sizes[] = { 0, 1, 16, 100, 1000, MEAN, 10 * MEAN, 1 << 30 };

	begin();
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		const unsigned n = sizes[i] < 100 ? 4000000 : 200000;
		unsigned picked = 0;

		for (unsigned k = 0; k < n; k++)
			picked += sample_picks(sizes[i]);
		check_picks(picked, n, -expm1(-(double)(sizes[i] ? sizes[i] : 1) / MEAN));
	}
	trace_end();
}
END_TEST

START_TEST(the_size_of_the_block_before_makes_no_difference)
{
	unsigned picked = 0;

	begin();
	for (unsigned k = 0; k < 400000; k++) {
		sample_picks(k % 3 ? 16 : 9000);
		picked += sample_picks(64);
	}
	check_picks(picked, 400000, -expm1(-64.0 / MEAN));
	trace_end();
}
END_TEST

#define RARE (1 << 17)

START_TEST(small_blocks_of_a_pool_are_picked_with_the_probability_of_their_size)
{
	static const size_t sizes[] = { 1, 64, 512 };
	static const uint64_t means[] = { 100, MEAN, RARE };

	begin();
	for (size_t m = 0; m < sizeof means / sizeof *means; m++)
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
			const unsigned n = 4000000;
			unsigned picked = 0;

			sample_setup(means[m]);
			for (unsigned k = 0; k < n; k++)
				picked += sample_pool_picks(sizes[i]);
			check_picks(picked, n, -expm1(-(double)sizes[i] / (double)means[m]));
		}
	trace_end();
}
END_TEST

START_TEST(kept_memory_is_picked_as_often_though_births_are_seen_in_windows_only)
{
	static const size_t sizes[] = { 24, 64, 400 };
	const unsigned n = 16000000;

	begin();
	sample_setup(RARE);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		unsigned picked = 0, seen = 0;
		double expected = n * -expm1(-(double)sizes[i] / RARE);
		double turns = (double)n * 64 * SAMPLE_TURNS / RARE;
		/* How many windows there are is chance, and how many are picked in one. */
		double often = sizes[i] / 64.0 * SAMPLE_WINDOWS / SAMPLE_TURNS;

		for (unsigned k = 0; k < n; k++) {
			sample_pool_picks(64);		/* time passes */
			seen += sample_window;
			picked += sample_window && sample_kept_picks(sizes[i]);
		}
		ck_assert_double_le(fabs(picked - expected), 6 * sqrt(expected * (1 + often)));
		ck_assert_double_le(fabs((double)seen / n - 1.0 / SAMPLE_WINDOWS),
			6 * sqrt(1.0 / SAMPLE_WINDOWS / turns));
	}
	trace_end();
}
END_TEST

START_TEST(births_are_always_seen_where_samples_are_not_rare_or_all_are_wanted)
{
	begin();
	for (unsigned k = 0; k < 1000000; k++) {
		sample_pool_picks(64);
		ck_assert(sample_window);
	}
	sample_setup(RARE);
	sample_listen_always();
	for (unsigned k = 0; k < 1000000; k++) {
		sample_pool_picks(64);
		ck_assert(sample_window);
	}
	trace_end();
}
END_TEST

START_TEST(what_is_followed_is_known_until_it_is_forgotten)
{
	static uint16_t before[SAMPLE_PAGES];
	static bool followed[20000];
	unsigned random = 3;

	begin();
	memcpy(before, sample_page, sizeof before);
	for (unsigned i = 0; i < 1000000; i++) {
		unsigned k = (random = random * 1103515245 + 12345) >> 8 & 16383;
		uintptr_t addr = 0x55550000 + k * 16;

		ck_assert_int_eq(sample_has(addr), followed[k]);
		if (followed[k])
			ck_assert(sample_forget(addr));
		else
			ck_assert(sample_follow(addr));
		followed[k] = !followed[k];
	}
	for (unsigned k = 0; k < 16384; k++)
		ck_assert_int_eq(sample_forget(0x55550000 + k * 16), followed[k]);
	ck_assert_mem_eq(sample_page, before, sizeof before);
	trace_end();
}
END_TEST

START_TEST(an_object_is_seen_by_its_own_page_when_its_block_begins_in_the_one_before)
{
	begin();
	for (uintptr_t head = 0; head <= SAMPLE_OBJECT; head += 16) {
		uintptr_t object = 0x77770000, block = object - head;

		ck_assert(!sample_maybe(object));
		ck_assert(sample_follow(block));
		ck_assert(sample_maybe(object) && sample_maybe(block));
		ck_assert(sample_forget(block));
		ck_assert(!sample_maybe(object) && !sample_maybe(block));
	}
	trace_end();
}
END_TEST

START_TEST(what_came_before_the_allocator_never_passes_for_its_own)
{
	begin();
	for (size_t at = 0; at < EARLY_ARENA; at += 16)
		ck_assert(sample_maybe((uintptr_t)early_arena + at));
	sample_forked();
	for (size_t at = 0; at < EARLY_ARENA; at += 16)
		ck_assert(sample_maybe((uintptr_t)early_arena + at));
	ck_assert(!sample_has((uintptr_t)early_arena));
	trace_end();
}
END_TEST

START_TEST(a_size_that_cannot_be_does_not_put_the_next_sample_off)
{
	unsigned picked = 0;

	begin();
	for (unsigned k = 0; k < 1000; k++)
		ck_assert(sample_picks(SIZE_MAX - k));
	for (unsigned k = 0; k < 400000; k++)
		picked += sample_picks(64);
	check_picks(picked, 400000, -expm1(-64.0 / MEAN));
	trace_end();
}
END_TEST

START_TEST(there_is_room_for_a_million)
{
	begin();
	for (uintptr_t k = 1; k <= 1000000; k++)
		ck_assert(sample_follow(k * 64));
	for (uintptr_t k = 1; k <= 1000000; k++)
		ck_assert(sample_forget(k * 64));
	ck_assert(!sample_forget(64));
	trace_end();
}
END_TEST

START_TEST(a_forked_child_follows_nothing)
{
	begin();
	ck_assert(sample_follow(0x1000));
	sample_forked();
	ck_assert(!sample_has(0x1000));
	ck_assert(sample_follow(0x1000));
	trace_end();
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, a_block_is_picked_with_the_probability_of_its_size);
	tcase_add_test(c, the_size_of_the_block_before_makes_no_difference);
	tcase_add_test(c, small_blocks_of_a_pool_are_picked_with_the_probability_of_their_size);
	tcase_add_test(c, kept_memory_is_picked_as_often_though_births_are_seen_in_windows_only);
	tcase_add_test(c, births_are_always_seen_where_samples_are_not_rare_or_all_are_wanted);
	tcase_add_test(c, what_is_followed_is_known_until_it_is_forgotten);
	tcase_add_test(c, an_object_is_seen_by_its_own_page_when_its_block_begins_in_the_one_before);
	tcase_add_test(c, what_came_before_the_allocator_never_passes_for_its_own);
	tcase_add_test(c, a_size_that_cannot_be_does_not_put_the_next_sample_off);
	tcase_add_test(c, there_is_room_for_a_million);
	tcase_add_test(c, a_forked_child_follows_nothing);
}

int main(void)
{
	return run_case("sampling", add);
}
