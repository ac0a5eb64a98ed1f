/*
 * place_test.c - which functions only serve those who call them
 */
#include "place.h"

#include <check.h>
#include <stdlib.h>

START_TEST(wrappers_of_malloc_serve_their_callers)
{
	static const char *const names[] = { "xmalloc", "Perl_safesyscalloc", "sqlite3Realloc", "av_strdup",
		"xmemdup", "my::realloc(void*, unsigned long)", "xmalloc.constprop.0", "malloc" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		ck_assert_msg(place_serves(names[i], "/usr/bin/program"), "%s", names[i]);
}
END_TEST

START_TEST(what_only_sounds_like_one_does_not)
{
	static const char *const names[] = { "main", "malloc_stats", "fill", "reallocate_table", "strdup_all",
		"take(malloc)", "" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		ck_assert_msg(!place_serves(names[i], "/usr/bin/program"), "%s", names[i]);
	/* a line of an interpreter is its program's, whatever the function is called */
	ck_assert(!place_serves("my_malloc", NULL));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("place");
	TCase *t = tcase_create("place");
	SRunner *r;
	int failed;

	tcase_add_test(t, wrappers_of_malloc_serve_their_callers);
	tcase_add_test(t, what_only_sounds_like_one_does_not);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
