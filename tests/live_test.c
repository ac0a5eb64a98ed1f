/*
 * live_test.c - both tables hold what a plain array says, through growth and holes
 */
#include "../analyzer/live.h"	/* the guest has a header of that name too */

#include <check.h>
#include <stdlib.h>

#define PLACES 3000			/* near one another, as a heap's addresses are */

static struct live l;

static void setup(void)
{
	ck_assert_int_eq(live_init(&l), 0);
}

static void teardown(void)
{
	live_fini(&l);
}

static uint64_t address(int place)
{
	return 0x7f0000001000 + (uint64_t)place * 16;
}

START_TEST(blocks_are_where_a_plain_array_says)
{
	bool there[PLACES] = { false };
	size_t count = 0;

	srand(5);
	for (int i = 0; i < 200000; i++) {
		int k = rand() % PLACES;
		struct block *b = live_block(&l, address(k));

		ck_assert_int_eq(b != NULL, there[k]);
		if (b)
			live_remove_block(&l, b);
		else
			live_add_block(&l, address(k))->size = (uint64_t)k;
		count += there[k] ? -1ul : 1;
		there[k] = !there[k];
	}
	ck_assert_uint_eq(l.blocks, count);
	for (int k = 0; k < PLACES; k++)
		ck_assert_uint_eq(there[k] ? live_block(&l, address(k))->size : (uint64_t)k,
			(uint64_t)k);
}
END_TEST

START_TEST(objects_are_where_a_plain_array_says_also_when_they_move)
{
	uint32_t row[PLACES] = { 0 };

	srand(6);
	for (int i = 0; i < 200000; i++) {
		int k = rand() % PLACES, to = rand() % PLACES;

		ck_assert_uint_eq(live_object(&l, address(k)), row[k]);
		if (!row[k]) {
			row[k] = live_add_object(&l, address(k));
			ck_assert_uint_ne(row[k], 0);
		} else if (row[to] || rand() % 2) {
			live_remove_object(&l, row[k]);
			row[k] = 0;
		} else {
			live_lift_object(&l, row[k]);
			ck_assert_uint_eq(live_object(&l, address(k)), 0);
			ck_assert_int_eq(live_land_object(&l, row[k], address(to)), 0);
			row[to] = row[k];
			row[k] = 0;
		}
	}
	for (int k = 0; k < PLACES; k++)
		if (row[k])
			ck_assert_uint_eq(l.object[row[k]].addr, address(k));
	ck_assert_uint_le(l.rows, PLACES + 1);	/* rows are used again */
}
END_TEST

int main(void)
{
	Suite *s = suite_create("live");
	TCase *c = tcase_create("live");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, blocks_are_where_a_plain_array_says);
	tcase_add_test(c, objects_are_where_a_plain_array_says_also_when_they_move);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
