/* Dominators and retained sizes; the drawings are explained in graph_of.h. */
#include "graph_of.h"

#include <errno.h>

#include "dominators.h"

static struct dominators find(const char *drawing,
			      int (*entries)(const struct graph *, struct bits *))
{
	struct graph *g = graph_of(drawing);
	struct dominators d;
	struct bits entry;

	ck_assert_int_eq(entries(g, &entry), 0);
	ck_assert_int_eq(dominators_find(g, &entry, &d), 0);
	bits_fini(&entry);
	return d;
}

/* By node, its dominator: "*" for the world, "-" for one that is not reached. */
static const char *above(const char *drawing)
{
	static char text[LETTERS + 1];
	struct dominators d = find(drawing, graph_rooted);
	size_t v, n = graph_of(drawing)->n;

	for (v = 0; v < n; v++)
		text[v] = d.above[v] == NODE_WORLD ? '*' :
			  d.above[v] == NODE_NONE ? '-' : 'a' + (char)d.above[v];
	text[n] = 0;
	dominators_fini(&d);
	return text;
}

START_TEST(a_chain_hangs_from_its_first)
{
	ck_assert_str_eq(above("*>a a>b b>c"), "*ab");
}
END_TEST

START_TEST(what_two_hold_hangs_from_the_one_above_both)
{
	ck_assert_str_eq(above("*>a a>b a>c b>d c>d"), "*aaa");
}
END_TEST

START_TEST(what_two_roots_hold_hangs_from_the_world)
{
	ck_assert_str_eq(above("*>a *>b a>c b>c c>d"), "***c");
}
END_TEST

START_TEST(a_root_hangs_from_the_world_whoever_else_holds_it)
{
	ck_assert_str_eq(above("*>a a>b *>b b>c"), "**b");
}
END_TEST

START_TEST(dead_holders_and_weak_edges_hold_nothing)
{
	ck_assert_str_eq(above("*>a a>b c>b c>c a~d d>b"), "*a--");
}
END_TEST

START_TEST(the_example_of_lengauer_and_tarjan)
{
	/* Their figure 1, with r as a: r a b c d e f g h i j k l are a to m. */
	ck_assert_str_eq(above("*>a a>b a>c a>d b>e c>b c>e c>f d>g d>h e>m f>i g>j h>j "
			       "h>k i>l i>f j>l k>j l>j l>a m>i"), "*aaaaaddaahae");
}
END_TEST

START_TEST(retained_is_own_and_all_that_hangs_below)
{
	struct dominators d = find("*>a a>b a>c b>d c>d d>e f>f a#1 b#20 c#300 d#4000 "
				   "e#50000 f#600000", graph_rooted);
	static const uint64_t bytes[] = {54321, 20, 300, 54000, 50000, 0};
	static const uint32_t nodes[] = {5, 1, 1, 2, 1, 0};
	int v;

	for (v = 0; v < 6; v++) {
		ck_assert_uint_eq(d.bytes[v], bytes[v]);
		ck_assert_uint_eq(d.nodes[v], nodes[v]);
	}
	ck_assert_uint_eq(d.total, 5);
	ck_assert_uint_eq(d.total_bytes, 54321);
	dominators_fini(&d);
}
END_TEST

START_TEST(unknown_holders_can_be_entries_too)
{
	struct dominators d = find("*>a a>b c+1 c>d d>b", graph_held);

	ck_assert_uint_eq(d.above[1], NODE_WORLD);
	ck_assert_uint_eq(d.above[2], NODE_WORLD);
	ck_assert_uint_eq(d.above[3], 2);
	ck_assert_uint_eq(d.total, 4);
	dominators_fini(&d);
}
END_TEST

START_TEST(nothing_held_is_no_tree)
{
	ck_assert_str_eq(above("a>b b>a"), "--");
}
END_TEST

/* --- against the definition: who is out of reach when u is taken away? ----------- */

static void reach_without(const struct graph *g, const struct bits *entry,
			  node_id without, bool *reached)
{
	node_id todo[LETTERS], v;
	uint32_t n = 0;
	edge_id e;

	memset(reached, 0, LETTERS);
	for (v = 0; v < g->n; v++)
		if (bits_has(entry, v) && v != without)
			reached[todo[n++] = v] = true;
	while (n) {
		v = todo[--n];
		for (e = g->out[v]; e < g->out[v + 1]; e++)
			if (edge_owns(g, e) && g->to[e] != without && !reached[g->to[e]])
				reached[todo[n++] = g->to[e]] = true;
	}
}

static void check(struct graph *g, const struct bits *entry, uint64_t seed)
{
	bool all[LETTERS], rest[LETTERS], over[LETTERS][LETTERS] = {{0}};
	uint64_t bytes;
	uint32_t nodes, of[LETTERS] = {0};
	struct dominators d;
	node_id u, v;

	ck_assert_int_eq(dominators_find(g, entry, &d), 0);
	reach_without(g, entry, NODE_NONE, all);
	for (u = 0; u < g->n; u++) {
		reach_without(g, entry, u, rest);
		for (bytes = nodes = 0, v = 0; v < g->n; v++) {
			over[u][v] = all[v] && !rest[v];
			bytes += over[u][v] ? g->bytes[v] : 0;
			nodes += over[u][v];
			of[v] += over[u][v];
		}
		ck_assert_msg(d.bytes[u] == bytes && d.nodes[u] == nodes,
			      "seed %lu: %c retains %lu, not %lu",
			      seed, 'a' + u, d.bytes[u], bytes);
	}
	/* The immediate one is the dominator that all others but v itself dominate. */
	for (v = 0; v < g->n; v++) {
		if (!all[v]) {
			ck_assert_uint_eq(d.above[v], NODE_NONE);
			continue;
		}
		u = d.above[v];
		if (u == NODE_WORLD)
			ck_assert_msg(of[v] == 1, "seed %lu: %c has a dominator",
				      seed, 'a' + v);
		else
			ck_assert_msg(u != v && over[u][v] && of[u] == of[v] - 1,
				      "seed %lu: %c is not right above %c",
				      seed, 'a' + u, 'a' + v);
	}
	dominators_fini(&d);
}

START_TEST(random_graphs_agree_with_taking_nodes_away)
{
	struct bits entry;
	struct graph *g;
	uint64_t seed, s;

	for (seed = 1; seed <= 10000; seed++) {
		g = graph_of(random_drawing(seed, 16));
		ck_assert_int_eq(graph_held(g, &entry), 0);
		check(g, &entry, seed);
		bits_fini(&entry);
		s = seed;
		ck_assert_int_eq(bits_init(&entry, g->n), 0);
		bits_add(&entry, dice(&s, g->n));
		check(g, &entry, seed);
		bits_fini(&entry);
	}
}
END_TEST

/* Denser than the others, from one entry: long detours, few dominators at the top. */
START_TEST(random_ladders_agree_with_taking_nodes_away)
{
	char text[2048], *at;
	struct bits entry;
	struct graph *g;
	uint64_t seed, s;
	uint32_t i, m;

	for (seed = 1; seed <= 5000; seed++) {
		s = seed * 0x9e3779b97f4a7c15;
		at = text + sprintf(text, "*>a ");
		for (i = 0; i < 24; i++)
			if (dice(&s, 8))
				at += sprintf(at, "%c>%c ", 'a' + i, 'b' + i);
		for (m = 4 + dice(&s, 30); m > 0; m--) {
			i = dice(&s, 25);
			at += sprintf(at, "%c>%c ", 'a' + i,
				      'a' + (i + 22 + dice(&s, 8)) % 25);
		}
		g = graph_of(text);
		ck_assert_int_eq(graph_rooted(g, &entry), 0);
		check(g, &entry, seed);
		bits_fini(&entry);
	}
}
END_TEST

START_TEST(depth_does_not_matter)
{
	enum { N = 1000000 };
	struct dominators d;
	struct draft w = {0};
	struct bits entry;
	struct graph g;
	uint32_t i;

	for (i = 0; i < N; i++)
		ck_assert_int_eq(draft_node(&w, 1, 1, 0), 0);
	for (i = 0; i < N - 1; i++) {
		ck_assert_int_eq(draft_edge(&w, i, i + 1, 0, EDGE_OWNED), 0);
		ck_assert_int_eq(draft_edge(&w, i + 1, i, 0, EDGE_OWNED), 0);
	}
	ck_assert_int_eq(draft_root(&w, 0, 1, 0), 0);
	ck_assert_int_eq(graph_build(&g, &w), 0);
	ck_assert_int_eq(graph_rooted(&g, &entry), 0);
	ck_assert_int_eq(dominators_find(&g, &entry, &d), 0);
	for (i = 1; i < N; i++)
		ck_assert(d.above[i] == i - 1 && d.nodes[i] == N - i);
	dominators_fini(&d);
	bits_fini(&entry);
	graph_fini(&g);
}
END_TEST

/* On a graph whose reverse is still to be made. */
static int find_once(void *graph)
{
	struct graph *g = graph;
	struct dominators d = {0};
	struct bits entry = {0};
	int err;

	mem_free(g->in);
	mem_free(g->holder);
	g->in = NULL;
	g->holder = NULL;
	err = graph_held(g, &entry);
	if (!err)
		err = dominators_find(g, &entry, &d);
	dominators_fini(&d);
	bits_fini(&entry);
	return err;
}

START_TEST(finding_survives_every_refusal_of_memory)
{
	ck_assert_uint_ge(sweep_memory(find_once, graph_of("*>a a>b b>c c>b")), 12);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("claims");

	tcase_add_test(t, a_chain_hangs_from_its_first);
	tcase_add_test(t, what_two_hold_hangs_from_the_one_above_both);
	tcase_add_test(t, what_two_roots_hold_hangs_from_the_world);
	tcase_add_test(t, a_root_hangs_from_the_world_whoever_else_holds_it);
	tcase_add_test(t, dead_holders_and_weak_edges_hold_nothing);
	tcase_add_test(t, the_example_of_lengauer_and_tarjan);
	tcase_add_test(t, retained_is_own_and_all_that_hangs_below);
	tcase_add_test(t, unknown_holders_can_be_entries_too);
	tcase_add_test(t, nothing_held_is_no_tree);
	tcase_add_test(t, random_graphs_agree_with_taking_nodes_away);
	tcase_add_test(t, random_ladders_agree_with_taking_nodes_away);
	tcase_add_test(t, depth_does_not_matter);
	tcase_add_test(t, finding_survives_every_refusal_of_memory);
	return run_suite("dominators", t);
}
