#include "suppress.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct suppressions s;
static struct ledger l;
static char error[300];

static int parse(const char *text)
{
	char *copy = strdup(text);
	int e = suppressions_parse(&s, copy, "s.supp", error);

	free(copy);
	return e;
}

static void teardown(void)
{
	suppressions_fini(&s);
	ledger_fini(&l);
}

/* lost: grab() of a.cc, called by outer() and main() in /opt/lib/libfoo.so.1 */
static const struct suppress_call stack[] = {
	{ .allocator = true },
	{ .function = "grab", .linker_name = "_ZL4grabm", .file = "/src/a.cc", .line = 7,
	  .module = "/opt/lib/libfoo.so.1" },
	{ .function = "outer", .linker_name = "_Z5outerv", .file = "/src/b.cc", .line = 20,
	  .module = "/opt/lib/libfoo.so.1" },
	{ .function = "main", .module = "/opt/bin/app" },
};

static bool takes(const char *text, const char *kind)
{
	struct ledger_entry *e;

	teardown();
	ck_assert_msg(parse(text) == 0, "%s", error);
	e = ledger_add(&l, kind);
	ledger_place(&l, e, "grab", "src/a.cc", 7);
	ledger_type(&l, e, "app.Node");
	ledger_edge(&l, e, "Node.parent -> Node");
	return suppressions_find(&s, e, stack, 4) != NULL;
}

static const struct { const char *line; bool lost; } lsan[] = {
	{ "leak:grab", true }, { "leak:_ZL4", true }, { "leak:^grab$", true }, { "leak:^rab", false },
	{ "leak:libfoo", true }, { "leak:b.cc", true }, { "leak:bin/app$", true }, { "leak:o*r", true },
	{ "leak:absent", false }, { "#leak:grab", false }, { "  leak:main  ", true },
	{ "race:grab", false }, { "interceptor_via_fun:grab", false },
};

START_TEST(leak_sanitizers)
{
	ck_assert_msg(takes(lsan[_i].line, "lost") == lsan[_i].lost, "%s", lsan[_i].line);
}
END_TEST

START_TEST(leak_is_for_what_nobody_will_free)
{
	ck_assert(takes("leak:grab", "over-retained"));
	ck_assert(takes("leak:grab", "uncollectable-cycle"));
	ck_assert(!takes("leak:grab", "dead-cycle"));
}
END_TEST

static const struct { const char *body; bool lost; } valgrind[] = {
	{ "fun:malloc\nfun:_ZL4grabm\nfun:_Z5outerv\nfun:main", true },
	{ "fun:malloc\nfun:grab", true },
	{ "fun:malloc\nfun:outer", false },
	{ "fun:malloc\n...\nfun:main", true },
	{ "...\nfun:outer", true },
	{ "...\nfun:outer\nfun:grab", false },
	{ "...\n...\nfun:main\n...", true },
	{ "fun:*\nfun:g?ab\nobj:*/libfoo.so*", true },
	{ "fun:malloc\nobj:libfoo.so.1", false },
	{ "obj:*/vgpreload_memcheck*\nfun:grab", true },
	{ "fun:malloc\nsrc:a.cc:7", true },
	{ "fun:malloc\nsrc:a.cc:8", false },
	{ "fun:malloc\nsrc:?.cc", true },
	{ "fun:malloc\nsrc:/src/a.cc", false },
	{ "fun:malloc", false },
	{ "fun:*alloc\n", true },
	{ "fun:_Znwm\nfun:grab", false },
	{ "match-leak-kinds: reachable,possible\nfun:malloc\nfun:grab", false },
	{ "match-leak-kinds: possible,definite\nfun:malloc\nfun:grab", true },
	{ "match-leak-kinds:all\nfun:malloc\nfun:grab", true },
	{ "fun:malloc\nfun:grab\nfun:outer\nfun:main\nfun:more", false },
};

START_TEST(valgrinds)
{
	char text[300];

	snprintf(text, sizeof(text), "# why\n{\n  name\n  Memcheck:Leak\n%s\n}\n", valgrind[_i].body);
	ck_assert_msg(takes(text, "lost") == valgrind[_i].lost, "%s", text);
	ck_assert(!takes(text, "over-retained"));
}
END_TEST

START_TEST(what_is_of_another_kind_is_passed_over)
{
	ck_assert(!takes("{\n a\n Memcheck:Cond\n fun:grab\n}\n{\n b\n Memcheck:Param\n write(buf)\n "
			 "...\n}\n{\n c\n Helgrind:Race\n fun:grab\n}\n", "lost"));
	ck_assert_uint_eq(s.n, 0);
	ck_assert(takes("{\n a\n Addrcheck,Memcheck:Leak\n ...\n}\n", "lost"));
}
END_TEST

static const struct { const char *line, *kind; bool taken; } own[] = {
	{ "dead-cycle: type=app.Node", "dead-cycle", true },
	{ "dead-cycle: type=Node", "dead-cycle", true },
	{ "dead-cycle: type=Nod", "dead-cycle", false },
	{ "dead-cycle: type=app.Node", "lost", false },
	{ "any: type=*.Node function=gr*", "lost", true },
	{ "any: type=*.Node function=absent", "lost", false },
	{ "any: file=a.cc", "lost", true },
	{ "any: file=src/*", "lost", true },
	{ "any: module=*/libfoo.so*", "lost", true },
	{ "any: edge=*.parent*", "lost", true },
	{ "any: edge=*.child*", "lost", false },
	{ "any: function=main", "lost", true },
};

START_TEST(ours)
{
	ck_assert_msg(takes(own[_i].line, own[_i].kind) == own[_i].taken, "%s", own[_i].line);
}
END_TEST

START_TEST(the_first_that_matches_is_used)
{
	ck_assert(takes("leak:absent\nleak:grab\nleak:main\n", "lost"));
	ck_assert_uint_eq(s.n, 3);
	ck_assert_uint_eq(s.s[0].used, 0);
	ck_assert_uint_eq(s.s[1].used, 1);
	ck_assert_uint_eq(s.s[2].used, 0);
	ck_assert_uint_eq(s.s[2].line, 3);
}
END_TEST

static const char *const wrong[][2] = {
	{ "nonsense", "s.supp:1: neither" },
	{ "leak:", "s.supp:1: no FIELD=PATTERN" },
	{ "\n{\n", "s.supp:3: a suppression has no name" },
	{ "{\n}\n", "s.supp:2: a suppression has no name" },
	{ "{\n a\n}\n", "s.supp:3: the line after the name" },
	{ "{\n a\n Memcheck:Leak\n fun:x\n", "s.supp:5: the file ends" },
	{ "{\n a\n Memcheck:Leak\n foo:x\n}\n", "s.supp:4: a line of a suppression" },
	{ "any: ", "s.supp:1: no FIELD=PATTERN" },
	{ "any: x", "s.supp:1: FIELD=PATTERN is needed" },
	{ "any: colour=x", "s.supp:1: the fields are" },
};

START_TEST(a_wrong_line_is_named)
{
	ck_assert_int_eq(parse(wrong[_i][0]), -EINVAL);
	ck_assert_msg(!strncmp(error, wrong[_i][1], strlen(wrong[_i][1])), "%s", error);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("suppress");
	TCase *tests = tcase_create("suppress");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tests);
	tcase_add_checked_fixture(tests, NULL, teardown);
	tcase_add_loop_test(tests, leak_sanitizers, 0, sizeof(lsan) / sizeof(lsan[0]));
	tcase_add_test(tests, leak_is_for_what_nobody_will_free);
	tcase_add_loop_test(tests, valgrinds, 0, sizeof(valgrind) / sizeof(valgrind[0]));
	tcase_add_test(tests, what_is_of_another_kind_is_passed_over);
	tcase_add_loop_test(tests, ours, 0, sizeof(own) / sizeof(own[0]));
	tcase_add_test(tests, the_first_that_matches_is_used);
	tcase_add_loop_test(tests, a_wrong_line_is_named, 0, sizeof(wrong) / sizeof(wrong[0]));
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
