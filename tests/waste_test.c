/*
 * waste_test.c - pieces of garbage: which are one, and when they became so
 */
#include "waste.h"

#include "mem.h"

#include <check.h>
#include <stdlib.h>

static struct wastes w;

static void setup(void)
{
	w = (struct wastes){0};
}

static void teardown(void)
{
	wastes_fini(&w);
}

static void piece(uint64_t born, uint32_t low, uint32_t high, uint32_t run, uint16_t place)
{
	struct waste x = { .born = born, .oldest = born - 1, .low = low, .high = high, .run = run,
			   .place = place };

	ck_assert_int_eq(wastes_add(&w, &x), 0);
}

START_TEST(objects_of_a_piece_come_back_as_they_were_put)
{
	static const struct waste_object put[] = {
		{ 90, 48, 0 }, { 3, 0, 5 }, { 99, 1 << 20, 31 },
	};
	uint64_t at;

	piece(10, 0, 1, 0, 0);
	ck_assert_int_eq(wastes_add_object(&w, &(struct waste_object){ 9, 16, 1 }), 0);
	piece(100, 0, 1, 0, 0);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(wastes_add_object(&w, &put[i]), 0);
	ck_assert_uint_eq(wastes_at(&w, 1)->objects, 3);
	at = wastes_at(&w, 1)->first;
	for (unsigned i = 0; i < 3; i++) {
		struct waste_object o = wastes_object(&w, wastes_at(&w, 1), &at);

		ck_assert_uint_eq(o.order, put[i].order);
		ck_assert_uint_eq(o.bytes, put[i].bytes);
		ck_assert_uint_eq(o.list, put[i].list);
	}
}
END_TEST

/* A collection each 700 births; things are in use for so many births, exactly. */
static void things_in_use_for(uint32_t age, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t born = 1000 + 53ull * i, next = (born / 700 + 1) * 700;
		uint32_t low = 0;

		while (next < born + age) {
			low = (uint32_t)(next - born);
			next += 700;
		}
		piece(born, low, (uint32_t)(next - born), (uint32_t)(next / 700), 7);
	}
}

START_TEST(the_age_that_all_reach_is_found_from_collections_at_other_ages)
{
	double sum = 0;

	things_in_use_for(300, 2000);
	ck_assert_int_eq(wastes_fit(&w), 0);
	for (uint32_t i = 0; i < w.n; i++)
		sum += wastes_at(&w, i)->age[WASTE_LIKELY];
	ck_assert_double_eq_tol(sum / w.n, 300, 30);
}
END_TEST

START_TEST(one_age_that_all_can_have_is_the_age_of_all)
{
	things_in_use_for(130, 500);
	ck_assert_int_eq(wastes_fit(&w), 0);
	for (uint32_t i = 0; i < w.n; i++)
		for (unsigned g = 0; g < WASTE_GUESSES; g++) {
			ck_assert_uint_ge(wastes_at(&w, i)->age[g], 126);
			ck_assert_uint_le(wastes_at(&w, i)->age[g], 134);
		}
}
END_TEST

/*
 * Things of 80 births.  Of those that a collection came into, the next freed all that looked at
 * the last 30 at least, or none.
 */
static void things_cut(unsigned n, bool sooner)
{
	for (unsigned i = 0; i < n; i++) {
		bool cut = i % 8 == 0;

		piece(1000 + 100 * i, 0, 700, i, 7);
		wastes_at(&w, i)->length = 80;
		wastes_at(&w, i)->oldest = wastes_at(&w, i)->born - 80;
		wastes_at(&w, i)->cut = cut ? 30 + i % 48 : UINT32_MAX;
		wastes_at(&w, i)->looked = cut && sooner ? 30 + i % 48 : 90;
	}
	ck_assert_int_eq(wastes_fit(&w), 0);
}

START_TEST(what_was_freed_without_a_look_at_all_of_it_needs_no_look_at_all_of_it)
{
	things_cut(200, true);
	for (uint32_t i = 0; i < w.n; i++)
		ck_assert_uint_eq(wastes_at(&w, i)->oldest, wastes_at(&w, i)->born - 30);
}
END_TEST

START_TEST(what_waited_for_a_look_at_all_of_it_waits_again)
{
	things_cut(200, false);
	for (uint32_t i = 0; i < w.n; i++)
		ck_assert_uint_eq(wastes_at(&w, i)->oldest, wastes_at(&w, i)->born - 80);
}
END_TEST

START_TEST(no_age_is_outside_of_what_was_seen_of_the_piece)
{
	things_in_use_for(500, 500);
	ck_assert_int_eq(wastes_fit(&w), 0);
	for (uint32_t i = 0; i < w.n; i++) {
		const struct waste *x = wastes_at(&w, i);

		for (unsigned g = 0; g < WASTE_GUESSES; g++)
			ck_assert(x->age[g] >= x->low && x->age[g] <= x->high);
		ck_assert_uint_le(x->age[WASTE_EARLY], x->age[WASTE_LATE]);
	}
}
END_TEST

START_TEST(places_have_ages_of_their_own)
{
	double sum[2] = {0};

	things_in_use_for(40, 1000);
	for (uint32_t i = 0; i < w.n; i++)
		wastes_at(&w, i)->place = 8;
	things_in_use_for(600, 1000);
	ck_assert_int_eq(wastes_fit(&w), 0);
	for (uint32_t i = 0; i < w.n; i++)
		sum[i >= 1000] += wastes_at(&w, i)->age[WASTE_LIKELY] / 1000.0;
	ck_assert_double_eq_tol(sum[0], 40, 20);
	ck_assert_double_eq_tol(sum[1], 600, 60);
}
END_TEST

/* Pairs of places 1 and 2, `gap` births apart; what comes between parts the pairs, or not. */
static void pairs(unsigned n, uint32_t gap, bool parted)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t born = 1000 + 211ull * i;
		uint32_t run = (uint32_t)(born / 700), later = (uint32_t)((born + gap) / 700);

		piece(born, 0, 700, parted ? run : later, 1);
		piece(born + gap, 0, 700, later, 2);
	}
}

static unsigned going_on(uint16_t place)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < w.n; i++)
		n += wastes_at(&w, i)->goes_on && wastes_at(&w, i)->place == place;
	return n;
}

/* A thing of place 1 was being made when a collection came; then things of that place follow, one by one. */
START_TEST(what_was_being_made_is_one_thing_and_the_next_is_another)
{
	for (unsigned run = 0; run < 50; run++) {
		uint64_t from = 10000 + 700 * run;

		for (unsigned i = 0; i < 7; i++) {
			piece(from + (i ? 100 * i : 20), 0, 700, run, 1);
			wastes_at(&w, w.n - 1)->length = i ? 80 : 10;
			wastes_at(&w, w.n - 1)->looked = i ? (uint32_t)(100 * i) : 20;
			if (!i) {	/* the rest of it */
				piece(from + 40, 0, 700, run, 1);
				wastes_at(&w, w.n - 1)->length = 60;
				wastes_at(&w, w.n - 1)->looked = 40;
			}
		}
	}
	ck_assert_int_eq(wastes_link(&w, 700), 0);
	for (uint32_t i = 0; i < w.n; i++)
		ck_assert_int_eq(wastes_at(&w, i)->goes_on, i % 8 == 1);
}
END_TEST

START_TEST(pieces_that_no_collection_parts_are_one)
{
	pairs(300, 100, false);
	ck_assert_int_eq(wastes_link(&w, 700), 0);
	ck_assert_uint_eq(going_on(2), 300);
	ck_assert_uint_eq(going_on(1), 0);
}
END_TEST

START_TEST(pieces_that_collections_part_are_two)
{
	pairs(300, 100, true);
	ck_assert_int_eq(wastes_link(&w, 700), 0);
	ck_assert_uint_eq(going_on(2) + going_on(1), 0);
}
END_TEST

START_TEST(few_pairs_prove_nothing)
{
	pairs(10, 100, false);
	ck_assert_int_eq(wastes_link(&w, 700), 0);
	ck_assert_uint_eq(going_on(2), 0);
}
END_TEST

START_TEST(pieces_of_two_threads_are_never_one)
{
	pairs(300, 100, false);
	for (uint32_t i = 0; i < w.n; i++)
		wastes_at(&w, i)->thread = i % 2;
	ck_assert_int_eq(wastes_link(&w, 700), 0);
	ck_assert_uint_eq(going_on(2), 0);
}
END_TEST

START_TEST(what_is_one_becomes_garbage_at_one_time)
{
	pairs(300, 100, false);
	ck_assert_int_eq(wastes_link(&w, 700), 0);
	ck_assert_int_eq(wastes_fit(&w), 0);
	for (uint32_t i = 0; i + 1 < w.n; i += 2) {
		const struct waste *x = wastes_at(&w, i), *y = wastes_at(&w, i + 1);

		ck_assert_uint_eq(waste_clock(x, WASTE_LIKELY), waste_clock(y, WASTE_LIKELY));
		ck_assert_uint_eq(y->oldest, x->oldest);
	}
}
END_TEST

START_TEST(memory_that_ends_is_told)
{
	things_in_use_for(300, 50);
	for (unsigned i = 1; i <= 4; i++) {
		mem_refuse_at = i;
		ck_assert_int_ne(wastes_fit(&w), 0);
		mem_refuse_at = 0;
	}
	mem_refuse_at = 1;
	ck_assert_int_ne(wastes_link(&w, 700), 0);
	mem_refuse_at = 0;
	ck_assert_int_eq(wastes_fit(&w), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("waste");
	TCase *c = tcase_create("waste");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, objects_of_a_piece_come_back_as_they_were_put);
	tcase_add_test(c, the_age_that_all_reach_is_found_from_collections_at_other_ages);
	tcase_add_test(c, no_age_is_outside_of_what_was_seen_of_the_piece);
	tcase_add_test(c, one_age_that_all_can_have_is_the_age_of_all);
	tcase_add_test(c, what_was_freed_without_a_look_at_all_of_it_needs_no_look_at_all_of_it);
	tcase_add_test(c, what_waited_for_a_look_at_all_of_it_waits_again);
	tcase_add_test(c, what_was_being_made_is_one_thing_and_the_next_is_another);
	tcase_add_test(c, places_have_ages_of_their_own);
	tcase_add_test(c, pieces_that_no_collection_parts_are_one);
	tcase_add_test(c, pieces_that_collections_part_are_two);
	tcase_add_test(c, few_pairs_prove_nothing);
	tcase_add_test(c, pieces_of_two_threads_are_never_one);
	tcase_add_test(c, what_is_one_becomes_garbage_at_one_time);
	tcase_add_test(c, memory_that_ends_is_told);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
