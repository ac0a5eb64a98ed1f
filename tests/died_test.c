/*
 * died_test.c - what is told of the dead of a collection
 */
#include "died.h"

#include <check.h>

static struct died d;

static void teardown(void)
{
	died_fini(&d);
}

static void note(uint32_t collection, uint32_t type, uint32_t objects)
{
	ck_assert_int_eq(died_note(&d, &(struct died_row){ collection, 1, type, objects }), 0);
}

START_TEST(the_most_come_first_and_few_are_not_told)
{
	static const uint32_t objects[] = { 5, 9, 2, 7, 1 }, told[] = { 9, 7, 5 };
	const struct died_row *x;
	uint32_t n;

	for (uint32_t i = 0; i < 5; i++)
		note(4, i, objects[i]);
	x = died_of(&d, 4, &n);
	ck_assert_uint_eq(n, DIED_TOLD);
	for (uint32_t i = 0; i < n; i++)
		ck_assert_uint_eq(x[i].objects, told[i]);
	ck_assert_uint_eq(x[0].type, 1);
}
END_TEST

START_TEST(each_collection_has_its_own)
{
	const struct died_row *x;
	uint32_t n;

	note(2, 1, 10);
	note(5, 1, 20);
	note(5, 2, 30);
	note(9, 1, 1);
	x = died_of(&d, 5, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(x[0].objects, 30);
	ck_assert_ptr_null(died_of(&d, 3, &n));
	ck_assert_uint_eq(n, 0);
	ck_assert_ptr_null(died_of(&d, 10, &n));
	ck_assert_uint_eq(died_of(&d, 9, &n)->objects, 1);
}
END_TEST

START_TEST(when_there_is_no_more_room_the_first_stay)
{
	uint32_t n;

	for (uint32_t i = 0; i < DIED_MAX + 10; i++)
		note(i, 1, 1);
	ck_assert_uint_eq(d.n, DIED_MAX);
	ck_assert_ptr_nonnull(died_of(&d, DIED_MAX - 1, &n));
	ck_assert_ptr_null(died_of(&d, DIED_MAX + 1, &n));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("died");
	SRunner *runner = srunner_create(suite);
	TCase *c = tcase_create("died");
	int failed;

	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_add_test(c, the_most_come_first_and_few_are_not_told);
	tcase_add_test(c, each_collection_has_its_own);
	tcase_add_test(c, when_there_is_no_more_room_the_first_stay);
	suite_add_tcase(suite, c);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
