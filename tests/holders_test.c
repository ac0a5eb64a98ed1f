#include "buf.h"
#include "heap_of.h"
#include "holders.h"
#include "mem.h"

/* "sum | path | path" of the first match. */
static char *held_by(const char *drawing, const char *query)
{
	struct heap_drawing *d = heap_of(drawing);
	struct holders s;
	struct held x;
	struct buf out = {0};
	uint32_t i;

	ck_assert_int_eq(holders_init(&s, &d->h, query), 0);
	buf_printf(&out, "%s: ", holders_by_words(s.by));
	if (s.n) {
		ck_assert_int_eq(held_init(&x, &s, s.match[0], 3), 0);
		buf_puts(&out, x.sum);
		for (i = 0; i < x.npaths; i++)
			buf_printf(&out, " | %s", x.path[i]);
		held_fini(&x);
	}
	holders_fini(&s);
	heap_of_fini(d);
	return buf_take(&out);
}

#define ck_held(drawing, query, expected) do {				\
	char *held_ = held_by(drawing, query);				\
	ck_assert_str_eq(held_, expected);				\
	mem_free(held_);						\
} while (0)

#define PROGRAM								\
	"modules dict infra\n"						\
	"main module label=__main__ infra\n"				\
	"space dict namespace infra\n"					\
	"single list var=single at=<module>,refcount.py,4\n"		\
	"* > modules interp modules\n"					\
	"modules > main key __main__\n"					\
	"main > space dict\n"						\
	"space > single key single\n"

START_TEST(a_global_and_an_argument_hold_it)
{
	ck_held(PROGRAM "* > single stack <module> 5\n", "single",
		"module global: refcount 2 = 1 module global `single` of __main__ + "
		"1 evaluation stack of <module> line 5 + 0 unknown | "
		"evaluation stack of <module> line 5 | __main__.single");
}
END_TEST

START_TEST(a_global_alone)
{
	ck_held(PROGRAM, "single", "module global: refcount 1 = 1 module global `single` of "
		"__main__ + 0 unknown | __main__.single");
}
END_TEST

START_TEST(queries_say_what_they_mean)
{
	static const char *const query[][2] = {
		{ "single", "module global" }, { "__main__.single", "module global" },
		{ "var:single", "variable it was made for" }, { "refcount.py:4", "place of birth" },
		{ "list", "type" }, { "type:list", "type" }, { "0x10c0", "address" },
		{ "<module>", "function it was made in" }, { "__main__", "name" },
		{ "nobody", "nothing" }, { "efcount.py:4", "nothing" }, { "refcount.py:", "nothing" },
		{ "0x", "nothing" }, { "global:list", "nothing" },
	};
	size_t i;

	for (i = 0; i < sizeof(query) / sizeof(query[0]); i++) {
		char *s = held_by(PROGRAM, query[i][0]);

		ck_assert_msg(!strncmp(s, query[i][1], strlen(query[i][1])), "%s: %s", query[i][0], s);
		mem_free(s);
	}
}
END_TEST

START_TEST(ways_are_told_from_the_last_module_or_a_local_variable)
{
	ck_held(PROGRAM "c __main__.Cache at=f,a.py,2\nd dict at=__init__,a.py,5\n"
		"r dict at=__init__,a.py,6\nx list at=put,a.py,9\n"
		"space > c key cache\nc > d dict\nd > r key rows\nr > x keyrepr (1,2)\n"
		"* > x local item main a.py 20\n", "put()",
		"function it was made in: refcount 2 = 1 [(1,2)] of a dict made in __init__() (a.py:6) + "
		"1 local variable `item` of main() (a.py:20) + 0 unknown | "
		"item, local variable `item` of main() (a.py:20) | __main__.cache.rows[(1,2)]");
	ck_held(PROGRAM "c __main__.Cache at=f,a.py,2\nd dict at=__init__,a.py,5\n"
		"r dict at=__init__,a.py,6\nx list at=put,a.py,9\n"
		"space > c key cache\nc > d dict\nd > r key rows\nr > x key one\n", "put()",
		"function it was made in: refcount 1 = 1 ['one'] of a dict made in __init__() "
		"(a.py:6) + 0 unknown | __main__.cache.rows['one']");
}
END_TEST

START_TEST(holders_alike_are_summed)
{
	ck_held("x list at=f,a.py,3\na __main__.A var=a at=f,a.py,4\nb __main__.A var=a at=f,a.py,4\n"
		"a > x attr rows\nb > x attr rows\n* > a static s\n* > b static s\n", "list",
		"type: refcount 2 = 2 a.rows (A) made in f() (a.py:4) + 0 unknown | "
		"(C variable `s`).rows");
}
END_TEST

START_TEST(what_nobody_accounts_for_is_unknown)
{
	ck_held("a list at=f,a.py,3 +2\n* > a local x f a.py 3\n", "list",
		"type: refcount 3 = 1 local variable `x` of f() (a.py:3) + 2 unknown | "
		"x, local variable `x` of f() (a.py:3)");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("holders");
	TCase *t = tcase_create("holders");
	SRunner *r;
	int failed;

	tcase_add_test(t, a_global_and_an_argument_hold_it);
	tcase_add_test(t, a_global_alone);
	tcase_add_test(t, queries_say_what_they_mean);
	tcase_add_test(t, ways_are_told_from_the_last_module_or_a_local_variable);
	tcase_add_test(t, holders_alike_are_summed);
	tcase_add_test(t, what_nobody_accounts_for_is_unknown);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
