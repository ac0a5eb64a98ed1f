/* Types and objects in words. */
#include "words.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void claim(const char *type, const char *words)
{
	struct buf b = { 0 };

	words_put_type(&b, type);
	ck_assert_str_eq(buf_text(&b), words);
	buf_fini(&b);
}

START_TEST(a_type_of_the_program_itself_needs_no_module)
{
	claim("__main__.Node", "Node");
	claim("app.make.<locals>.Node", "Node");
	claim("app.Node", "app.Node");
	claim("weakref.ReferenceType", "weakref.ref");
}
END_TEST

START_TEST(a_very_long_name_is_cut_where_it_stops_to_be_a_name)
{
	char odd[200] = "app.localrepo.derivedrepo:/srv/", plain[200];

	memset(odd + strlen(odd), 'x', 100);
	claim(odd, "app.localrepo.derivedrepo...");
	memset(plain, 'y', 100);
	plain[100] = '\0';
	claim(plain, "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy...");
	plain[60] = '\0';
	claim(plain, plain);
}
END_TEST

START_TEST(a_letter_is_never_cut_in_two)
{
	/* A first letter of one byte, then letters of two: the cut at 57 would be inside of one. */
	char name[100] = "<x";
	struct buf b = { 0 };
	int i;

	for (i = 0; i < 40; i++)
		strcat(name, "\xc3\xa9");
	words_put_type(&b, name);
	ck_assert_uint_eq(b.n, 56 + 3);
	ck_assert_str_eq(buf_text(&b) + 54, "\xc3\xa9...");
	buf_fini(&b);
}
END_TEST

START_TEST(objects_are_counted_in_the_plural)
{
	struct buf b = { 0 };

	words_objects(&b, "list", 1);
	buf_puts(&b, ", ");
	words_objects(&b, "dict", 2);
	buf_puts(&b, ", ");
	words_objects(&b, "__main__.Node", 3);
	buf_puts(&b, ", ");
	words_objects(&b, "type", 1);
	buf_puts(&b, ", ");
	words_objects(&b, "type", 2);
	ck_assert_str_eq(buf_text(&b), "1 list, 2 dicts, 3 Node objects, 1 class, 2 classes");
	buf_fini(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("words");
	TCase *t = tcase_create("words");
	SRunner *r;
	int failed;

	tcase_add_test(t, a_type_of_the_program_itself_needs_no_module);
	tcase_add_test(t, a_very_long_name_is_cut_where_it_stops_to_be_a_name);
	tcase_add_test(t, a_letter_is_never_cut_in_two);
	tcase_add_test(t, objects_are_counted_in_the_plural);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
