/*
 * describe_test.c - the language of description files (ouro/describe.h)
 */
#include <check.h>
#include <ouro/describe.h>
#include <stdio.h>
#include <stdlib.h>

static struct ouro_description d;

static bool parse(const char *text)
{
	return ouro_describe(text, strlen(text), &d);
}

#define HEAD "runtime r\nlibrary lib.so\ntype t\n"

/* "LINE WORD": where the error is. */
static const char *error_of(const char *text)
{
	static char said[200];

	if (parse(text))
		return "none";
	snprintf(said, sizeof(said), "%u %.*s", d.error_line, (int)d.error_word.n,
		 d.error_word.s);
	return said;
}

static bool matches(const char *pattern, const char *name)
{
	return ouro_word_matches((struct ouro_word){ pattern, (uint32_t)strlen(pattern) }, name,
				 strlen(name));
}

START_TEST(a_star_stands_for_any_characters)
{
	ck_assert(matches("foo_ref", "foo_ref"));
	ck_assert(!matches("foo_ref", "foo_reff"));
	ck_assert(!matches("foo_ref", "foo_re"));
	ck_assert(matches("*_ref", "foo_ref"));
	ck_assert(matches("foo_*", "foo_"));
	ck_assert(matches("a*b*c", "aXbbYc"));
	ck_assert(!matches("a*b*c", "aXbbY"));
	ck_assert(matches("*", ""));
	ck_assert(!matches("", "a"));
}
END_TEST

START_TEST(what_the_star_stood_for_is_told)
{
	struct ouro_word w = ouro_word_star((struct ouro_word){ "hb_*_create", 11 },
					    "hb_font_create", 14);

	ck_assert_uint_eq(w.n, 4);
	ck_assert(!memcmp(w.s, "font", 4));
	w = ouro_word_star((struct ouro_word){ "x*", 2 }, "x", 1);
	ck_assert_uint_eq(w.n, 0);
}
END_TEST

START_TEST(a_rule_has_its_objects_where_one_expects_them)
{
	ck_assert(parse(HEAD "create f\nretain g\nrelease h object arg2[-8][0x10]\n"));
	ck_assert_uint_eq(d.rules, 3);
	ck_assert_int_eq(d.rule[0].object.from, OURO_FROM_RESULT);
	ck_assert(d.rule[0].object.after);
	ck_assert_int_eq(d.rule[1].object.from, 1);
	ck_assert(!d.rule[1].object.after);
	ck_assert_int_eq(d.rule[1].count, 1);
	ck_assert_int_eq(d.rule[2].object.from, 2);
	ck_assert_int_eq(d.rule[2].object.steps, 2);
	ck_assert_int_eq(d.rule[2].object.offset[0], -8);
	ck_assert_int_eq(d.rule[2].object.offset[1], 16);
	ck_assert(d.counted);
}
END_TEST

START_TEST(words_that_say_how_hold_for_all_functions_of_the_line)
{
	ck_assert(parse(HEAD "create f g object arg2[0] after shared when result >= 0 h\n"));
	ck_assert_uint_eq(d.rules, 3);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(d.rule[i].object.from, 2);
		ck_assert(d.rule[i].object.after);
		ck_assert(d.rule[i].shared);
		ck_assert_int_eq(d.rule[i].when, OURO_WHEN_LEAST);
	}
	ck_assert(d.type[0].shared);
	ck_assert(!d.counted);
}
END_TEST

START_TEST(types_have_counts_and_names)
{
	ck_assert(parse(HEAD "count [8][4] size 8 plus 1\nimmortal -1 0x7fffffff\n"
			"named number [0] size 1\nname 3 an array\nname -1 nothing\n"
			"create f\ntype u\nnamed string [0][8]\ncount by get\nrelease g times arg3\n"));
	ck_assert_int_eq(d.type[0].count.size, 8);
	ck_assert_int_eq(d.type[0].count.plus, 1);
	ck_assert_int_eq(d.type[0].count.at.steps, 2);
	ck_assert_int_eq(d.type[0].immortals, 2);
	ck_assert_int_eq(d.type[0].immortal[1], INT32_MAX);
	ck_assert_uint_eq(d.type[0].names, 2);
	ck_assert_uint_eq(d.type_name[0].name.n, strlen("an array"));
	ck_assert_int_eq(d.type_name[1].number, -1);
	ck_assert_int_eq(d.type[1].string.steps, 2);
	ck_assert_uint_eq(d.type[1].count_by.n, 3);
	ck_assert_int_eq(d.rule[1].type, 1);
	ck_assert_int_eq(d.rule[1].times.from, 3);
}
END_TEST

START_TEST(comments_blanks_and_line_ends_do_not_matter)
{
	ck_assert(parse("# a\n\n\truntime  r # b\r\nlibrary a.so b.so\r\nprogram p#q\n"
			"type t\n  create f#g\n  note no # comment\n  except f#h"));
	ck_assert_uint_eq(d.name.n, 1);
	ck_assert_uint_eq(d.libraries, 2);
	ck_assert_uint_eq(d.program[0].n, 3);
	ck_assert_uint_eq(d.rule[0].function.n, 3);
	ck_assert_uint_eq(d.note[0].n, 2);
	ck_assert_uint_eq(d.excepts, 1);
}
END_TEST

START_TEST(errors_say_where)
{
	static const struct { const char *text, *where; } table[] = {
		{ "", "0 " },
		{ "runtime\n", "1 runtime" },
		{ "runtime r\nruntime s\n", "2 runtime" },
		{ "runtime r s\n", "1 s" },
		{ "runtime r\nlibrary\n", "2 library" },
		{ "runtime r\nlibrary l\n", "0 " },
		{ "runtime r\nlibrary l\nretain f\n", "3 retain" },
		{ "runtime r\nlibrary l\ncount [0]\n", "3 count" },
		{ "runtime r\nlibrary l\nimmortal 1\n", "3 immortal" },
		{ "runtime r\nlibrary l\nnamed string [0]\n", "3 named" },
		{ "runtime r\nlibrary l\nname 1 x\n", "3 name" },
		{ HEAD "retain\n", "4 retain" },
		{ HEAD "retain f object\n", "4 " },
		{ HEAD "retain f object arg0\n", "4 arg0" },
		{ HEAD "retain f object arg1[\n", "4 [" },
		{ HEAD "retain f object arg1[0][0][0][0][0]\n", "4 [0]" },
		{ HEAD "retain f object arg1[40000]\n", "4 [40000]" },
		{ HEAD "retain f times 0\n", "4 0" },
		{ HEAD "create f when result >\n", "4 result" },
		{ HEAD "hold f\n", "4 hold" },
		{ HEAD "hold f held arg2 as\n", "4 as" },
		{ HEAD "count [0] size\n", "4 " },
		{ HEAD "count [0] width 4\n", "4 width" },
		{ HEAD "count by\n", "4 count" },
		{ HEAD "named number [0]\nname x y\n", "5 x" },
		{ HEAD "named number [0]\nname 1\n", "5 1" },
		{ HEAD "named object [0]\n", "4 object" },
		{ HEAD "immortal 1 2 3 4 5\n", "4 5" },
		{ HEAD "type u*\ncreate a*b*\n", "5 a*b*" },
		{ HEAD "frob\n", "4 frob" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		ck_assert_msg(!strcmp(error_of(table[i].text), table[i].where), "%s: %s",
			      table[i].text, error_of(table[i].text));
}
END_TEST

/* Whatever stands in the file: cut anywhere, or with any byte changed, nothing is read beyond it. */
START_TEST(damage_is_an_error_or_another_description)
{
	static const char whole[] = HEAD "named number [0] size 4\nname 1 a b\n"
		"count [8][16] size 4 plus -1\nimmortal -1\ncreate a*b object arg2[0] after when "
		"result != 3 shared\nhold f held arg3[8] as the next one\nrelease g times arg2 # x\n";
	size_t n = sizeof(whole) - 1;

	for (size_t cut = 0; cut <= n; cut++) {
		char *exact = malloc(cut ? cut : 1);

		memcpy(exact, whole, cut);
		ouro_describe(exact, cut, &d);
		ck_assert((d.error != NULL) == !ouro_describe(exact, cut, &d));
		free(exact);
	}
	for (size_t i = 0; i < n; i++) {
		static const char odd[] = { 0, '*', '[', ']', '\n', ' ', '-', '9', (char)0xff };

		for (size_t k = 0; k < sizeof(odd); k++) {
			char *copy = malloc(n);

			memcpy(copy, whole, n);
			copy[i] = odd[k];
			ouro_describe(copy, n, &d);
			free(copy);
		}
	}
}
END_TEST

START_TEST(too_much_of_anything_is_an_error)
{
	static const char *const lines[] = { "library l\n", "note n\n", "except e\n", "type t\n",
		"name 1 x\n", "create f\n" };

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		char *text = malloc(OURO_DESCRIBE_FILE), *at = text;

		at += sprintf(at, HEAD "named number [0]\n");
		for (int n = 0; n < 600; n++)
			at += sprintf(at, "%s", lines[i]);
		ck_assert(!ouro_describe(text, (size_t)(at - text), &d));
		ck_assert_uint_gt(d.error_line, 4);
		free(text);
	}
	ck_assert(!ouro_describe("", OURO_DESCRIBE_FILE + 1, &d));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("describe");
	TCase *t = tcase_create("describe");
	SRunner *r;
	int failed;

	tcase_add_test(t, a_star_stands_for_any_characters);
	tcase_add_test(t, what_the_star_stood_for_is_told);
	tcase_add_test(t, a_rule_has_its_objects_where_one_expects_them);
	tcase_add_test(t, words_that_say_how_hold_for_all_functions_of_the_line);
	tcase_add_test(t, types_have_counts_and_names);
	tcase_add_test(t, comments_blanks_and_line_ends_do_not_matter);
	tcase_add_test(t, errors_say_where);
	tcase_add_test(t, damage_is_an_error_or_another_description);
	tcase_add_test(t, too_much_of_anything_is_an_error);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
