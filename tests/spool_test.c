/*
 * spool_test.c - bytes written once, in memory or in a file without a name
 */
#include "spool.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 4000 };

static int value(uint64_t at)
{
	return (int)(at / LINE * 31 >> 3 & 255);
}

static void put(struct spool *s, uint64_t n)
{
	for (uint64_t end = s->size + n; s->size < end; s->size += LINE) {
		ck_assert_int_eq(spool_room(s, LINE), 0);
		memset(s->p + s->size, value(s->size), LINE);
	}
}

static void all_there(const struct spool *s)
{
	for (uint64_t i = 0; i < s->size; i += LINE)
		if (s->p[i] != value(i) || memcmp(s->p + i, s->p + i + 1, LINE - 1))
			ck_abort_msg("a line is wrong");
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

	tcase_set_timeout(c, 60);
	tcase_add_test(c, few_bytes_stay_in_memory);
	tcase_add_test(c, many_stand_in_a_file_that_grows);
	tcase_add_test(c, a_folder_that_is_none_is_passed_over);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
