/* Components; the drawings are explained in graph_of.h. */
#include "graph_of.h"

#include <errno.h>

#include "scc.h"

/* "ab c!": two components in order; the first is cyclic, the second is not. */
static const char *components(const struct scc *s)
{
	static char text[4 * LETTERS];
	char *at = text;
	uint32_t c, i;

	for (c = 0; c < s->n; c++) {
		at += sprintf(at, "%s", c ? " " : "");
		for (i = s->first[c]; i < s->first[c + 1]; i++)
			*at++ = 'a' + s->member[i];
		if (!bits_has(&s->cyclic, c))
			*at++ = '!';
	}
	*at = 0;
	return text;
}

static const char *components_of(const char *drawing)
{
	const char *text;
	struct scc s;

	ck_assert_int_eq(scc_find(graph_of(drawing), NULL, &s), 0);
	text = components(&s);
	scc_fini(&s);
	return text;
}

START_TEST(those_who_hold_each_other_are_one_component)
{
	ck_assert_str_eq(components_of("a>b b>c c>a c>d d>e e>d"), "abc de");
}
END_TEST

START_TEST(one_alone_is_cyclic_only_when_it_holds_itself)
{
	ck_assert_str_eq(components_of("a>b b>b b>c"), "a! b c!");
}
END_TEST

START_TEST(holders_come_before_what_they_hold)
{
	ck_assert_str_eq(components_of("d>c c>b b>a"), "d! c! b! a!");
}
END_TEST

START_TEST(of_unrelated_ones_the_lower_comes_first)
{
	ck_assert_str_eq(components_of("a>b b>a c>d d>c e>e"), "ab cd e");
}
END_TEST

START_TEST(only_owning_edges_make_a_cycle)
{
	ck_assert_str_eq(components_of("a>b b~a c>d d?c e=f f>e"), "a! b! c! d! ef");
}
END_TEST

START_TEST(only_the_cyclic_ones_can_be_kept)
{
	struct scc s;

	ck_assert_int_eq(scc_find(graph_of("a>b b>b b>c c>d d>e e>d d>f"), NULL, &s), 0);
	scc_keep_cyclic(&s);
	ck_assert_str_eq(components(&s), "b de");
	ck_assert_uint_eq(s.of[0], SCC_NONE);
	ck_assert_uint_eq(s.of[1], 0);
	ck_assert_uint_eq(s.of[4], 1);
	scc_fini(&s);
}
END_TEST

static void check_against_closure(const struct graph *g, const struct bits *set,
				  uint64_t seed)
{
	struct closure c = closure_of(g, set);
	struct scc s;
	node_id u, v;
	bool together;

	ck_assert_int_eq(scc_find(g, set, &s), 0);
	for (u = 0; u < g->n; u++) {
		if (set && !bits_has(set, u)) {
			ck_assert_uint_eq(s.of[u], SCC_NONE);
			continue;
		}
		ck_assert_msg(bits_has(&s.cyclic, s.of[u]) == c.reach[u][u],
			      "seed %lu: %c", seed, 'a' + u);
		for (v = 0; v < g->n; v++) {
			if (set && !bits_has(set, v))
				continue;
			together = u == v || (c.reach[u][v] && c.reach[v][u]);
			ck_assert_msg((s.of[u] == s.of[v]) == together,
				      "seed %lu: %c and %c", seed, 'a' + u, 'a' + v);
			if (c.reach[u][v])
				ck_assert_msg(s.of[u] <= s.of[v], "seed %lu", seed);
		}
	}
	ck_assert_uint_eq(s.first[s.n], set ? bits_count(set) : g->n);
	scc_fini(&s);
}

START_TEST(random_graphs_agree_with_transitive_closure)
{
	struct graph *g;
	struct bits set;
	uint64_t seed, s;
	node_id v;

	for (seed = 1; seed <= 10000; seed++) {
		g = graph_of(random_drawing(seed, 14));
		check_against_closure(g, NULL, seed);
		ck_assert_int_eq(bits_init(&set, g->n), 0);
		for (v = 0, s = seed; v < g->n; v++)
			if (dice(&s, 4))
				bits_add(&set, v);
		check_against_closure(g, &set, seed);
		bits_fini(&set);
	}
}
END_TEST

/* A ring and a chain of as many: a walk that recursed would end here. */
START_TEST(depth_does_not_matter)
{
	enum { N = 1000000 };
	struct draft d = {0};
	struct graph g;
	struct scc s;
	uint32_t i;

	for (i = 0; i < 2 * N; i++)
		ck_assert_int_eq(draft_node(&d, 1, 1, 0), 0);
	for (i = 0; i < 2 * N - 1; i++)
		ck_assert_int_eq(draft_edge(&d, i, i == N - 1 ? 0 : i + 1, 0,
					    EDGE_OWNED), 0);
	ck_assert_int_eq(graph_build(&g, &d), 0);
	ck_assert_int_eq(scc_find(&g, NULL, &s), 0);
	ck_assert_uint_eq(s.n, N + 1);
	ck_assert_uint_eq(s.first[s.of[0] + 1] - s.first[s.of[0]], N);
	scc_fini(&s);
	graph_fini(&g);
}
END_TEST

static int find(void *graph)
{
	struct scc s;
	int err = scc_find(graph, NULL, &s);

	if (!err)
		scc_fini(&s);
	return err;
}

START_TEST(finding_survives_every_refusal_of_memory)
{
	ck_assert_uint_ge(sweep_memory(find, graph_of("a>b b>a b>c")), 8);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("claims");

	tcase_add_test(t, those_who_hold_each_other_are_one_component);
	tcase_add_test(t, one_alone_is_cyclic_only_when_it_holds_itself);
	tcase_add_test(t, holders_come_before_what_they_hold);
	tcase_add_test(t, of_unrelated_ones_the_lower_comes_first);
	tcase_add_test(t, only_owning_edges_make_a_cycle);
	tcase_add_test(t, only_the_cyclic_ones_can_be_kept);
	tcase_add_test(t, random_graphs_agree_with_transitive_closure);
	tcase_add_test(t, depth_does_not_matter);
	tcase_add_test(t, finding_survives_every_refusal_of_memory);
	return run_suite("scc", t);
}
