/* The dead, and what a collector makes of them; the drawings: see graph_of.h. */
#include "graph_of.h"

#include <errno.h>

#include "dead.h"

static struct dead find(const char *drawing)
{
	struct dead d;

	ck_assert_int_eq(dead_find(graph_of(drawing), &d), 0);
	return d;
}

static const char *stranded(const char *drawing)
{
	struct dead d = find(drawing);
	const char *text = letters(&d.dead);

	ck_assert_uint_eq(d.nodes, strlen(text));
	dead_fini(&d);
	return text;
}

static const char *found(const char *drawing)
{
	struct dead d = find(drawing);
	const char *text = letters(&d.found);

	ck_assert_uint_eq(d.nfound, strlen(text));
	dead_fini(&d);
	return text;
}

/* Dead, and no collector helps. */
static const char *stuck(const char *drawing)
{
	struct dead d = find(drawing);
	const char *text;
	uint32_t v;

	ck_assert_uint_eq(d.nfreed, bits_count(&d.freed));
	for (v = 0; v < d.dead.n; v++)
		if (bits_has(&d.freed, v))
			bits_del(&d.dead, v);
	text = letters(&d.dead);
	dead_fini(&d);
	return text;
}

START_TEST(only_the_unheld_cycle_is_stranded)
{
	/*   * --> a <--> b        c <--> d --> e   */
	ck_assert_str_eq(stranded("*>a a>b b>a c>d d>c d>e"), "cde");
}
END_TEST

START_TEST(a_node_that_holds_itself_is_a_cycle)
{
	ck_assert_str_eq(stranded("a>a *>b b>b"), "a");
}
END_TEST

START_TEST(one_unknown_reference_saves_all_it_leads_to)
{
	ck_assert_str_eq(stranded("a>b b>a b>c a+1"), "");
	ck_assert_str_eq(stranded("a>b b>a b>c c+1"), "ab");
}
END_TEST

START_TEST(weak_borrowed_and_doubtful_edges_hold_nothing)
{
	ck_assert_str_eq(stranded("a>b b>a *>c c~a c?b"), "ab");
	ck_assert_str_eq(stranded("a>b b>a *~a"), "ab");
}
END_TEST

START_TEST(the_immortal_keep_what_they_hold)
{
	ck_assert_str_eq(stranded("a@ a>b b>c c>b d>e e>d d>a"), "de");
}
END_TEST

START_TEST(what_is_being_released_is_not_dead_yet)
{
	/* Its count is 0: somebody is letting go of its members right now. */
	ck_assert_str_eq(stranded("a a>b b>c c>b"), "");
}
END_TEST

START_TEST(a_count_that_contradicts_its_holders_proves_nothing)
{
	ck_assert_str_eq(stranded("a>b b>a c>b c>c b-1"), "c");
}
END_TEST

START_TEST(an_uncounted_block_lives_by_its_holders)
{
	ck_assert_str_eq(stranded("*~a a% a>b b% c% c>d d%"), "cd");
}
END_TEST

START_TEST(the_collector_finds_what_it_tracks)
{
	ck_assert_str_eq(found("a>b b>a b>c c!"), "ab");
	ck_assert_str_eq(stuck("a>b b>a b>c c!"), "");
}
END_TEST

START_TEST(a_cycle_through_what_it_does_not_track_is_never_freed)
{
	/*   a --> x --> a, x untracked; a also has a tail   */
	ck_assert_str_eq(stranded("a>x x>a x! a>b"), "abx");
	ck_assert_str_eq(found("a>x x>a x! a>b"), "");
	ck_assert_str_eq(stuck("a>x x>a x! a>b"), "abx");
}
END_TEST

START_TEST(an_edge_it_is_not_shown_keeps_a_cycle_too)
{
	ck_assert_str_eq(stuck("a=b b>a"), "ab");
	ck_assert_str_eq(stuck("a>b b>a a=b"), "ab");
}
END_TEST

START_TEST(what_hangs_behind_an_untracked_one_is_freed_with_it)
{
	ck_assert_str_eq(found("a>a a>x x! x>b b>c"), "a");
	ck_assert_str_eq(stuck("a>a a>x x! x>b b>c"), "");
}
END_TEST

START_TEST(what_a_stuck_cycle_holds_is_stuck)
{
	ck_assert_str_eq(found("a>x x>a x! a>b b>c c>b d>d d>e x>e"), "d");
	ck_assert_str_eq(stuck("a>x x>a x! a>b b>c c>b d>d d>e x>e"), "abcex");
}
END_TEST

/* --- against the definitions, taken literally ------------------------------------ */

static uint32_t edges_from(const struct graph *g, const struct bits *set, node_id to,
			   bool seen)
{
	uint32_t n = 0;
	node_id v;
	edge_id e;

	for (v = 0; v < g->n; v++)
		for (e = g->out[v]; e < g->out[v + 1]; e++)
			n += bits_has(set, v) && g->to[e] == to &&
			     (seen ? g->kind[e] == EDGE_OWNED : edge_owns(g, e));
	return n;
}

/* Dead: the largest set of nodes whose references all come from the set. */
static void dead_by_definition(const struct graph *g, struct bits *set)
{
	bool changed = true;
	uint32_t r;
	node_id v;

	for (v = 0; v < g->n; v++)
		if (g->flags[v] & NODE_UNCOUNTED || g->count[v])
			bits_add(set, v);
	for (r = 0; r < g->nroots; r++)
		if (g->flags[g->root[r].node] & NODE_UNCOUNTED || g->root[r].owned)
			bits_del(set, g->root[r].node);
	while (changed) {
		changed = false;
		for (v = 0; v < g->n; v++) {
			if (!bits_has(set, v) ||
			    ((g->flags[v] & NODE_UNCOUNTED || g->count[v] == g->nin[v]) &&
			     edges_from(g, set, v, false) == g->nin[v]))
				continue;
			bits_del(set, v);
			changed = true;
		}
	}
}

/* The collector's, over the whole graph: it does not know who is dead in truth. */
static void found_by_definition(const struct graph *g, struct bits *set)
{
	bool changed = true;
	node_id v;

	for (v = 0; v < g->n; v++)
		if (g->flags[v] & NODE_COLLECTABLE && g->count[v])
			bits_add(set, v);
	while (changed) {
		changed = false;
		for (v = 0; v < g->n; v++) {
			if (!bits_has(set, v) ||
			    edges_from(g, set, v, true) == g->count[v])
				continue;
			bits_del(set, v);
			changed = true;
		}
	}
}

/* Freed: the smallest set with all found, and all dead whose every holder is in it. */
static void freed_by_definition(const struct graph *g, const struct dead *d,
				struct bits *set)
{
	bool changed = true;
	node_id v;

	for (v = 0; v < g->n; v++)
		if (bits_has(&d->found, v))
			bits_add(set, v);
	while (changed) {
		changed = false;
		for (v = 0; v < g->n; v++) {
			if (bits_has(set, v) || !bits_has(&d->dead, v) || !g->nin[v] ||
			    edges_from(g, set, v, false) != g->nin[v])
				continue;
			bits_add(set, v);
			changed = true;
		}
	}
}

static void same(const char *drawing, const struct bits *is, const struct bits *should)
{
	ck_assert_msg(!strcmp(letters(is), letters(should)), "%s: %s, not %s", drawing,
		      letters(is), letters(should));
}

START_TEST(random_graphs_agree_with_the_definitions)
{
	uint64_t seed, some = 0, some_found = 0, some_stuck = 0;

	for (seed = 1; seed <= 20000; seed++) {
		const char *drawing = random_drawing(seed, 10);
		struct dead d = find(drawing);
		const struct graph *g = graph_of(drawing);
		struct bits dead, seen, freed;
		node_id v;

		ck_assert(!bits_init(&dead, g->n) && !bits_init(&seen, g->n) &&
			  !bits_init(&freed, g->n));
		dead_by_definition(g, &dead);
		found_by_definition(g, &seen);
		/* Beyond the dead it finds what was told wrong; see graph_held. */
		for (v = 0; v < g->n; v++)
			if (!bits_has(&dead, v))
				bits_del(&seen, v);
		freed_by_definition(g, &d, &freed);
		same(drawing, &d.dead, &dead);
		same(drawing, &d.found, &seen);
		same(drawing, &d.freed, &freed);
		some += d.nodes > 0;
		some_found += d.nfound > 0;
		some_stuck += d.nfreed < d.nodes;
		bits_fini(&dead);
		bits_fini(&seen);
		bits_fini(&freed);
		dead_fini(&d);
	}
	/* The dice show something worth the comparison. */
	ck_assert_uint_gt(some, 2000);
	ck_assert_uint_gt(some_found, 1000);
	ck_assert_uint_gt(some_stuck, 500);
}
END_TEST

static int find_once(void *graph)
{
	struct dead d = {0};
	int err = dead_find(graph, &d);

	if (err)
		ck_assert_ptr_null(d.dead.word);
	dead_fini(&d);
	return err;
}

START_TEST(finding_survives_every_refusal_of_memory)
{
	ck_assert_uint_ge(sweep_memory(find_once, graph_of("a>b b>a b>c *>d d>e")), 6);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("claims");

	tcase_add_test(t, only_the_unheld_cycle_is_stranded);
	tcase_add_test(t, a_node_that_holds_itself_is_a_cycle);
	tcase_add_test(t, one_unknown_reference_saves_all_it_leads_to);
	tcase_add_test(t, weak_borrowed_and_doubtful_edges_hold_nothing);
	tcase_add_test(t, the_immortal_keep_what_they_hold);
	tcase_add_test(t, what_is_being_released_is_not_dead_yet);
	tcase_add_test(t, a_count_that_contradicts_its_holders_proves_nothing);
	tcase_add_test(t, an_uncounted_block_lives_by_its_holders);
	tcase_add_test(t, the_collector_finds_what_it_tracks);
	tcase_add_test(t, a_cycle_through_what_it_does_not_track_is_never_freed);
	tcase_add_test(t, an_edge_it_is_not_shown_keeps_a_cycle_too);
	tcase_add_test(t, what_hangs_behind_an_untracked_one_is_freed_with_it);
	tcase_add_test(t, what_a_stuck_cycle_holds_is_stuck);
	tcase_add_test(t, random_graphs_agree_with_the_definitions);
	tcase_add_test(t, finding_survives_every_refusal_of_memory);
	return run_suite("dead", t);
}
