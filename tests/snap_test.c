/*
 * snap_test.c - a snapshot becomes rows that lead to each other
 */
#include "snap.h"

#include "trace_writer.h"

#include <check.h>
#include <errno.h>

static struct trace_writer w;
static struct trace t;
static struct defs d;
static struct snap s;

static int load(const char *script)
{
	write_trace(&w, script);
	ck_assert_int_eq(trace_open_memory(&t, w.bytes, w.size, NULL), 0);
	ck_assert_int_eq(defs_load(&d, &t), 0);
	return snap_load(&s, &t, &d, 1);
}

static void teardown(void)
{
	snap_free(&s);
	defs_free(&d);
	trace_close(&t);
	writer_fini(&w);
}

/* "a>b.name" for each edge, in order. */
static const char *edges(void)
{
	static char text[512];

	text[0] = 0;
	for (uint32_t i = 0; i < s.nodes; i++)
		for (uint32_t j = s.node[i].edge; j < s.node[i].edge + s.node[i].edges;
			j++)
			sprintf(text + strlen(text), "%s%c>%c", *text ? " " : "",
				(int)('a' + (s.node[i].addr >> 20) - 1),
				(int)('a' + (s.node[s.edge[j].to].addr >> 20) - 1));
	return text;
}

START_TEST(nodes_edges_and_roots_are_rows)
{
	ck_assert_int_eq(load("snap 1; node a list 64 2 4 1; edge b index 3; "
		"edge a ?attr self; "
		"node b dict 232 1 0 3 spam; edge a &class; root b local x f /f.py 12; "
		"word a data 0x4000; note careful; end"), 0);
	ck_assert(s.complete);
	ck_assert_uint_eq(s.nodes, 2);
	ck_assert_str_eq(edges(), "a>b a>a b>a");
	ck_assert(text_is(s.type[s.node[1].type].name, "dict"));
	ck_assert_uint_eq(s.node[1].size, 232);
	ck_assert_uint_eq(s.node[1].generation, 3);
	ck_assert_uint_eq(s.node[0].count, 2);
	ck_assert_uint_eq(s.node[0].flags, OURO_NODE_TRACKED);
	ck_assert(text_is(snap_string(&s, s.node[1].label), "spam"));
	ck_assert_uint_eq(s.edge[0].name, OURO_EDGE_INDEX);
	ck_assert_uint_eq(s.edge[0].operand, 3);
	ck_assert_uint_eq(s.edge[1].flags, OURO_EDGE_MAYBE);
	ck_assert(snap_named(s.edge[1].name));
	ck_assert(text_is(snap_string(&s, (uint32_t)s.edge[1].operand), "self"));
	ck_assert_uint_eq(s.edge[2].flags, OURO_EDGE_BORROWED);
	ck_assert_uint_eq(s.root[0].to, 1);
	ck_assert_uint_eq(s.root[0].line, 12);
	ck_assert(text_is(snap_string(&s, s.root[0].function), "f"));
	ck_assert_uint_eq(s.word[0].where, 0x4000);
	ck_assert(text_is(snap_string(&s, s.note[0]), "careful"));
	ck_assert_uint_eq(s.microseconds, 1234);
	ck_assert_uint_eq(snap_find(&s, writer_address("b")), 1);
	ck_assert_uint_eq(snap_find(&s, 8), SNAP_NONE);
	ck_assert_uint_eq(snap_newest(&t, &d), 1);
	ck_assert_uint_eq(t.damages, 0);
}
END_TEST

START_TEST(what_leads_nowhere_is_left_out_and_counted)
{
	load("snap 1; node a list 8 1; edge z other; edge b other; node b list 8 1; "
		"edge y index 1; "
		"edge a other; root z local; root a local; word z heap 8; end");
	ck_assert_str_eq(edges(), "a>b b>a");
	ck_assert_uint_eq(s.dropped_edges, 2);
	ck_assert_uint_eq(s.dropped_roots, 1);
	ck_assert_uint_eq(s.dropped_words, 1);
	ck_assert_uint_eq(s.roots, 1);
	ck_assert(s.complete);
}
END_TEST

START_TEST(edges_go_on_in_the_next_chunk)
{
	load("snap 1; node a list 8 1; edge a index 0; chunk; more; edge a index 1; "
		"node b list 8 1; "
		"edge a index 0; end");
	ck_assert_str_eq(edges(), "a>a a>a b>a");
	ck_assert(s.complete);
}
END_TEST

START_TEST(the_second_node_of_an_address_is_left_out_with_its_edges)
{
	load("snap 1; node a list 8 1; edge b index 0; node a list 8 1; edge a index 7; "
		"node b list 8 1; edge a index 0; end");
	ck_assert_str_eq(edges(), "a>b b>a");
	ck_assert_uint_eq(s.double_nodes, 1);
	ck_assert_uint_eq(s.nodes, 2);
}
END_TEST

START_TEST(without_its_end_a_snapshot_is_incomplete)
{
	load("snap 1; node a list 8 1; edge a index 0");
	ck_assert(!s.complete);
	ck_assert_str_eq(edges(), "a>a");
	ck_assert_uint_eq(snap_newest(&t, &d), 0);
}
END_TEST

START_TEST(an_end_that_counts_differently_is_not_believed)
{
	write_trace(&w, "snap 1; node a list 8 1");
	w.stream[9].nodes = 5;
	load("end");
	ck_assert(!s.complete);
	ck_assert_uint_eq(t.damages, 1);
}
END_TEST

START_TEST(after_a_missing_chunk_nothing_is_read)
{
	write_trace(&w, "snap 1; node a list 8 1; chunk; node b list 8 1; chunk; "
		"node c list 8 1; end");
	writer_chunk(&w, OURO_HEADER_SIZE + OURO_CHUNK_SIZE)->magic = 0;
	load("");
	ck_assert(!s.complete);
	ck_assert_uint_eq(s.nodes, 1);
}
END_TEST

START_TEST(nonsense_ends_the_snapshot_at_what_stands_before_it)
{
	write_trace(&w, "snap 1; node a list 8 1; edge a index 0; end");
	writer_append(&w, 9, OURO_CHUNK_SNAPSHOT, 1, (const uint8_t *)"\xff", 1);
	writer_chunk(&w, w.stream[9].chunk)->used -= 7;
	writer_append(&w, 9, OURO_CHUNK_SNAPSHOT, 1, (const uint8_t *)"\x63\x63", 2);
	load("");
	ck_assert(!s.complete);
	ck_assert_uint_eq(s.nodes, 1);
	ck_assert_uint_eq(t.damages, 1);
}
END_TEST

START_TEST(the_newest_complete_one_is_chosen)
{
	load("snap 1; node a list 8 1; end; snap 2; node a list 8 1; end; snap 3; "
		"node a list 8 1");
	ck_assert_uint_eq(snap_newest(&t, &d), 2);
	ck_assert_uint_eq(t.damages, 0);
	snap_free(&s);
	ck_assert_int_eq(snap_load(&s, &t, &d, 4), -ENOENT);
}
END_TEST

START_TEST(cut_at_any_byte_it_gives_what_stands)
{
	size_t chunk, used;

	load("snap 1; node a list 64 2 4 1; edge b index 3; node b dict 232 1 0 3 spam; "
		"edge a attr x; "
		"root b local x f /f.py 12; word a data 0x4000; end");
	chunk = w.stream[9].chunk;
	used = writer_chunk(&w, chunk)->used;
	for (size_t n = 0; n < used; n++) {
		size_t size = chunk + sizeof(struct ouro_chunk) + n;
		uint8_t *copy = malloc(size);

		snap_free(&s);
		defs_free(&d);
		trace_close(&t);
		memcpy(copy, w.bytes, size);
		ck_assert_int_eq(trace_open_memory(&t, copy, size, NULL), 0);
		ck_assert_int_eq(defs_load(&d, &t), 0);
		ck_assert_int_eq(snap_load(&s, &t, &d, 1), 0);
		ck_assert(!s.complete);
		snap_free(&s);
		defs_free(&d);
		trace_close(&t);
		free(copy);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("snap");
	TCase *c = tcase_create("snap");
	SRunner *r = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_add_test(c, nodes_edges_and_roots_are_rows);
	tcase_add_test(c, what_leads_nowhere_is_left_out_and_counted);
	tcase_add_test(c, edges_go_on_in_the_next_chunk);
	tcase_add_test(c, the_second_node_of_an_address_is_left_out_with_its_edges);
	tcase_add_test(c, without_its_end_a_snapshot_is_incomplete);
	tcase_add_test(c, an_end_that_counts_differently_is_not_believed);
	tcase_add_test(c, after_a_missing_chunk_nothing_is_read);
	tcase_add_test(c, nonsense_ends_the_snapshot_at_what_stands_before_it);
	tcase_add_test(c, the_newest_complete_one_is_chosen);
	tcase_add_test(c, cut_at_any_byte_it_gives_what_stands);
	suite_add_tcase(suite, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
