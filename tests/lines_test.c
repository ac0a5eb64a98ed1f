#include "lines.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char error[LINES_ERROR];

START_TEST(told_lines_are_trimmed_and_numbered)
{
	char text[] = "# a head\n\n  one  \n\t\n#two\nthree";
	struct lines l = { text, "f", 0, error };

	ck_assert_str_eq(lines_next_told(&l), "one");
	ck_assert_uint_eq(l.line, 3);
	ck_assert_str_eq(lines_next_told(&l), "three");
	ck_assert_uint_eq(l.line, 6);
	ck_assert_ptr_null(lines_next_told(&l));
	ck_assert_ptr_null(lines_next_told(&l));
	ck_assert_uint_eq(l.line, 6);
}
END_TEST

START_TEST(every_line_is_given_as_it_is)
{
	char text[] = " a \n\nb\n";
	struct lines l = { text, "f", 0, error };

	ck_assert_str_eq(lines_next(&l), " a ");
	ck_assert_str_eq(lines_next(&l), "");
	ck_assert_str_eq(lines_next(&l), "b");
	ck_assert_str_eq(lines_next(&l), "");
	ck_assert_ptr_null(lines_next(&l));
	ck_assert_uint_eq(l.line, 4);
}
END_TEST

START_TEST(nothing_is_left_of_white_space)
{
	char blank[] = " \t \r", empty[] = "", bytes[] = "\xa0 x \xff";

	ck_assert_str_eq(lines_trim(blank), "");
	ck_assert_str_eq(lines_trim(empty), "");
	ck_assert_str_eq(lines_trim(bytes), "\xa0 x \xff");
}
END_TEST

START_TEST(an_error_names_the_line_and_stays_one_line)
{
	struct lines l = { NULL, "some/file", 12, error };
	char path[600], where[600];

	ck_assert_int_eq(lines_wrong(&l, "no such word", "blue"), -EINVAL);
	ck_assert_str_eq(error, "some/file:12: no such word: blue");
	lines_wrong(&l, "too short", "");
	ck_assert_str_eq(error, "some/file:12: too short");
	memset(path, 'p', sizeof(path));
	memset(where, 'w', sizeof(where));
	path[599] = where[599] = 0;
	l.path = path;
	lines_wrong(&l, "long", where);
	ck_assert_uint_eq(strlen(error), LINES_ERROR - 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lines");
	TCase *c = tcase_create("lines");
	SRunner *r;
	int failed;

	tcase_add_test(c, told_lines_are_trimmed_and_numbered);
	tcase_add_test(c, every_line_is_given_as_it_is);
	tcase_add_test(c, nothing_is_left_of_white_space);
	tcase_add_test(c, an_error_names_the_line_and_stays_one_line);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
