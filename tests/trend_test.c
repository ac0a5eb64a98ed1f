/*
 * trend_test.c - the least that was alive in each segment; points of a timeline; ages
 */
#include "ages.h"
#include "timeline.h"
#include "trend.h"

#include <check.h>

/* One site through the life of "TICKS:MASS ..."; segments are 10 ticks long. */
static struct trend t;
static uint32_t segment, series;
static uint64_t low, mass;

static void setup(void)
{
	trend_init(&t, 0, 10 * TREND_SEGMENTS - 1);
	segment = series = 0;
	low = mass = 0;
	ck_assert_uint_eq(t.step, 10);
}

static void teardown(void)
{
	trend_fini(&t);
}

static void change(uint64_t ticks, uint64_t to)
{
	if (ticks >= t.next)
		trend_advance(&t, ticks);
	if (segment != t.now)
		trend_catch_up(&t, &segment, &series, &low, mass);
	mass = to;
	if (mass < low)
		low = mass;
}

static void settle(uint64_t ticks)
{
	if (ticks >= t.next)
		trend_advance(&t, ticks);
	trend_settle(&t, &segment, &series, &low, mass);
}

START_TEST(the_least_of_each_segment_is_kept)
{
	change(3, 100);
	change(12, 300);
	change(15, 50);
	change(18, 200);
	change(47, 220);
	settle(51);
	ck_assert_uint_eq(trend_low(&t, series, 0), 0);
	ck_assert_uint_eq(trend_low(&t, series, 1), 50);
	ck_assert_uint_eq(trend_low(&t, series, 2), 200);
	ck_assert_uint_eq(trend_low(&t, series, 3), 200);
	ck_assert_uint_eq(trend_low(&t, series, 4), 200);
	ck_assert_uint_eq(trend_low(&t, series, 5), 220);
}
END_TEST

START_TEST(what_comes_and_goes_within_segments_needs_no_series)
{
	for (uint64_t i = 0; i < 40; i++) {
		change(i * 10 + 2, 64);
		change(i * 10 + 7, 0);
	}
	settle(400);
	ck_assert_uint_eq(series, 0);
	ck_assert_uint_eq(t.cap, 0);
}
END_TEST

START_TEST(settling_twice_is_settling_once_and_life_goes_on)
{
	change(3, 100);
	settle(25);
	settle(25);
	change(26, 40);
	settle(29);
	ck_assert_uint_eq(trend_low(&t, series, 1), 100);
	ck_assert_uint_eq(trend_low(&t, series, 2), 40);
}
END_TEST

/* Whatever a short form can and cannot say, against all that was told to the long one. */
START_TEST(a_series_says_the_least_of_each_segment_however_it_is_kept)
{
	uint64_t least[TREND_SEGMENTS] = { 0 }, random = 88172645463325252u + (uint64_t)_i;

	for (uint64_t ticks = 1; ticks < 10 * TREND_SEGMENTS; ticks++) {
		uint64_t *now = &least[ticks / 10];

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		if (ticks % 10 == 0)
			*now = mass;
		if (random >> 32 & (_i & 1 ? 3 : 31))
			continue;
		change(ticks, random >> 40 & (_i & 2 ? 1 : 3));
		if (mass < *now)
			*now = mass;
		if (!(random >> 50 & 7))
			settle(ticks);
	}
	settle(10 * TREND_SEGMENTS - 1);
	for (unsigned i = 0; i < TREND_SEGMENTS; i++)
		ck_assert_uint_eq(trend_low(&t, series, i), least[i]);
}
END_TEST

START_TEST(what_lived_once_needs_no_row_of_segments_and_what_lived_twice_does)
{
	change(3, 100);
	settle(25);
	change(28, 0);
	settle(29);
	ck_assert_uint_eq(trend_low(&t, series, 1), 100);
	ck_assert_uint_eq(trend_low(&t, series, 2), 0);
	ck_assert_uint_eq(t.lows.n, 0);
	change(31, 50);
	settle(45);
	ck_assert_uint_eq(trend_low(&t, series, 4), 50);
	ck_assert_uint_eq(trend_low(&t, series, 1), 100);
	change(52, 100);
	ck_assert_uint_eq(t.lows.n, 2);
}
END_TEST

START_TEST(what_was_left_is_told_by_birth)
{
	uint64_t sums[2][TREND_SEGMENTS] = { { 0 } };

	change(100, 64);
	settle(300);
	ck_assert_int_eq(trend_left(&t), 0);
	trend_count_left(&t, series, 104, 40);
	trend_count_left(&t, series, 109, 20);
	ck_assert_uint_eq(t.borns.n, 0);
	trend_count_left(&t, series, 215, 3);
	trend_count_left(&t, series, 219, 1);
	trend_add(&t, series, sums[0], sums[1]);
	ck_assert_uint_eq(sums[0][20], 64);
	ck_assert_uint_eq(sums[1][10], 60);
	ck_assert_uint_eq(sums[1][21], 4);
	ck_assert_uint_eq(sums[1][22], 0);
}
END_TEST

/* What is tidied up in many segments has no part in it. */
START_TEST(the_end_is_when_what_was_left_is_counted)
{
	change(100, 64);
	settle(300);
	ck_assert_int_eq(trend_left(&t), 0);
	change(350, 0);
	settle(400);
	ck_assert_uint_eq(t.end, 30);
	ck_assert_uint_eq(t.now, 40);
	ck_assert_uint_eq(trend_low(&t, series, 30), 64);
}
END_TEST

START_TEST(a_run_longer_than_it_promised_ends_in_the_last_segment)
{
	change(3, 100);
	change(10 * TREND_SEGMENTS + 500, 70);
	settle(10 * TREND_SEGMENTS + 900);
	ck_assert_uint_eq(t.now, TREND_SEGMENTS - 1);
	ck_assert_uint_eq(trend_low(&t, series, TREND_SEGMENTS - 1), 70);
}
END_TEST

START_TEST(bins_say_what_was_there_at_their_end_and_the_most_between)
{
	struct timeline l;

	timeline_init(&l, 1000, 1000 + 10 * TIMELINE_BINS - 1);
	ck_assert_uint_eq(l.next, 1010);
	l.high_bytes = 500;
	timeline_advance(&l, 1025, &(struct timeline_bin){ .live_bytes = 70, .live = 2 });
	ck_assert_uint_eq(l.n, 2);
	ck_assert_uint_eq(l.next, 1030);
	ck_assert_uint_eq(l.bin[0].high_bytes, 500);
	ck_assert_uint_eq(l.bin[0].live_bytes, 70);
	ck_assert_uint_eq(l.bin[1].high_bytes, 70);
	timeline_advance(&l, 1u << 30, &(struct timeline_bin){ .live_bytes = 80 });
	ck_assert_uint_eq(l.n, TIMELINE_BINS - 1);
	timeline_end(&l, (1u << 30) + 5, &(struct timeline_bin){ .live_bytes = 90 });
	ck_assert_uint_eq(l.n, TIMELINE_BINS);
	ck_assert_uint_eq(l.bin[l.n - 1].live_bytes, 90);
	ck_assert_uint_eq(l.bin[l.n - 1].ticks, (1u << 30) + 5);
}
END_TEST

START_TEST(ages_of_one_class_need_no_row_and_those_of_two_lose_nothing)
{
	struct age_rows rows = { 0 };
	struct ages a = { 0 }, b = { 0 };
	uint64_t sum[AGES] = { 0 };

	ck_assert_int_eq(ages_count(&a, &rows, 5, 1), 0);
	ck_assert_int_eq(ages_count(&a, &rows, 5, 2), 0);
	ck_assert_uint_eq(rows.n, 0);
	ck_assert_int_eq(ages_count(&a, &rows, 7, 1), 0);
	ck_assert_int_eq(ages_count(&b, &rows, 7, 4), 0);
	ck_assert_int_eq(ages_count(&b, &rows, 0, 1), 0);
	ck_assert_int_eq(ages_count(&a, &rows, 5, 1), 0);
	ages_add(sum, &a, &rows);
	ages_add(sum, &b, &rows);
	ck_assert_uint_eq(sum[0], 1);
	ck_assert_uint_eq(sum[5], 4);
	ck_assert_uint_eq(sum[7], 5);
	ages_fini(&rows);
}
END_TEST

START_TEST(quantiles_lie_in_their_class)
{
	uint64_t ages[AGES] = { [4] = 10, [11] = 10 };

	ck_assert(ages_quantile(ages, 0.25) >= 8 && ages_quantile(ages, 0.25) <= 16);
	ck_assert(ages_quantile(ages, 0.75) >= 1024 && ages_quantile(ages, 0.75) <= 2048);
	ck_assert(ages_quantile((uint64_t[AGES]){ [0] = 3 }, 0.5) == 0);
	ck_assert(ages_quantile((uint64_t[AGES]){ 0 }, 0.5) == 0);
	ck_assert_uint_eq(ages_class(0), 0);
	ck_assert_uint_eq(ages_class(1), 1);
	ck_assert_uint_eq(ages_class(1024), 11);
	ck_assert_uint_eq(ages_class(UINT64_MAX), AGES - 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("trend");
	TCase *c = tcase_create("trend");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, the_least_of_each_segment_is_kept);
	tcase_add_test(c, what_comes_and_goes_within_segments_needs_no_series);
	tcase_add_test(c, settling_twice_is_settling_once_and_life_goes_on);
	tcase_add_loop_test(c, a_series_says_the_least_of_each_segment_however_it_is_kept, 0, 200);
	tcase_add_test(c, what_lived_once_needs_no_row_of_segments_and_what_lived_twice_does);
	tcase_add_test(c, what_was_left_is_told_by_birth);
	tcase_add_test(c, the_end_is_when_what_was_left_is_counted);
	tcase_add_test(c, a_run_longer_than_it_promised_ends_in_the_last_segment);
	tcase_add_test(c, bins_say_what_was_there_at_their_end_and_the_most_between);
	tcase_add_test(c, ages_of_one_class_need_no_row_and_those_of_two_lose_nothing);
	tcase_add_test(c, quantiles_lie_in_their_class);
	suite_add_tcase(s, c);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
