#include "wild.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *pattern, *text;
	unsigned how;
	bool matches;
} rows[] = {
	{ "abc", "abc", WILD_WHOLE, true },
	{ "abc", "abcd", WILD_WHOLE, false },
	{ "", "", WILD_WHOLE, true },
	{ "", "a", WILD_WHOLE, false },
	{ "*", "", WILD_WHOLE, true },
	{ "*", "a/b", WILD_WHOLE, true },
	{ "a*c", "abbc", WILD_WHOLE, true },
	{ "a*c", "abcb", WILD_WHOLE, false },
	{ "a*b*c", "aXbXbYc", WILD_WHOLE, true },
	{ "*ab", "aaab", WILD_WHOLE, true },
	{ "a?c", "abc", WILD_WHOLE, false },
	{ "a?c", "a?c", WILD_WHOLE, true },
	{ "a?c", "abc", WILD_ONE, true },
	{ "a?c", "ac", WILD_ONE, false },
	{ "?", "", WILD_ONE, false },
	{ "^a", "^a", WILD_WHOLE, true },
	{ "bc", "abcd", WILD_PART, true },
	{ "bd", "abcd", WILD_PART, false },
	{ "b*d", "abcde", WILD_PART, true },
	{ "^bc", "abcd", WILD_PART, false },
	{ "^ab", "abcd", WILD_PART, true },
	{ "cd$", "abcd", WILD_PART, true },
	{ "bc$", "abcd", WILD_PART, false },
	{ "^abcd$", "abcd", WILD_PART, true },
	{ "^a*d$", "abcd", WILD_PART, true },
	{ "^a*c$", "abcd", WILD_PART, false },
	{ "b$", "abab", WILD_PART, true },
	{ "", "", WILD_PART, true },
	{ "$", "a", WILD_PART, true },
	{ "^$", "a", WILD_PART, false },
	{ "a", "", WILD_PART, false },
};

START_TEST(each_row_of_the_table_holds)
{
	ck_assert_msg(wild_match(rows[_i].pattern, rows[_i].text, rows[_i].how) == rows[_i].matches,
		      "row %d: %s, %s", _i, rows[_i].pattern, rows[_i].text);
}
END_TEST

START_TEST(many_stars_take_no_time)
{
	char pattern[201], text[5001];

	for (int i = 0; i < 200; i += 2)
		memcpy(pattern + i, "*a", 2);
	pattern[199] = 'b';
	pattern[200] = 0;
	memset(text, 'a', 5000);
	text[5000] = 0;
	ck_assert(!wild_match(pattern, text, WILD_WHOLE));
	ck_assert(!wild_match(pattern, text, WILD_PART | WILD_ONE));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("wild");
	TCase *t = tcase_create("wild");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, each_row_of_the_table_holds, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(t, many_stars_take_no_time);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
