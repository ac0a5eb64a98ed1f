/* The graph and its books; the drawings are explained in graph_of.h. */
#include "graph_of.h"

#include <errno.h>

#define UNKNOWN(text, node) graph_account(graph_of(text), node - 'a').unknown

START_TEST(a_count_is_holders_and_roots_and_the_unexplained_rest)
{
	struct account a = graph_account(graph_of("*>b *>b a>b a>b c=b c~b c?b b+3"), 1);

	ck_assert_uint_eq(a.count, 8);
	ck_assert_uint_eq(a.holders, 3);
	ck_assert_uint_eq(a.roots, 2);
	ck_assert_int_eq(a.unknown, 3);
}
END_TEST

START_TEST(more_holders_than_references_is_told_as_less_than_nothing)
{
	ck_assert_int_eq(UNKNOWN("a>c b>c c-1", 'c'), -1);
	ck_assert_int_eq(UNKNOWN("*>c c-1", 'c'), -1);
}
END_TEST

START_TEST(immortal_and_uncounted_nodes_have_no_unknown_holders)
{
	ck_assert_int_eq(UNKNOWN("a>b b@", 'b'), 0);
	ck_assert_int_eq(UNKNOWN("a>b b% b+7", 'b'), 0);
}
END_TEST

START_TEST(roots_are_listed_by_node_and_then_as_they_came)
{
	static const node_id node[] = {1, 2, 2, 3, 3, 3};
	static const uint32_t id[] = {1, 2, 4, 0, 3, 5};
	struct graph *g = graph_of("a *>d *>b *>c *>d *~c *>d");
	uint32_t i;

	for (i = 0; i < 6; i++) {
		ck_assert_uint_eq(g->root[i].node, node[i]);
		ck_assert_uint_eq(g->root[i].id, id[i]);
	}
	ck_assert_uint_eq(graph_root_of(g, 0), g->nroots);
	ck_assert_uint_eq(graph_root_of(g, 2), 1);
	ck_assert_uint_eq(graph_root_of(g, 3), 3);
}
END_TEST

START_TEST(edges_drafted_in_any_order_keep_theirs_for_each_holder)
{
	static const node_id to[] = {2, 0, 1, 1, 0};
	static const uint32_t name[] = {1, 3, 4, 0, 2};
	struct graph *g = graph_of("b>b a>c b>a a>a a~b");
	edge_id e;

	ck_assert_uint_eq(g->out[1], 3);
	for (e = 0; e < g->m; e++) {
		ck_assert_uint_eq(g->to[e], to[e]);
		ck_assert_uint_eq(g->name[e], name[e]);
	}
	ck_assert_uint_eq(g->kind[2], EDGE_WEAK);
}
END_TEST

START_TEST(the_reverse_lists_owning_holders_alone)
{
	struct graph *g = graph_of("c>d a>d b~d a=d d>a a?d");

	ck_assert_uint_eq(g->in[4] - g->in[3], 3);
	ck_assert_uint_eq(g->holder[g->in[3]], 0);
	ck_assert_uint_eq(g->holder[g->in[3] + 1], 0);
	ck_assert_uint_eq(g->holder[g->in[3] + 2], 2);
	ck_assert_uint_eq(graph_edge_between(g, 1, 3), EDGE_NONE);
	ck_assert_uint_eq(g->name[graph_edge_between(g, 2, 3)], 0);
}
END_TEST

START_TEST(what_is_not_there_can_not_be_linked)
{
	struct draft d = {0};

	ck_assert_int_eq(draft_node(&d, 1, 1, 0), 0);
	ck_assert_int_eq(draft_edge(&d, 0, 1, 0, EDGE_OWNED), -EINVAL);
	ck_assert_int_eq(draft_edge(&d, 1, 0, 0, EDGE_OWNED), -EINVAL);
	ck_assert_int_eq(draft_edge(&d, 0, 0, 0, EDGE_KINDS), -EINVAL);
	ck_assert_int_eq(draft_root(&d, NODE_NONE, 1, 0), -EINVAL);
	ck_assert_uint_eq(d.g.m + d.g.nroots, 0);
	draft_fini(&d);
}
END_TEST

START_TEST(nothing_is_a_graph_too)
{
	struct draft d = {0};
	struct graph g;

	ck_assert_int_eq(graph_build(&g, &d), 0);
	ck_assert_int_eq(graph_reverse(&g), 0);
	ck_assert(graph_ok(&g));
	graph_fini(&g);
}
END_TEST

/* Each of these breaks one belief, and puts it right again. */
START_TEST(books_that_do_not_balance_are_noticed)
{
	struct graph *g = graph_of("*>a a>b b>c c~a a>c");

	g->nin[0]++, g->nin[1]--;
	ck_assert(!graph_ok(g));
	g->nin[0]--, g->nin[1]++;
	g->to[0] = 26;
	ck_assert(!graph_ok(g));
	g->to[0] = 1;
	g->kind[3] = EDGE_OWNED;
	ck_assert(!graph_ok(g));
	g->kind[3] = EDGE_WEAK;
	g->out[1]++;
	ck_assert(!graph_ok(g));
	g->out[1]--;
	g->holder[0]++;
	ck_assert(!graph_ok(g));
	g->holder[0]--;
	g->root[0].node = 3;
	ck_assert(!graph_ok(g));
	g->root[0].node = 0;
	ck_assert(graph_ok(g));
}
END_TEST

START_TEST(random_graphs_account_for_every_reference)
{
	int64_t sum;
	uint64_t seed;
	uint32_t v, r;
	edge_id e;

	for (seed = 1; seed <= 3000; seed++) {
		const struct graph *g = graph_of(random_drawing(seed, 12));

		for (v = 0; v < g->n; v++) {
			struct account a = graph_account(g, v);

			sum = a.unknown;
			for (e = 0; e < g->m; e++)
				sum += g->to[e] == v && edge_owns(g, e);
			for (r = 0; r < g->nroots; r++)
				sum += g->root[r].node == v ? g->root[r].owned : 0;
			if (a.count && a.count != GRAPH_IMMORTAL)
				ck_assert_int_eq(sum, a.count);
		}
	}
}
END_TEST

static int draft_and_build(void *arg)
{
	struct draft d = {0};
	struct graph g = {0};
	uint32_t i;
	int err = 0;

	for (i = 0; i < 300 && !err; i++)
		err = draft_node(&d, 1, 1, 0);
	for (i = 0; i < 300 && !err; i++)
		err = draft_edge(&d, 299 - i, i, i, EDGE_OWNED);
	for (i = 0; i < 100 && !err; i++)
		err = draft_root(&d, 99 - i, 1, i);
	if (!err)
		err = graph_build(&g, &d);
	if (!err)
		err = graph_reverse(&g);
	if (!err)
		ck_assert(g.n == 300 && g.m == 300 && graph_ok(&g));
	draft_fini(&d);
	graph_fini(&g);
	return err;
}

START_TEST(building_survives_every_refusal_of_memory)
{
	ck_assert_uint_ge(sweep_memory(draft_and_build, NULL), 20);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("claims");

	tcase_add_test(t, a_count_is_holders_and_roots_and_the_unexplained_rest);
	tcase_add_test(t, more_holders_than_references_is_told_as_less_than_nothing);
	tcase_add_test(t, immortal_and_uncounted_nodes_have_no_unknown_holders);
	tcase_add_test(t, roots_are_listed_by_node_and_then_as_they_came);
	tcase_add_test(t, edges_drafted_in_any_order_keep_theirs_for_each_holder);
	tcase_add_test(t, the_reverse_lists_owning_holders_alone);
	tcase_add_test(t, what_is_not_there_can_not_be_linked);
	tcase_add_test(t, nothing_is_a_graph_too);
	tcase_add_test(t, books_that_do_not_balance_are_noticed);
	tcase_add_test(t, random_graphs_account_for_every_reference);
	tcase_add_test(t, building_survives_every_refusal_of_memory);
	return run_suite("graph", t);
}
