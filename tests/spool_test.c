/*
 * spool_test.c - bytes written once, in memory or in a file without a name
 */
#include "spool.h"

#include <check.h>
#include <stdlib.h>

enum { LINE = 1000 };

static void put(struct spool *s, uint64_t n)
{
	for (uint64_t end = s->size + n; s->size < end;) {
		ck_assert_int_eq(spool_room(s, LINE), 0);
		for (unsigned i = 0; i < LINE; i++, s->size++)
			s->p[s->size] = (uint8_t)(s->size * 31 >> 3);
	}
}

static void all_there(const struct spool *s)
{
	uint64_t wrong = 0;

	for (uint64_t i = 0; i < s->size; i++)
		wrong += s->p[i] != (uint8_t)(i * 31 >> 3);
	ck_assert_uint_eq(wrong, 0);
}

START_TEST(few_bytes_stay_in_memory)
{
	struct spool s = {0};

	put(&s, 100000);
	all_there(&s);
	ck_assert(!s.is_file);
	spool_fini(&s);
}
END_TEST

START_TEST(many_stand_in_a_file_that_grows)
{
	struct spool s = {0};

	ck_assert_int_eq(unsetenv("TMPDIR"), 0);
	put(&s, 5ul * SPOOL_MEMORY);
	all_there(&s);
	ck_assert(s.is_file);
	spool_fini(&s);
	ck_assert(!s.p);
}
END_TEST

START_TEST(a_folder_that_is_none_is_passed_over)
{
	struct spool s = {0};

	ck_assert_int_eq(setenv("TMPDIR", "/nowhere/at/all", 1), 0);
	put(&s, 2ul * SPOOL_MEMORY);
	all_there(&s);
	spool_fini(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("spool");
	TCase *c = tcase_create("spool");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, few_bytes_stay_in_memory);
	tcase_add_test(c, many_stand_in_a_file_that_grows);
	tcase_add_test(c, a_folder_that_is_none_is_passed_over);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
