/*
 * generations_test.c - objects and garbage by generation, and what of them is tracked
 */
#include "generations.h"
#include "tracked.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct generations g;

static void setup(void)
{
	g = (struct generations){ .start_up = UINT64_MAX };
}

/* Born at the clocks from..to - 1. */
static void births(uint64_t from, uint64_t to, uint8_t list)
{
	for (uint64_t i = from; i < to; i++)
		generations_birth(&g, list, i);
}

static uint64_t in(unsigned part)
{
	return generations_sum(&g, part) - (part ? generations_sum(&g, part - 1) : 0);
}

#define ck_parts(a, b, c) do { \
	ck_assert_uint_eq(in(YOUNG), a); \
	ck_assert_uint_eq(in(MIDDLE), b); \
	ck_assert_uint_eq(in(OLD), c); \
} while (0)

START_TEST(what_lives_through_a_collection_is_one_older)
{
	births(0, 10, KIND_NONE);
	ck_parts(10, 0, 0);
	generations_age(&g, YOUNG, 10);
	births(10, 13, KIND_NONE);
	ck_parts(3, 10, 0);
	generations_age(&g, MIDDLE, 13);
	ck_parts(0, 0, 13);
}
END_TEST

START_TEST(a_death_is_taken_from_where_the_object_is_now)
{
	births(0, 10, KIND_NONE);
	generations_age(&g, YOUNG, 10);
	births(10, 13, KIND_NONE);
	generations_death(&g, KIND_NONE, 4);
	generations_death(&g, KIND_NONE, 11);
	ck_parts(2, 9, 0);
}
END_TEST

START_TEST(garbage_is_freed_with_the_oldest_that_it_hangs_from)
{
	births(0, 10, KIND_NONE);
	generations_age(&g, YOUNG, 10);
	births(10, 20, KIND_NONE);
	/* 15 is young, 5 is not */
	generations_wait(&g, KIND_NONE, 15, (struct garbage_bounds){ 5, 5 }, 80);
	generations_age(&g, YOUNG, 20);
	ck_parts(0, 20, 0);
	ck_assert_uint_eq(g.bytes[MIDDLE], 80);
	generations_age(&g, MIDDLE, 20);
	ck_parts(0, 0, 19);
	ck_assert_uint_eq(g.bytes[MIDDLE] + g.bytes[OLD], 0);
}
END_TEST

START_TEST(what_is_older_and_hangs_from_young_garbage_goes_with_it)
{
	births(0, 10, KIND_NONE);
	generations_age(&g, YOUNG, 10);
	births(10, 20, KIND_NONE);
	generations_wait(&g, KIND_NONE, 3, (struct garbage_bounds){ 3, 12 }, 0);
	generations_age(&g, YOUNG, 20);
	ck_parts(0, 19, 0);
}
END_TEST

/* 3 hangs from a cycle of 12 and 13, and holds 11, which hangs, too. */
START_TEST(what_hangs_from_what_is_not_looked_at_is_held_by_it)
{
	static const struct garbage_bounds of = { 3, 12 };
	uint64_t hung[PARTS][CLASSES];

	births(0, 10, KIND_NONE);
	generations_age(&g, YOUNG, 10);
	births(10, 20, KIND_NONE);
	for (unsigned i = 11; i < 14; i++)
		generations_wait(&g, KIND_NONE, i, of, 0);
	generations_wait(&g, KIND_NONE, 3, of, 0);
	generations_hung(&g, YOUNG, hung);
	ck_assert_uint_eq(hung[YOUNG][CLASS_OTHER], 1);
	generations_hung(&g, MIDDLE, hung);
	ck_assert_uint_eq(hung[YOUNG][CLASS_OTHER] + hung[MIDDLE][CLASS_OTHER], 0);
	generations_age(&g, YOUNG, 20);
	ck_parts(0, 16, 0);
	generations_hung(&g, YOUNG, hung);
	ck_assert_uint_eq(hung[YOUNG][CLASS_OTHER], 0);
}
END_TEST

START_TEST(what_is_frozen_is_in_no_generation_until_it_is_thawed)
{
	births(0, 10, KIND_NONE);
	generations_freeze(&g, 10);
	births(10, 12, KIND_NONE);
	ck_parts(2, 0, 0);
	generations_death(&g, KIND_NONE, 4);
	generations_unfreeze(&g);
	ck_parts(2, 0, 9);
}
END_TEST

START_TEST(tuples_are_tracked_until_a_collection_looked_into_them)
{
	struct tracked t = { .share = { 1, 0.25, 0.5, 1, 1 } };

	births(0, 8, KIND_TUPLE + 2);
	births(8, 16, KIND_DICT);
	births(16, 20, KIND_NONE);
	ck_assert_double_eq(generations_tracked(&t, g.objects, YOUNG, true), 8 + 4 + 4);
	ck_assert_double_eq(generations_tracked(&t, g.objects, YOUNG, false), 2 + 4 + 4);
	generations_age(&g, YOUNG, 20);
	ck_assert_double_eq(generations_tracked(&t, g.objects, MIDDLE, true), 2 + 4 + 4);
}
END_TEST

/* A third of the start-up's tuples and none of its dicts; of later ones a half and all. */
START_TEST(shares_are_found_from_what_collections_counted)
{
	struct tracked_fit fit = {0};
	struct tracked t;

	for (unsigned i = 0; i < 20; i++) {
		uint64_t n[PARTS][CLASSES] = { [OLD] = { 1000, 300 + 30 * (i % 7), 100 + 9 * (i % 5),
							 200 + 20 * (i % 3), 50 + 10 * (i % 11) } };

		tracked_learn(&fit, n, OLD, false, (double)n[OLD][0] + (double)n[OLD][1] / 3 +
			      (double)n[OLD][3] / 2 + (double)n[OLD][4]);
	}
	tracked_fit(&t, &fit);
	ck_assert_double_eq(t.share[CLASS_OTHER], 1);
	ck_assert_double_eq_tol(t.share[CLASS_TUPLE], 1 / 3.0, 0.02);
	ck_assert_double_eq_tol(t.share[CLASS_DICT], 0, 0.02);
	ck_assert_double_eq_tol(t.share[CLASS_TUPLE_LATER], 0.5, 0.02);
	ck_assert_double_eq_tol(t.share[CLASS_DICT_LATER], 1, 0.02);
}
END_TEST

START_TEST(a_share_that_nothing_tells_of_is_a_half)
{
	struct tracked_fit fit = {0};
	struct tracked t;

	tracked_fit(&t, &fit);
	ck_assert_double_eq(t.share[CLASS_TUPLE], 0.5);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("generations");
	TCase *c = tcase_create("generations");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, what_lives_through_a_collection_is_one_older);
	tcase_add_test(c, a_death_is_taken_from_where_the_object_is_now);
	tcase_add_test(c, garbage_is_freed_with_the_oldest_that_it_hangs_from);
	tcase_add_test(c, what_is_older_and_hangs_from_young_garbage_goes_with_it);
	tcase_add_test(c, what_hangs_from_what_is_not_looked_at_is_held_by_it);
	tcase_add_test(c, what_is_frozen_is_in_no_generation_until_it_is_thawed);
	tcase_add_test(c, tuples_are_tracked_until_a_collection_looked_into_them);
	tcase_add_test(c, shares_are_found_from_what_collections_counted);
	tcase_add_test(c, a_share_that_nothing_tells_of_is_a_half);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
