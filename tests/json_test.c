#include "json.h"

#include "json_valid.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static char *written;
static size_t length;

static struct json writer(void)
{
	return (struct json){ .out = open_memstream(&written, &length) };
}

static void ck_wrote(struct json *j, const char *expected)
{
	fclose(j->out);
	ck_assert_str_eq(written, expected);
	ck_assert(json_valid(written));
	free(written);
}

START_TEST(values_are_parted_by_commas_at_every_depth)
{
	struct json j = writer();

	json_open(&j, NULL, '{');
	json_uint(&j, "a", UINT64_MAX);
	json_open(&j, "b", '[');
	json_int(&j, NULL, -1);
	json_bool(&j, NULL, true);
	json_null(&j, NULL);
	json_open(&j, NULL, '{');
	json_close(&j, '}');
	json_close(&j, ']');
	json_text(&j, "c", NULL);
	json_close(&j, '}');
	ck_wrote(&j, "{\"a\": 18446744073709551615, \"b\": [-1, true, null, {}], \"c\": null}\n");
}
END_TEST

START_TEST(any_bytes_make_valid_utf8)
{
	static const char *const row[][2] = {
		{ "a\"\\\n\t\x01\x7f", "[\"a\\\"\\\\\\n\\t\\u0001\\u007f\"]\n" },
		{ "\xc3\xa9 \xf0\x9f\x90\x8d", "[\"\xc3\xa9 \xf0\x9f\x90\x8d\"]\n" },
		{ "\xff", "[\"\xef\xbf\xbd\"]\n" },
		{ "\xc0\x80", "[\"\xef\xbf\xbd\xef\xbf\xbd\"]\n" },		/* overlong */
		{ "\xed\xa0\x80", "[\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"]\n" },	/* surrogate */
		{ "x\xe2\x82", "[\"x\xef\xbf\xbd\xef\xbf\xbd\"]\n" },		/* cut off */
		{ "\xf4\x90\x80\x80", "[\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"]\n" },
	};
	size_t i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct json j = writer();

		json_open(&j, NULL, '[');
		json_text(&j, NULL, row[i][0]);
		json_close(&j, ']');
		ck_wrote(&j, row[i][1]);
	}
}
END_TEST

START_TEST(what_is_no_number_is_null)
{
	struct json j = writer();

	json_open(&j, NULL, '[');
	json_real(&j, NULL, NAN);
	json_real(&j, NULL, INFINITY);
	json_real(&j, NULL, 0.25);
	json_close(&j, ']');
	ck_wrote(&j, "[null, null, 0.25]\n");
}
END_TEST

START_TEST(the_judge_of_json_refuses_what_is_none)
{
	static const char *const bad[] = { "", "{", "[1,]", "{\"a\" 1}", "{\"a\": }", "[1] 2", "tru",
		"\"a", "{1: 2}", "[\"\\x\"]", "[,]", "\"\n\"" };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!json_valid(bad[i]), "%s", bad[i]);
	ck_assert(json_valid(" {\"a\": [1, -2.5e3, \"\\u00e9\"], \"b\": {}} "));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("json");
	TCase *t = tcase_create("json");
	SRunner *r;
	int failed;

	tcase_add_test(t, values_are_parted_by_commas_at_every_depth);
	tcase_add_test(t, any_bytes_make_valid_utf8);
	tcase_add_test(t, what_is_no_number_is_null);
	tcase_add_test(t, the_judge_of_json_refuses_what_is_none);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
