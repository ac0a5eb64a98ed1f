/*
 * perfmap_test.c - names of code made at run time, and files that are not believed
 */
#include "perfmap.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PID 4711

static char root[64];

static struct perfmap *map_of(const char *text, uint64_t since)
{
	char path[128];
	FILE *f;

	snprintf(root, sizeof root, "/tmp/ouro-perfmap-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	snprintf(path, sizeof path, "%s/tmp", root);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/tmp/perf-%d.map", root, PID);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	return perfmap_open(root, PID, since);
}

static void done(struct perfmap *m)
{
	char command[128];

	perfmap_close(m);
	snprintf(command, sizeof command, "rm -r %s", root);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(an_address_within_is_named_and_one_behind_is_not)
{
	struct perfmap *m = map_of("2000 10 second one\n1000 20 first\n", 0);

	ck_assert_ptr_nonnull(m);
	ck_assert_str_eq(perfmap_find(m, 0x1000), "first");
	ck_assert_str_eq(perfmap_find(m, 0x101f), "first");
	ck_assert_ptr_null(perfmap_find(m, 0x1020));
	ck_assert_ptr_null(perfmap_find(m, 0xfff));
	ck_assert_str_eq(perfmap_find(m, 0x200f), "second one");
	done(m);
}
END_TEST

START_TEST(what_was_named_last_counts)
{
	struct perfmap *m = map_of("1000 100 whole\n1010 10 within\n1010 10 again\n", 0);

	ck_assert_str_eq(perfmap_find(m, 0x1018), "again");
	ck_assert_str_eq(perfmap_find(m, 0x1028), "whole");
	done(m);
}
END_TEST

START_TEST(lines_that_make_no_sense_are_left_out)
{
	struct perfmap *m = map_of("\nxyz\n1000\n1000 0 empty\n1000 10\n1000 10 \nffffffffffffffff 1 last\n3000 8 good", 0);

	ck_assert_ptr_null(perfmap_find(m, 0x1000));
	ck_assert_str_eq(perfmap_find(m, UINT64_MAX), "last");
	ck_assert_str_eq(perfmap_find(m, 0x3000), "good");
	done(m);
}
END_TEST

START_TEST(a_file_of_before_the_run_is_not_believed)
{
	ck_assert_ptr_null(map_of("1000 10 old\n", UINT64_C(4000000000) * 1000000000));
	ck_assert_ptr_null(perfmap_find(NULL, 0x1000));
	ck_assert_ptr_null(perfmap_open(root, PID + 1, 0));
	done(NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("perfmap");
	TCase *t = tcase_create("perfmap");
	SRunner *r;
	int failed;

	tcase_add_test(t, an_address_within_is_named_and_one_behind_is_not);
	tcase_add_test(t, what_was_named_last_counts);
	tcase_add_test(t, lines_that_make_no_sense_are_left_out);
	tcase_add_test(t, a_file_of_before_the_run_is_not_believed);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
