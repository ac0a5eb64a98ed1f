/*
 * stacks_test.c - one tree, and one stack out of two
 */
#include "stacks.h"

#include "trace_writer.h"

#include <check.h>

static struct trace_writer w;
static struct trace t;
static struct defs d;
static struct stacks s;

static void teardown(void)
{
	stacks_fini(&s);
	defs_free(&d);
	trace_close(&t);
	writer_fini(&w);
}

static stack_id push_all(const uint32_t *location, unsigned n)
{
	stack_id id = STACK_EMPTY;

	for (unsigned i = 0; i < n; i++)
		id = stacks_push(&s, id, location[i]);
	return id;
}

/* What became of "native>...|interp>...", in the writer's words. */
static const char *merged(const char *script)
{
	static char text[512];
	char copy[256], *bar;
	uint32_t want[2][WRITER_DEPTH];
	unsigned n[2];
	stack_id id;

	teardown();
	snprintf(copy, sizeof(copy), "%s", script);
	bar = strchr(copy, '|');
	*bar++ = 0;
	writer_begin(&w);
	n[0] = writer_frames(&w, copy, want[0], writer_native);
	n[1] = writer_frames(&w, bar, want[1], writer_line);
	ck_assert_int_eq(trace_open_memory(&t, w.bytes, w.size, NULL), 0);
	ck_assert_int_eq(defs_load(&d, &t), 0);
	ck_assert_int_eq(stacks_init(&s, &d), 0);
	id = stacks_merge(&s, push_all(want[0], n[0]), push_all(want[1], n[1]));
	text[0] = 0;
	for (; id; id = stack_parent(&s, id)) {
		uint32_t l = s.node[id].location;
		char rest[256];

		snprintf(rest, sizeof(rest), "%s", text);
		snprintf(text, sizeof(text), "%s%s%s",
			l == OURO_LOC_CUT ? "cut"
				: l == OURO_LOC_LOST
				? "lost"
				: w.name[WRITER_LOCATION][l - OURO_LOC_FIRST],
			*rest ? ">" : "", rest);
	}
	return text;
}

START_TEST(runs_stand_in_for_the_frames_of_evaluators)
{
	static const char *const table[][2] = {
		{ "main>f|", "main>f" },
		{ "main>eval1>new|!a:1", "main>!a:1>new" },
		{ "main>eval1>new|!a:1>b:2>c:3", "main>!a:1>b:2>c:3>new" },
		{ "main>eval1>call>eval2>new|!a:1>b:2>!c:3",
			"main>!a:1>b:2>call>!c:3>new" },
		{ "main>eval1>eval2>eval3|!a:1>!b:2>!c:3", "main>!a:1>!b:2>!c:3" },
		/* no interpreter stack was taken: the machine's stands as it is */
		{ "main>eval1>new|", "main>eval1>new" },
		/* more evaluators than runs: the outer ones stay */
		{ "main>eval1>call>eval2>new|!a:1", "main>eval1>call>!a:1>new" },
		/*
		 * the machine's stack was cut: what is left of the other goes on the
		   outside
		 */
		{ "cut>call>eval2>new|!a:1>!b:2", "cut>!a:1>call>!b:2>new" },
		{ "lost>new|!a:1", "lost>!a:1>new" },
		{ "new|!a:1", "!a:1>new" },
		{ "|!a:1>b:2", "!a:1>b:2" },
		/* the interpreter's was cut in the middle of a run */
		{ "main>eval1>call>eval2|cut>b:2>!c:3", "main>cut>b:2>call>!c:3" },
		/* the guest itself is no part of the program */
		{ "main>f>guest1>guest2|", "main>f" },
		{ "main>eval1>f>guest1|!a:1", "main>!a:1>f" },
		{ "guest1|", "" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		ck_assert_str_eq(merged(table[i][0]), table[i][1]);
}
END_TEST

START_TEST(equal_stacks_are_one_node)
{
	stack_id a, b;

	merged("main>f|!a:1");
	a = stacks_push(&s, stacks_push(&s, STACK_EMPTY, 16), 17);
	b = stacks_push(&s, stacks_push(&s, STACK_EMPTY, 16), 17);
	ck_assert_uint_eq(a, b);
	ck_assert_uint_eq(stacks_depth(&s, a), 2);
	ck_assert_uint_eq(stacks_merge(&s, a, 0), a);
	ck_assert_uint_ne(stacks_push(&s, STACK_EMPTY, 17), a);
}
END_TEST

START_TEST(the_innermost_line_is_found)
{
	stack_id id;

	merged("main>eval1>new|!a:1>b:2");
	id = s.count - 1;		/* made last: the whole of the merged stack */
	ck_assert_int_eq(stack_location(&s, id)->kind, LOCATION_NATIVE);
	ck_assert_uint_eq(stacks_line(&s, id), stack_parent(&s, id));
	ck_assert_uint_eq(stack_location(&s, stacks_line(&s, id))->line.line, 2);
	ck_assert_uint_eq(stacks_line(&s, STACK_EMPTY), STACK_EMPTY);
}
END_TEST

/* Every node is found again after the tables grew many times over. */
START_TEST(a_tree_of_a_million_nodes_keeps_its_branches)
{
	stack_id id = STACK_EMPTY, deepest;

	merged("main>eval1|!a:1");
	for (uint32_t i = 0; i < 1000000; i++)
		id = stacks_push(&s, i % 1000 ? id : STACK_EMPTY, 1000 + i);
	deepest = id;
	id = STACK_EMPTY;
	for (uint32_t i = 999000; i < 1000000; i++)
		id = stacks_push(&s, id, 1000 + i);
	ck_assert_uint_eq(id, deepest);
	ck_assert_uint_eq(stacks_depth(&s, id), 1000);
}
END_TEST

/* A thousand frames of one run, then one more line at the inner end each time. */
START_TEST(deep_recursion_is_merged_once)
{
	uint32_t eval, entry, line, before;
	stack_id interp, native;

	teardown();
	writer_begin(&w);
	eval = writer_native(&w, "eval1");
	entry = writer_line(&w, "!a:1");
	line = writer_line(&w, "b:2");
	ck_assert_int_eq(trace_open_memory(&t, w.bytes, w.size, NULL), 0);
	ck_assert_int_eq(defs_load(&d, &t), 0);
	ck_assert_int_eq(stacks_init(&s, &d), 0);
	native = stacks_push(&s, stacks_push(&s, STACK_EMPTY, 999), eval);
	interp = stacks_push(&s, STACK_EMPTY, entry);
	for (int i = 0; i < 1000; i++)
		interp = stacks_push(&s, interp, line);
	ck_assert_uint_eq(stacks_depth(&s, stacks_merge(&s, native, interp)), 1002);
	before = s.count;
	for (uint32_t i = 0; i < 1000; i++)
		stacks_merge(&s, native, stacks_push(&s, interp, 5000 + i));
	ck_assert_uint_eq(s.count, before + 2000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stacks");
	TCase *c = tcase_create("stacks");
	SRunner *r = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, runs_stand_in_for_the_frames_of_evaluators);
	tcase_add_test(c, equal_stacks_are_one_node);
	tcase_add_test(c, the_innermost_line_is_found);
	tcase_add_test(c, a_tree_of_a_million_nodes_keeps_its_branches);
	tcase_add_test(c, deep_recursion_is_merged_once);
	suite_add_tcase(suite, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
