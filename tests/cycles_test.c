/* Groups of the dead, and live cycles; the drawings are explained in graph_of.h. */
#include "graph_of.h"

#include <errno.h>

#include "cycles.h"

static struct graph *g;
static struct dead dead;
static struct groups groups;

static void find(const char *drawing)
{
	g = graph_of(drawing);
	dead_fini(&dead);
	groups_fini(&groups);
	ck_assert_int_eq(dead_find(g, &dead), 0);
	ck_assert_int_eq(groups_find(g, &dead, &groups), 0);
}

/* "ab+c de<0!": a cycle ab with a tail c; a cycle de, held by group 0, uncollectable. */
static const char *stories(const char *drawing)
{
	static char text[8 * LETTERS];
	const struct group *group;
	char *at = text;
	uint32_t i;

	find(drawing);
	*at = 0;
	for (group = groups.group; group < groups.group + groups.n; group++) {
		at += sprintf(at, "%s%s", at > text ? " " : "", group->cyclic ? "" : "-");
		for (i = 0; i < group->ncycle + group->ntail; i++)
			at += sprintf(at, "%s%c", i == group->ncycle ? "+" : "",
				      'a' + groups.member[group->first + i]);
		if (group->parent != GROUP_NONE)
			at += sprintf(at, "<%u", group->parent);
		at += sprintf(at, "%s", group->uncollectable ? "!" : "");
	}
	return text;
}

START_TEST(a_cycle_and_what_hangs_from_it_is_one_story)
{
	ck_assert_str_eq(stories("a>b b>a b>c c>d *>e e>f"), "ab+cd");
}
END_TEST

START_TEST(unrelated_cycles_are_told_apart)
{
	ck_assert_str_eq(stories("a>b b>a c>d d>c c>e"), "ab cd+e");
}
END_TEST

START_TEST(a_cycle_held_by_a_dead_one_knows_its_holder)
{
	ck_assert_str_eq(stories("a>a a>b b>c c>d d>c d>e e>f f>f"), "a+b cd+e<0 f<1");
}
END_TEST

START_TEST(a_tail_of_two_cycles_is_counted_with_the_first)
{
	ck_assert_str_eq(stories("a>a b>b a>c b>c"), "a+c b");
	ck_assert_str_eq(stories("a>a b>b a>c b>c c>d d>d b>d"), "a+c b d<0");
}
END_TEST

START_TEST(what_two_lower_cycles_share_belongs_to_the_one_above_both)
{
	ck_assert_str_eq(stories("a>a a>b a>c b>b c>c b>d c>d"), "a+d b<0 c<0");
}
END_TEST

START_TEST(a_lost_block_heads_a_group_without_a_cycle)
{
	ck_assert_str_eq(stories("a% b% c% a>b b>c d% e% d>e e>d e>b"), "-a+bc de!");
}
END_TEST

START_TEST(sizes_are_own_and_retained)
{
	const struct group *top;

	find("a>b b>a b>c c>d d>d d>e a#1 b#20 c#300 d#4000 e#50000");
	top = groups.group;
	ck_assert_uint_eq(top->cycle_bytes, 21);
	ck_assert_uint_eq(top->tail_bytes, 300);
	ck_assert_uint_eq(top->retained_bytes, 54321);
	ck_assert_uint_eq(top->retained, 5);
	ck_assert_uint_eq(top[1].retained_bytes, 54000);
	ck_assert_uint_eq(dead.bytes, 54321);
}
END_TEST

START_TEST(the_member_the_collector_does_not_see_is_named)
{
	ck_assert_str_eq(stories("a>b b>c c>a b!"), "abc!");
	ck_assert_uint_eq(groups.group[0].blocker, 1);
	ck_assert_str_eq(stories("a>b b>c c=a"), "abc!");
	ck_assert_uint_eq(groups.group[0].blocker, 2);
	ck_assert_str_eq(stories("a>b b>a"), "ab");
	ck_assert_uint_eq(groups.group[0].blocker, NODE_NONE);
}
END_TEST

START_TEST(a_cycle_under_an_uncollectable_one_is_not_to_blame_itself)
{
	ck_assert_str_eq(stories("a>b b>a b! a>c c>d d>c"), "ab! cd<0!");
	ck_assert_uint_eq(groups.group[0].blocker, 1);
	ck_assert_uint_eq(groups.group[1].blocker, NODE_NONE);
}
END_TEST

START_TEST(a_tail_also_held_by_a_stuck_cycle_is_stuck_with_it)
{
	ck_assert_str_eq(stories("a>a b>x x>b x! a>c b>c a>d"), "a+dc bx!");
	ck_assert_uint_eq(groups.group[0].stuck, 1);
	ck_assert_uint_eq(groups.group[1].stuck, 2);
}
END_TEST

/* --- live ones ------------------------------------------------------------------- */

static const char *live(const char *drawing, const char *skip)
{
	static char text[4 * LETTERS];
	char *at = text;
	struct bits set;
	struct scc scc;
	uint32_t c, i;

	find(drawing);
	ck_assert_int_eq(bits_init(&set, g->n), 0);
	for (; *skip; skip++)
		bits_add(&set, *skip - 'a');
	ck_assert_int_eq(cycles_live(g, &dead, &set, &scc), 0);
	*at = 0;
	for (c = 0; c < scc.n; c++) {
		at += sprintf(at, "%s", c ? " " : "");
		for (i = scc.first[c]; i < scc.first[c + 1]; i++)
			at += sprintf(at, "%c", 'a' + scc.member[i]);
	}
	bits_fini(&set);
	scc_fini(&scc);
	return text;
}

START_TEST(cycles_that_are_held_are_live)
{
	ck_assert_str_eq(live("*>a a>b b>a c>d d>c b>e e>e a>f", ""), "ab e");
}
END_TEST

START_TEST(a_cycle_through_a_skipped_node_is_none)
{
	/* Two instances hold each other; a module's function and its globals do too. */
	ck_assert_str_eq(live("*>m m>f f>m m>a a>b b>a b>m", ""), "abfm");
	ck_assert_str_eq(live("*>m m>f f>m m>a a>b b>a b>m", "m"), "ab");
}
END_TEST

/* --- against the definitions, taken literally ------------------------------------ */

static bool in_cycle(uint32_t group, node_id v)
{
	const struct group *p = &groups.group[group];
	uint32_t i;

	for (i = p->first; i < p->first + p->ncycle; i++)
		if (groups.member[i] == v)
			return true;
	return false;
}

/* Can the cycle of one group reach v over the dead, not through the cycle of another? */
static bool reaches_without(uint32_t from, uint32_t without, node_id v)
{
	struct closure c;
	struct bits set;
	bool yes = false;
	node_id u;

	ck_assert_int_eq(bits_init(&set, g->n), 0);
	for (u = 0; u < g->n; u++)
		if (bits_has(&dead.dead, u) &&
		    (without == GROUP_NONE || !in_cycle(without, u)))
			bits_add(&set, u);
	c = closure_of(g, &set);
	for (u = 0; u < g->n; u++)
		yes |= bits_has(&set, u) && in_cycle(from, u) &&
		       (u == v || c.reach[u][v]);
	bits_fini(&set);
	return yes;
}

/* The group that a node which is in the cycle of `own` (or of none) should hang from. */
static uint32_t holder_by_definition(node_id v, uint32_t own)
{
	uint32_t top, i, best = GROUP_NONE;

	for (top = 0; top < groups.n; top++)
		if (groups.group[top].parent == GROUP_NONE &&
		    reaches_without(top, GROUP_NONE, v))
			break;
	if (top == own)
		return GROUP_NONE;
	for (i = 0; i < groups.n; i++)
		if (i != own && groups.group[i].top == top && !reaches_without(top, i, v))
			best = i;	/* the chain of these is in topological order */
	return best;
}

static void check_sums(const char *drawing)
{
	uint64_t bytes = 0;
	uint32_t i, j, nodes = 0;
	bool members[LETTERS] = {0};

	for (i = 0; i < groups.n; i++) {
		const struct group *p = &groups.group[i];
		uint64_t below = 0;

		for (j = i; j < groups.n; j++) {
			uint32_t up = j;

			while (up != i && up != GROUP_NONE)
				up = groups.group[up].parent;
			if (up == i)
				below += groups.group[j].cycle_bytes +
					 groups.group[j].tail_bytes;
		}
		ck_assert_msg(p->retained_bytes == below, "%s", drawing);
		ck_assert(p->parent == GROUP_NONE || p->parent < i);
		for (j = p->first; j < p->first + p->ncycle + p->ntail; j++) {
			ck_assert_msg(!members[groups.member[j]], "%s", drawing);
			members[groups.member[j]] = true;
			ck_assert_uint_eq(groups.of[groups.member[j]], i);
		}
		if (p->parent == GROUP_NONE) {
			nodes += p->retained;
			bytes += p->retained_bytes;
		}
	}
	ck_assert_uint_eq(nodes, dead.nodes);
	ck_assert_uint_eq(bytes, dead.bytes);
}

static void check_groups(const char *drawing)
{
	struct closure c = closure_of(g, &dead.dead);
	uint32_t own;
	node_id v, u;

	for (v = 0; v < g->n; v++) {
		if (!bits_has(&dead.dead, v)) {
			ck_assert_uint_eq(groups.of[v], GROUP_NONE);
			continue;
		}
		own = groups.of[v];
		if (in_cycle(own, v)) {
			for (u = 0; u < g->n; u++)
				if (c.reach[u][v] && c.reach[v][u])
					ck_assert(in_cycle(own, u));
			ck_assert_msg(groups.group[own].parent ==
				      holder_by_definition(v, own),
				      "%s: parent of group %u", drawing, own);
			ck_assert(groups.group[own].cyclic == c.reach[v][v]);
			ck_assert(groups.group[own].uncollectable ==
				  (c.reach[v][v] && !bits_has(&dead.freed, v)));
		} else {
			ck_assert_msg(own == holder_by_definition(v, GROUP_NONE),
				      "%s: group of %c is %u", drawing, 'a' + v, own);
		}
	}
}

START_TEST(random_graphs_agree_with_the_definitions)
{
	uint64_t seed, with_parent = 0, with_tail = 0;
	const char *drawing;

	for (seed = 1; seed <= 20000; seed++) {
		drawing = random_drawing(seed, 12);
		find(drawing);
		check_sums(drawing);
		check_groups(drawing);
		with_parent += groups.n &&
			       groups.group[groups.n - 1].parent != GROUP_NONE;
		with_tail += groups.n && groups.group[0].ntail;
	}
	ck_assert_uint_gt(with_parent, 300);
	ck_assert_uint_gt(with_tail, 1000);
}
END_TEST

/* Dense in groups: every node holds itself, so shared cycles abound. */
START_TEST(random_forests_of_cycles_agree_with_the_definitions)
{
	uint64_t seed, s, deep = 0;
	char text[1024], *at;
	uint32_t n, m, i;

	for (seed = 1; seed <= 3000; seed++) {
		s = seed * 0x9e3779b97f4a7c15;
		at = text;
		n = 2 + dice(&s, 12);
		for (i = 0; i < n; i++)
			at += sprintf(at, "%c>%c ", 'a' + i, 'a' + i);
		for (m = dice(&s, 2 * n); m > 0; m--) {
			i = dice(&s, n - 1);
			at += sprintf(at, "%c>%c ", 'a' + i,
				      'a' + i + 1 + dice(&s, n - 1 - i));
		}
		find(text);
		ck_assert_uint_eq(groups.n, n);
		check_sums(text);
		check_groups(text);
		for (i = 0; i < n; i++)
			deep += groups.group[i].depth >= 3;
	}
	ck_assert_uint_gt(deep, 300);
}
END_TEST

/*
 * A long chain of cycles, each held by the one before; and for each of them one
 * more that is also held by the first, so that the way up the tree is long.
 */
START_TEST(depth_does_not_matter)
{
	enum { N = 300000 };
	struct draft w = {0};
	struct dead d;
	struct groups s;
	struct graph chain;
	uint32_t i;

	for (i = 0; i < 2 * N; i++)
		ck_assert_int_eq(draft_node(&w, i == 0 ? 1 : i < N ? 2 : 3, 1, 1), 0);
	for (i = 0; i < N; i++) {
		ck_assert_int_eq(draft_edge(&w, i, i, 0, EDGE_OWNED), 0);
		if (i + 1 < N)
			ck_assert_int_eq(draft_edge(&w, i, i + 1, 0, EDGE_OWNED), 0);
		ck_assert_int_eq(draft_edge(&w, i, N + i, 0, EDGE_OWNED), 0);
		ck_assert_int_eq(draft_edge(&w, 0, N + i, 0, EDGE_OWNED), 0);
		ck_assert_int_eq(draft_edge(&w, N + i, N + i, 0, EDGE_OWNED), 0);
	}
	ck_assert_int_eq(graph_build(&chain, &w), 0);
	ck_assert_int_eq(dead_find(&chain, &d), 0);
	ck_assert_int_eq(groups_find(&chain, &d, &s), 0);
	ck_assert_uint_eq(s.n, 2 * N);
	ck_assert_uint_eq(s.group[s.of[N - 1]].depth, N - 1);
	for (i = 0; i < N; i++)
		ck_assert_uint_eq(s.group[s.of[N + i]].parent, s.of[0]);
	groups_fini(&s);
	dead_fini(&d);
	graph_fini(&chain);
}
END_TEST

static int find_all(void *graph)
{
	struct dead d = {0};
	struct groups s = {0};
	struct scc live_ones = {0};
	int err = dead_find(graph, &d);

	if (!err)
		err = groups_find(graph, &d, &s);
	if (!err)
		err = cycles_live(graph, &d, NULL, &live_ones);
	scc_fini(&live_ones);
	groups_fini(&s);
	dead_fini(&d);
	return err;
}

START_TEST(finding_survives_every_refusal_of_memory)
{
	struct graph *some = graph_of("a>b b>a b>c *>d d>e e>d c>f f>f");

	ck_assert_uint_ge(sweep_memory(find_all, some), 20);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("claims");

	tcase_add_test(t, a_cycle_and_what_hangs_from_it_is_one_story);
	tcase_add_test(t, unrelated_cycles_are_told_apart);
	tcase_add_test(t, a_cycle_held_by_a_dead_one_knows_its_holder);
	tcase_add_test(t, a_tail_of_two_cycles_is_counted_with_the_first);
	tcase_add_test(t, what_two_lower_cycles_share_belongs_to_the_one_above_both);
	tcase_add_test(t, a_lost_block_heads_a_group_without_a_cycle);
	tcase_add_test(t, sizes_are_own_and_retained);
	tcase_add_test(t, the_member_the_collector_does_not_see_is_named);
	tcase_add_test(t, a_cycle_under_an_uncollectable_one_is_not_to_blame_itself);
	tcase_add_test(t, a_tail_also_held_by_a_stuck_cycle_is_stuck_with_it);
	tcase_add_test(t, cycles_that_are_held_are_live);
	tcase_add_test(t, a_cycle_through_a_skipped_node_is_none);
	tcase_add_test(t, random_graphs_agree_with_the_definitions);
	tcase_add_test(t, random_forests_of_cycles_agree_with_the_definitions);
	tcase_add_test(t, depth_does_not_matter);
	tcase_add_test(t, finding_survives_every_refusal_of_memory);
	return run_suite("cycles", t);
}
