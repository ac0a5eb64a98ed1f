/* Paths from the outside; the drawings are explained in graph_of.h. */
#include "graph_of.h"

#include <errno.h>

#include "paths.h"

/* "ac abc": the paths to a node, in order. */
static const char *ways(const char *drawing, char to, uint32_t k, const char *avoid)
{
	static char text[64 * LETTERS];
	struct graph *g = graph_of(drawing);
	struct bits entry, skip;
	struct path_set set;
	struct paths p;
	char *at = text;
	uint32_t i, j;

	ck_assert_int_eq(graph_rooted(g, &entry), 0);
	ck_assert_int_eq(bits_init(&skip, g->n), 0);
	for (; *avoid; avoid++)
		bits_add(&skip, *avoid - 'a');
	ck_assert_int_eq(paths_init(&p, g, &entry, &skip), 0);
	ck_assert_int_eq(paths_to(&p, to - 'a', k, &set), 0);
	*at = 0;
	for (i = 0; i < set.n; i++) {
		at += sprintf(at, "%s", i ? " " : "");
		for (j = set.first[i]; j < set.first[i + 1]; j++)
			at += sprintf(at, "%c", 'a' + set.node[j]);
	}
	path_set_fini(&set);
	paths_fini(&p);
	bits_fini(&skip);
	bits_fini(&entry);
	return text;
}

START_TEST(the_shortest_way_comes_first)
{
	ck_assert_str_eq(ways("*>a a>b b>c a>c c>d", 'd', 9, ""), "acd abcd");
	ck_assert_str_eq(ways("*>a a>b b>c a>c c>d", 'd', 1, ""), "acd");
}
END_TEST

START_TEST(the_nearest_root_comes_first)
{
	ck_assert_str_eq(ways("*>a a>b b>d *>c c>d", 'd', 9, ""), "cd abd");
}
END_TEST

START_TEST(a_root_is_its_own_way_and_others_may_hold_it_too)
{
	ck_assert_str_eq(ways("*>a *>b a>b", 'b', 9, ""), "b ab");
}
END_TEST

START_TEST(no_way_passes_a_root)
{
	ck_assert_str_eq(ways("*>a *>b a>b b>c", 'c', 9, ""), "bc");
}
END_TEST

START_TEST(no_way_goes_in_circles)
{
	ck_assert_str_eq(ways("*>a a>b b>c c>b b>d d>d", 'd', 9, ""), "abd");
}
END_TEST

START_TEST(nodes_to_avoid_are_gone_around)
{
	ck_assert_str_eq(ways("*>a a>b b>d a>c c>e e>d", 'd', 9, "b"), "aced");
	ck_assert_str_eq(ways("*>a a>b b>d a>c c>e e>d", 'd', 9, "ab"), "");
	ck_assert_str_eq(ways("*>a a>b b>d a>c c>e e>d", 'd', 1, "d"), "abd");
}
END_TEST

START_TEST(the_dead_are_not_reached)
{
	ck_assert_str_eq(ways("*>a b>c c>b b~a a~b", 'b', 9, ""), "");
}
END_TEST

START_TEST(two_edges_between_two_nodes_are_one_way_by_the_first)
{
	struct graph *g = graph_of("a~b a>b a>b *>a");
	struct path_set set;
	struct bits entry;
	struct paths p;

	ck_assert_int_eq(graph_rooted(g, &entry), 0);
	ck_assert_int_eq(paths_init(&p, g, &entry, NULL), 0);
	ck_assert_int_eq(paths_to(&p, 1, 9, &set), 0);
	ck_assert_uint_eq(set.n, 1);
	ck_assert_uint_eq(set.edge[0], 1);
	ck_assert_uint_eq(set.edge[1], EDGE_NONE);
	path_set_fini(&set);
	paths_fini(&p);
	bits_fini(&entry);
}
END_TEST

/* One node in the middle of a million holders, of which only the last is near. */
START_TEST(a_crowd_of_holders_does_not_hide_the_nearest)
{
	enum { N = 1000000 };
	struct draft w = {0};
	struct path_set set;
	struct bits entry;
	struct paths p;
	struct graph g;
	uint32_t i;

	for (i = 0; i < N; i++)
		ck_assert_int_eq(draft_node(&w, 1, 1, 0), 0);
	for (i = 2; i < N; i++) {
		ck_assert_int_eq(draft_edge(&w, i, 0, 0, EDGE_OWNED), 0);
		ck_assert_int_eq(draft_edge(&w, i == N - 1 ? 1 : i + 1, i, 0,
					    EDGE_OWNED), 0);
	}
	ck_assert_int_eq(draft_root(&w, 1, 1, 0), 0);
	ck_assert_int_eq(graph_build(&g, &w), 0);
	ck_assert_int_eq(graph_rooted(&g, &entry), 0);
	ck_assert_int_eq(paths_init(&p, &g, &entry, NULL), 0);
	ck_assert_int_eq(paths_to(&p, 0, 5, &set), 0);
	ck_assert_uint_eq(set.n, 5);
	for (i = 0; i < 5; i++)
		ck_assert_uint_eq(set.first[i + 1] - set.first[i], i + 3);
	ck_assert_uint_eq(set.node[1], N - 1);
	path_set_fini(&set);
	paths_fini(&p);
	bits_fini(&entry);
	graph_fini(&g);
}
END_TEST

/* --- against all paths there are ------------------------------------------------- */

struct census {
	const struct graph *g;
	const struct bits *entry, *avoid;
	uint32_t of_length[LETTERS + 1];	/* by nodes on the path */
};

/* Every simple path backwards; recursion is fine for eight nodes. */
static void count_ways(struct census *c, node_id v, uint32_t length, uint32_t on_way)
{
	const struct graph *g = c->g;
	node_id u;

	if (bits_has(c->entry, v)) {
		c->of_length[length]++;
		if (length > 1)
			return;
	}
	for (u = 0; u < g->n; u++)
		if (!(on_way >> u & 1) && !bits_has(c->avoid, u) &&
		    graph_edge_between(g, u, v) != EDGE_NONE)
			count_ways(c, u, length + 1, on_way | 1u << u);
}

static void check_path(const struct census *c, const struct path_set *set, uint32_t i,
		       node_id to)
{
	const struct graph *g = c->g;
	uint32_t j, end = set->first[i + 1] - 1, seen = 0;

	ck_assert(bits_has(c->entry, set->node[set->first[i]]));
	ck_assert_uint_eq(set->node[end], to);
	for (j = set->first[i]; j <= end; j++) {
		ck_assert(!(seen >> set->node[j] & 1));
		seen |= 1u << set->node[j];
		if (j == end)
			break;
		ck_assert(!bits_has(c->avoid, set->node[j]));
		ck_assert(edge_owns(g, set->edge[j]));
		ck_assert_uint_eq(g->to[set->edge[j]], set->node[j + 1]);
		ck_assert(g->out[set->node[j]] <= set->edge[j] &&
			  set->edge[j] < g->out[set->node[j] + 1]);
	}
}

static bool same(const struct path_set *set, uint32_t a, uint32_t b)
{
	const node_id *x = set->node + set->first[a], *y = set->node + set->first[b];
	uint32_t n = set->first[a + 1] - set->first[a];

	return n == set->first[b + 1] - set->first[b] && !memcmp(x, y, n * sizeof(*x));
}

/* The paths found are as many and as long as the first k there are. */
static void check_lengths(struct census *c, const struct path_set *set, uint32_t k,
			  uint64_t seed)
{
	uint32_t i = 0, length;

	for (length = 1; length <= LETTERS; length++) {
		for (; c->of_length[length] && i < k; c->of_length[length]--, i++) {
			ck_assert_msg(i < set->n, "seed %lu: only %u", seed, set->n);
			ck_assert_msg(set->first[i + 1] - set->first[i] == length,
				      "seed %lu: path %u is not of %u", seed, i, length);
		}
	}
	ck_assert_msg(i == set->n, "seed %lu: %u paths, not %u", seed, set->n, i);
}

START_TEST(random_graphs_agree_with_the_census_of_all_ways)
{
	uint64_t seed, s, several = 0;
	struct path_set set;
	struct bits entry, avoid;
	struct paths p;
	struct graph *g;
	uint32_t i, j, k;
	node_id v;

	for (seed = 1; seed <= 10000; seed++) {
		g = graph_of(random_drawing(seed, 8));
		s = seed;
		ck_assert_int_eq(graph_held(g, &entry), 0);
		ck_assert_int_eq(bits_init(&avoid, g->n), 0);
		if (dice(&s, 2))
			bits_add(&avoid, dice(&s, g->n));
		ck_assert_int_eq(paths_init(&p, g, &entry, &avoid), 0);
		for (v = 0; v < g->n; v++) {
			struct census c = {g, &entry, &avoid, {0}};

			k = 1 + dice(&s, 12);
			count_ways(&c, v, 1, 1u << v);
			ck_assert_int_eq(paths_to(&p, v, k, &set), 0);
			check_lengths(&c, &set, k, seed);
			for (i = 0; i < set.n; i++) {
				check_path(&c, &set, i, v);
				for (j = 0; j < i; j++)
					ck_assert(!same(&set, i, j));
			}
			several += set.n > 2;
			path_set_fini(&set);
		}
		paths_fini(&p);
		bits_fini(&avoid);
		bits_fini(&entry);
	}
	ck_assert_uint_gt(several, 1000);
}
END_TEST

static int find_once(void *graph)
{
	struct graph *g = graph;
	struct path_set set = {0};
	struct paths p = {0};
	struct bits entry = {0};
	int err;

	mem_free(g->in);
	mem_free(g->holder);
	g->in = NULL;
	g->holder = NULL;
	err = graph_rooted(g, &entry);
	if (!err)
		err = paths_init(&p, g, &entry, NULL);
	if (!err)
		err = paths_to(&p, 3, 3, &set);
	path_set_fini(&set);
	paths_fini(&p);
	bits_fini(&entry);
	return err;
}

START_TEST(finding_survives_every_refusal_of_memory)
{
	ck_assert_uint_ge(sweep_memory(find_once, graph_of("*>a a>b b>c c>d a>d")), 10);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("claims");

	tcase_add_test(t, the_shortest_way_comes_first);
	tcase_add_test(t, the_nearest_root_comes_first);
	tcase_add_test(t, a_root_is_its_own_way_and_others_may_hold_it_too);
	tcase_add_test(t, no_way_passes_a_root);
	tcase_add_test(t, no_way_goes_in_circles);
	tcase_add_test(t, nodes_to_avoid_are_gone_around);
	tcase_add_test(t, the_dead_are_not_reached);
	tcase_add_test(t, two_edges_between_two_nodes_are_one_way_by_the_first);
	tcase_add_test(t, a_crowd_of_holders_does_not_hide_the_nearest);
	tcase_add_test(t, random_graphs_agree_with_the_census_of_all_ways);
	tcase_add_test(t, finding_survives_every_refusal_of_memory);
	return run_suite("paths", t);
}
