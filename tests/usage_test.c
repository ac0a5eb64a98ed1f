/*
 * usage_test.c - sums by anything, and the tree: nothing is lost and nothing counted twice
 */
#include "tree.h"
#include "usage.h"

#include "trace_writer.h"

#include <check.h>

static struct trace_writer w;
static struct trace t;
static struct defs d;
static struct replay r;
static struct symbols *symbols;
static struct places p;
static struct usage_table s;
static struct tree tree;

static void play(const char *script)
{
	write_trace(&w, script);
	ck_assert_int_eq(trace_open_memory(&t, w.bytes, w.size, NULL), 0);
	ck_assert_int_eq(defs_load(&d, &t), 0);
	ck_assert_int_eq(replay_init(&r, &t, &d), 0);
	ck_assert_int_eq(replay_to_end(&r), 0);
	symbols = symbols_new(&d, NULL);
	ck_assert_ptr_nonnull(symbols);
	ck_assert_int_eq(places_init(&p, &d, symbols), 0);
}

static void teardown(void)
{
	tree_fini(&tree);
	usage_table_fini(&s);
	places_fini(&p);
	symbols_free(symbols);
	replay_fini(&r);
	defs_free(&d);
	trace_close(&t);
	writer_fini(&w);
}

#define PROGRAM \
	"pbirth a 64 16 list main>eval|!run:3>load:7; pbirth b 32 0 dict main>eval|!run:3>load:8;" \
	"palloc c 100 main>eval|!run:4>save:20; pbirth d 64 16 list main>eval|!run:3>load:7;" \
	"pfree d; thread 2; pbirth e 64 16 list main>eval|!run:3>load:7; palloc f 1000 work;" \
	"pfree f; palloc g 8 work"

/* "load:7=3/192/128 ...": blocks, bytes, bytes left; in the order of the table. */
static const char *table(struct usage_query q, enum usage_sort by)
{
	static char text[400];
	size_t n = 0;

	usage_table_fini(&s);
	ck_assert_int_eq(usage_table_init(&s, &r, &p, &q), 0);
	usage_sort(&s, by);
	text[0] = 0;
	for (uint32_t i = 0; i < s.n; i++) {
		const struct usage_row *x = &s.row[i];
		char name[60];

		snprintf(name, sizeof name, "%u", x->thread);
		if (q.by == USAGE_BY_TYPE)
			snprintf(name, sizeof name, "%s", x->type);
		else if (q.by == USAGE_BY_SITE || q.by == USAGE_BY_STACK)
			snprintf(name, sizeof name, "%s:%u", x->function, x->line);
		else if (q.by == USAGE_BY_FUNCTION)
			snprintf(name, sizeof name, "%s", x->function);
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s=%.0f/%.0f/%.0f", n ? " " : "",
			strncmp(name, "app+", 4) ? name : "app", x->u.blocks, x->u.bytes,
			x->u.live_bytes);
	}
	return text;
}

START_TEST(rows_are_by_what_was_asked)
{
	play(PROGRAM);
	ck_assert_str_eq(table((struct usage_query){ .by = USAGE_BY_SITE }, USAGE_SORT_LIVE),
		"load:7=3/192/128 save:20=1/100/100 load:8=1/32/32 app=2/1008/8");
	ck_assert_str_eq(table((struct usage_query){ .by = USAGE_BY_FUNCTION }, USAGE_SORT_BYTES),
		"app=2/1008/8 load=4/224/160 save=1/100/100");
	ck_assert_str_eq(table((struct usage_query){ .by = USAGE_BY_TYPE }, USAGE_SORT_COUNT),
		"list=3/192/128 memory block=3/1108/108 dict=1/32/32");
	ck_assert_str_eq(table((struct usage_query){ .by = USAGE_BY_THREAD }, USAGE_SORT_BYTES),
		"2=3/1072/72 1=4/260/196");
	ck_assert_str_eq(table((struct usage_query){ .by = USAGE_BY_STACK }, USAGE_SORT_PEAK),
		"app=2/1008/8 load:7=3/192/128 save:20=1/100/100 load:8=1/32/32");
}
END_TEST

START_TEST(rows_have_what_was_asked_for)
{
	play(PROGRAM);
	ck_assert_str_eq(table((struct usage_query){ .type = "list" }, USAGE_SORT_LIVE),
		"load:7=3/192/128");
	ck_assert_str_eq(table((struct usage_query){ .function = "s*" }, USAGE_SORT_LIVE),
		"save:20=1/100/100");
	ck_assert_str_eq(table((struct usage_query){ .under = "run" }, USAGE_SORT_LIVE),
		"load:7=3/192/128 save:20=1/100/100 load:8=1/32/32");
	ck_assert_str_eq(table((struct usage_query){ .thread = 2 }, USAGE_SORT_LIVE),
		"load:7=1/64/64 app=2/1008/8");
	ck_assert_str_eq(table((struct usage_query){ .module = "ap*", .thread = 2 }, USAGE_SORT_LIVE),
		"load:7=1/64/64 app=2/1008/8");
	ck_assert_str_eq(table((struct usage_query){ .module = "none" }, USAGE_SORT_LIVE), "");
}
END_TEST

START_TEST(rows_add_up_to_the_totals)
{
	play(PROGRAM);
	for (enum usage_by by = USAGE_BY_SITE; by <= USAGE_BY_THREAD; by++) {
		table((struct usage_query){ .by = by }, USAGE_SORT_LIVE);
		ck_assert_uint_eq((uint64_t)s.all.blocks, r.total.blocks);
		ck_assert_uint_eq((uint64_t)s.all.bytes, r.total.bytes);
		ck_assert_uint_eq((uint64_t)s.all.live_bytes, r.total.live_bytes);
		ck_assert_uint_eq((uint64_t)s.all.peak_bytes, r.total.peak_bytes);
		ck_assert_uint_eq((uint64_t)s.all.objects, r.total.births);
		ck_assert_uint_eq((uint64_t)s.all.live_objects, r.total.live_objects);
		ck_assert_uint_eq((uint64_t)s.all.brief, 2);
	}
}
END_TEST

/* A line that many ways lead to has a part for each, all of them small. */
START_TEST(what_is_too_small_to_name_is_so_for_all_stacks_together)
{
	play("palloc a 60 main>eval|!run:1>make:5; palloc b 60 main>eval|!run:2>make:5;"
	     "palloc c 60 main>eval|!run:3>make:5; palloc d 70 main>eval|!run:4>once:9");
	ck_assert_str_eq(table((struct usage_query){ .least_peak = 100 }, USAGE_SORT_PEAK),
		"make:5=3/180/180");
	ck_assert_str_eq(table((struct usage_query){ .least_peak = 70 }, USAGE_SORT_PEAK),
		"make:5=3/180/180 once:9=1/70/70");
}
END_TEST

/* "run=288 load=160 ...", each under its parent: "run>load". */
static const char *branches(bool top_down, double least)
{
	static char text[400];
	size_t n = 0;

	tree_fini(&tree);
	ck_assert_int_eq(tree_init(&tree, &r, &p, &(struct tree_query){ .top_down = top_down,
		.lines = true, .least = least }), 0);
	for (uint32_t i = 1; i < tree.n; i++) {
		const struct tree_node *x = &tree.node[i];
		const char *parent = x->parent ? places_text(&p, tree.node[x->parent].function) : "";
		const char *name = places_text(&p, x->function);

		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s>%s=%.0f", n ? " " : "", parent,
			strncmp(name, "app+", 4) ? name : "app", x->key);
	}
	return text;
}

START_TEST(a_tree_grows_from_either_end)
{
	play(PROGRAM);
	ck_assert_str_eq(branches(true, 0), ">run=260 >app=8 run>load=160 run>save=100");
	ck_assert_str_eq(branches(false, 0), ">load=160 >save=100 >app=8 load>run=160 save>run=100");
	ck_assert_uint_eq((uint64_t)tree.node[0].key, 268);
}
END_TEST

START_TEST(what_is_small_is_folded_and_still_counted)
{
	play(PROGRAM);
	ck_assert_str_eq(branches(true, 0.5), ">run=260 run>load=160");
	ck_assert_uint_eq(tree.node[0].folded, 1);
	ck_assert_uint_eq((uint64_t)tree.node[0].folded_key, 8);
	ck_assert_uint_eq(tree.node[1].folded, 1);
	ck_assert_uint_eq((uint64_t)tree.node[1].folded_key, 100);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("usage");
	TCase *c = tcase_create("usage");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_add_test(c, rows_are_by_what_was_asked);
	tcase_add_test(c, rows_have_what_was_asked_for);
	tcase_add_test(c, rows_add_up_to_the_totals);
	tcase_add_test(c, what_is_too_small_to_name_is_so_for_all_stacks_together);
	tcase_add_test(c, a_tree_grows_from_either_end);
	tcase_add_test(c, what_is_small_is_folded_and_still_counted);
	suite_add_tcase(suite, c);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
