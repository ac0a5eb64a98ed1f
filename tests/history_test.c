/*
 * history_test.c - who a query means, what goes with what, and the tree of what is left
 */
#include "history.h"

#include "mem.h"
#include "trace_writer.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>

static struct trace_writer w;
static struct trace t;
static struct defs d;
static struct symbols *symbols;
static struct history h;

static void start(const char *script)
{
	write_trace(&w, script);
	ck_assert_int_eq(trace_open_memory(&t, w.bytes, w.size, NULL), 0);
	ck_assert_int_eq(defs_load(&d, &t), 0);
	symbols = symbols_new(&d, NULL);
	ck_assert_ptr_nonnull(symbols);
}

static void ask(const char *query, const uint64_t *stays, uint32_t n, bool all)
{
	ck_assert_int_eq(history_init(&h, &t, &d, symbols, &(struct history_query){
		.text = query, .limit = 10, .stays = stays, .nstays = n, .all = all }), 0);
}

static void teardown(void)
{
	history_fini(&h);
	symbols_free(symbols);
	symbols = NULL;
	defs_free(&d);
	trace_close(&t);
	writer_fini(&w);
}

/* "1=4 2 3=5": events with their partners. */
static const char *pairs(uint32_t object)
{
	static char text[256];
	size_t n = 0;

	*text = 0;
	for (uint32_t i = 0; i < h.object[object].n; i++) {
		uint32_t partner = h.object[object].event[i].partner;

		n += (size_t)snprintf(text + n, sizeof(text) - n, partner ? "%s%u=%u" : "%s%u",
			n ? " " : "", i + 1, partner);
	}
	return text;
}

#define TWO	"birth a +Bell |main:1>ring:2; incref a 2 |main:1>ring:3>on_ping:9;"	\
		"incref a 3 |main:1>ring:4; decref a 2 |main:1>ring:5; decref a 1 |main:1>ring:6;" \
		"birth b +Door |main:2; incref b 2 |main:3; decref b 1 |main:4"

START_TEST(a_query_means_an_address_a_place_a_type_or_a_function)
{
	static const struct { const char *query; enum history_by by; uint32_t n; } row[] = {
		{ "0x100000", HISTORY_BY_ADDRESS, 1 }, { "Bell", HISTORY_BY_TYPE, 1 },
		{ "type:Door", HISTORY_BY_TYPE, 1 }, { "ring", HISTORY_BY_FUNCTION, 1 },
		{ "main", HISTORY_BY_FUNCTION, 2 }, { "test.py:2", HISTORY_BY_PLACE, 2 },
		{ "src/test.py:1", HISTORY_BY_PLACE, 1 }, { "rc/test.py:1", HISTORY_BY_NOTHING, 0 },
		{ "0x7", HISTORY_BY_NOTHING, 0 }, { "nobody", HISTORY_BY_NOTHING, 0 },
		{ "place:x", HISTORY_BY_NOTHING, 0 },
	};

	start(TWO);
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		ask(row[i].query, NULL, 0, false);
		ck_assert_msg(h.by == row[i].by && h.n == row[i].n, "%s: %d, %u", row[i].query,
			h.by, h.n);
		history_fini(&h);
	}
}
END_TEST

START_TEST(what_is_left_without_a_partner_is_the_suspect)
{
	start(TWO);
	ask("Bell", NULL, 0, false);
	ck_assert_str_eq(pairs(0), "1=4 2 3=5 4=1 5=3");
	ck_assert_uint_eq(h.object[0].retains, 3);
	ck_assert_uint_eq(h.object[0].releases, 2);
	ck_assert_uint_eq(h.object[0].matched, 4);
}
END_TEST

START_TEST(what_was_sunk_is_taken_over)
{
	start("birth a +T |main:1>f:1; reference a 1 0; reference a 2 0 |main:2>add:1;"
	      "decref a 0 |main:3>add:9; death a");
	ask("T", NULL, 0, false);
	ck_assert(h.dead);
	ck_assert_str_eq(pairs(0), "1=3 2 3=4 4=3 5");
	ck_assert_uint_gt(h.object[0].death, 0);
}
END_TEST

START_TEST(those_that_stay_come_alone)
{
	const uint64_t stays[] = { 0x200000 };

	start("birth a +T |main:1; birth b +T |main:1; birth c +T |main:1");
	ask("T", stays, 1, false);
	ck_assert_uint_eq(h.matches, 3);
	ck_assert_uint_eq(h.staying, 1);
	ck_assert_uint_eq(h.n, 1);
	ck_assert_uint_eq(h.object[0].addr, 0x200000);
}
END_TEST

START_TEST(of_an_address_the_last_object_is_meant)
{
	start("birth a +T |main:1; decref a 0 |main:2; death a; birth a +T |main:1>f:1;"
	      "decref a 0 |main:2; death a");
	ask("0x100000", NULL, 0, false);
	ck_assert_uint_eq(h.n, 1);
	ck_assert_uint_eq(h.at_address, 2);
	ck_assert_uint_eq(h.object[0].nth, 1);
}
END_TEST

/* "main+1 ring+1 on_ping+1", depth first. */
static const char *tree(void)
{
	static char text[256];
	size_t n = 0;

	*text = 0;
	for (uint32_t at = h.tree.n > 1 ? h.tree.node[0].child : 0; at; ) {
		const struct calltree_node *x = &h.tree.node[at];

		if (x->objects)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s%+d", n ? " " : "",
				callers_name(&h.refs.callers, &x->caller), (int)calltree_balance(x));
		if (x->child) {
			at = x->child;
			continue;
		}
		while (at && !h.tree.node[at].sibling)
			at = h.tree.node[at].parent;
		at = at ? h.tree.node[at].sibling : 0;
	}
	return text;
}

START_TEST(the_tree_leaves_out_what_comes_out_even)
{
	start(TWO);
	ask("main", NULL, 0, true);
	ck_assert_str_eq(tree(), "main+2 ring+1 on_ping+1");
	history_fini(&h);
	ask("main", NULL, 0, false);
	ck_assert_str_eq(tree(), "main+2 ring+1 on_ping+1");
}
END_TEST

START_TEST(a_call_is_even_only_when_it_is_for_every_object)
{
	start("birth a +T |main:1; birth b +T |main:1; incref a 2 |main:2>swap:1;"
	      "decref b 0 |main:2>swap:2; incref b 1 |main:3; decref a 1 |main:4");
	ask("T", NULL, 0, true);
	ck_assert_str_eq(tree(), "main+2 swap+0");
}
END_TEST

START_TEST(memory_may_end_at_any_request)
{
	start(TWO);
	for (uint64_t n = 1; ; n++) {
		int r;

		mem_refuse_at = n;
		r = history_init(&h, &t, &d, symbols, &(struct history_query){ .text = "main",
			.limit = 10, .all = true });
		if (mem_refuse_at > 1) {
			mem_refuse_at = 0;
			ck_assert_int_eq(r, 0);
			break;
		}
		mem_refuse_at = 0;
		if (!r)
			history_fini(&h);
		else
			ck_assert_int_eq(r, -ENOMEM);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("history");
	TCase *c = tcase_create("history");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_add_test(c, a_query_means_an_address_a_place_a_type_or_a_function);
	tcase_add_test(c, what_is_left_without_a_partner_is_the_suspect);
	tcase_add_test(c, what_was_sunk_is_taken_over);
	tcase_add_test(c, those_that_stay_come_alone);
	tcase_add_test(c, of_an_address_the_last_object_is_meant);
	tcase_add_test(c, the_tree_leaves_out_what_comes_out_even);
	tcase_add_test(c, a_call_is_even_only_when_it_is_for_every_object);
	tcase_add_test(c, memory_may_end_at_any_request);
	suite_add_tcase(suite, c);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
