#include "term.h"

#include <check.h>
#include <stdlib.h>

static char *wrapped(unsigned width, unsigned column, unsigned indent, const char *text)
{
	char *s;
	size_t n;
	struct term t = { .out = open_memstream(&s, &n), .width = width };

	term_wrap(&t, column, indent, text);
	fclose(t.out);
	return s;
}

START_TEST(lines_break_at_spaces_and_words_stay_whole)
{
	static const struct { unsigned width, column, indent; const char *text, *lines; } row[] = {
		{ 10, 0, 0, "one two three", "one two\nthree\n" },
		{ 10, 0, 2, "one two three four", "one two\n  three\n  four\n" },
		{ 10, 4, 4, "one two", "one\n    two\n" },
		{ 10, 0, 2, "averyveryverylongword x", "averyveryverylongword\n  x\n" },
		{ 10, 0, 0, "", "\n" },
		{ 10, 0, 0, "  a   b ", "a b\n" },
		{ 8, 0, 0, "\xc3\xa9\xc3\xa9\xc3\xa9 \xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", "\xc3\xa9\xc3\xa9\xc3\xa9 "
			"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\n" },
	};
	size_t i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char *s = wrapped(row[i].width, row[i].column, row[i].indent, row[i].text);

		ck_assert_str_eq(s, row[i].lines);
		free(s);
	}
}
END_TEST

START_TEST(a_traced_program_s_text_cannot_steer_the_terminal)
{
	char *s = wrapped(40, 0, 0, "a\033[2Jb\rc");

	ck_assert_str_eq(s, "a?[2Jb?c\n");
	free(s);
}
END_TEST

START_TEST(colour_is_for_terminals_alone)
{
	FILE *f = tmpfile();
	struct term t;

	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	t = term_of(f);
	ck_assert(!t.colour);
	fclose(f);
}
END_TEST

START_TEST(the_width_is_that_of_COLUMNS_within_reason)
{
	static const struct { const char *columns; unsigned width; } row[] = {
		{ "80", 80 }, { "5", 40 }, { "-3", 100 }, { "x", 100 }, { "99999999", 100 },
	};
	FILE *f = tmpfile();
	size_t i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		setenv("COLUMNS", row[i].columns, 1);
		ck_assert_uint_eq(term_of(f).width, row[i].width);
	}
	fclose(f);
}
END_TEST

START_TEST(paths_are_shown_from_where_one_stands)
{
	struct term t = { .directory = "/home/u/app" };

	ck_assert_str_eq(term_path(&t, "/home/u/app/x/y.py"), "x/y.py");
	ck_assert_str_eq(term_path(&t, "/home/u/apple/y.py"), "/home/u/apple/y.py");
	ck_assert_str_eq(term_path(&t, "/home/u/app"), "/home/u/app");
	t.directory = "/";
	ck_assert_str_eq(term_path(&t, "/usr/x.py"), "/usr/x.py");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("term");
	TCase *t = tcase_create("term");
	SRunner *r;
	int failed;

	tcase_add_test(t, lines_break_at_spaces_and_words_stay_whole);
	tcase_add_test(t, a_traced_program_s_text_cannot_steer_the_terminal);
	tcase_add_test(t, colour_is_for_terminals_alone);
	tcase_add_test(t, the_width_is_that_of_COLUMNS_within_reason);
	tcase_add_test(t, paths_are_shown_from_where_one_stands);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
