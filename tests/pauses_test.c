/*
 * pauses_test.c - what a collection costs, fitted
 */
#include "pauses.h"

#include "trace_writer.h"

#include <check.h>

static struct trace_writer w;
static struct trace t;
static struct defs d;
static struct replay r;
static struct collections s;
static struct pauses p;

static void watch(void *arg, const struct replay *replay, const struct event *e)
{
	collections_event(arg, replay, e);
}

static void play(const char *script)
{
	write_trace(&w, script);
	ck_assert_int_eq(trace_open_memory(&t, w.bytes, w.size, NULL), 0);
	ck_assert_int_eq(defs_load(&d, &t), 0);
	ck_assert_int_eq(replay_init(&r, &t, &d), 0);
	ck_assert_int_eq(collections_init(&s, &t), 0);
	r.watch = watch;
	r.watch_arg = &s;
	ck_assert_int_eq(replay_to_end(&r), 0);
	ck_assert_int_eq(pauses_fit(&p, &s, &t), 0);
}

static void teardown(void)
{
	collections_fini(&s);
	replay_fini(&r);
	defs_free(&d);
	trace_close(&t);
	writer_fini(&w);
}

/* Collections of these sizes, `each` ticks and 10 for an object; the last takes `extra` more. */
static void play_sizes(const unsigned *size, unsigned n, unsigned each, unsigned extra)
{
	char script[8192];
	unsigned used = 0, at = 1000;

	for (unsigned i = 0; i < n; i++) {
		unsigned took = each + 10 * size[i] + (i + 1 == n ? extra : 0);

		used += (unsigned)snprintf(script + used, sizeof(script) - used,
			"at %u; collect 255; at %u; told 0 1 0 %u 1 %u; collected 0;",
			at, at + took, size[i] + 1, i + 1);
		at += took + 1000;
	}
	play(script);
}

static double seconds(uint64_t ticks)
{
	return (double)(trace_elapsed(&t, 1000000 + ticks) - trace_elapsed(&t, 1000000)) / 1e9;
}

static double seconds_of_tick(void)
{
	double second;

	play("alloc a 8");
	second = seconds(1000000) / 1e6;
	teardown();
	return second;
}

static const unsigned sizes[] = { 100, 700, 7000, 100, 700, 7000, 400, 3000, 700, 700, 650, 7100 };

START_TEST(what_grows_with_the_objects_is_a_line)
{
	play_sizes(sizes, 12, 500, 0);
	ck_assert_uint_eq(p.young.fitted, 12);
	for (unsigned n = 200; n < 8000; n *= 2)
		ck_assert_double_eq_tol(pauses_predict(&p, 0, n, 0) / seconds(500 + 10 * n), 1, 0.03);
}
END_TEST

/* Full collections look at what lay long, at twice the price. */
START_TEST(full_collections_have_a_price_of_their_own)
{
	char script[8192];
	unsigned used = 0, at = 1000;

	for (unsigned i = 0; i < 40; i++) {
		unsigned full = i % 4 == 3, size = full ? 8000 + 100 * i : 700 + i;
		unsigned took = 500 + (full ? 20 : 10) * size;

		used += (unsigned)snprintf(script + used, sizeof(script) - used,
			"at %u; collect 255; at %u; told %u 1 0 %u 1 %u; collected 0;",
			at, at + took, full * 2, size + 1, i + 1);
		at += took + 1000;
	}
	play(script);
	ck_assert_double_eq_tol(pauses_predict(&p, 0, 9000, 0) / seconds(90500), 1, 0.1);
	ck_assert_double_eq_tol(pauses_predict(&p, 2, 9000, 0) / seconds(180500), 1, 0.1);
}
END_TEST

/* Twice as long on the wall as on the processor, but for the one that was not measured. */
START_TEST(times_of_the_processor_count_where_there_are_some)
{
	char script[8192];
	unsigned used = 0, at = 1000;
	double tick = seconds_of_tick();

	for (unsigned i = 0; i < 12; i++) {
		unsigned took = 500 + 10 * sizes[i];

		used += (unsigned)snprintf(script + used, sizeof(script) - used,
			"at %u; collect 255; at %u; told 0 1 0 %u 1 %u 0 %.0f; collected 0;", at, at + 2 * took,
			sizes[i] + 1, i + 1, i == 5 ? 0 : 1 + 1e9 * tick * took);
		at += 2 * took + 1000;
	}
	play(script);
	ck_assert(p.of_cpu);
	ck_assert_uint_eq(p.young.fitted, 11);
	ck_assert_double_eq_tol(pauses_predict(&p, 0, 3000, 0) / seconds(30500), 1, 0.05);
	ck_assert_double_le(pauses_measured(&p, &s, &t, &s.c[5]), 0);
}
END_TEST

START_TEST(larger_ones_than_were_seen_go_on_along_the_line)
{
	play_sizes(sizes, 12, 500, 0);
	ck_assert_double_eq_tol(pauses_predict(&p, 0, 1000000, 0) / seconds(10000500), 1, 0.03);
}
END_TEST

START_TEST(one_that_was_held_up_by_the_machine_does_not_count_for_all)
{
	play_sizes(sizes, 12, 500, 50000000);
	ck_assert_double_eq_tol(pauses_predict(&p, 0, 700, 0) / seconds(7500), 1, 0.1);
	ck_assert_double_lt(pauses_predict(&p, 0, 7000, 0), seconds(140000));
}
END_TEST

START_TEST(without_collections_nothing_costs)
{
	play("alloc a 8");
	ck_assert_uint_eq(p.young.fitted, 0);
	ck_assert_double_eq(pauses_predict(&p, 0, 1000, 10), 0);
}
END_TEST

START_TEST(one_collection_is_enough_for_its_like)
{
	play_sizes(sizes, 1, 500, 0);
	ck_assert_double_eq_tol(pauses_predict(&p, 0, 100, 0) / seconds(1500), 1, 0.05);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pauses");
	SRunner *runner = srunner_create(suite);
	TCase *c = tcase_create("pauses");
	int failed;

	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_add_test(c, what_grows_with_the_objects_is_a_line);
	tcase_add_test(c, full_collections_have_a_price_of_their_own);
	tcase_add_test(c, times_of_the_processor_count_where_there_are_some);
	tcase_add_test(c, larger_ones_than_were_seen_go_on_along_the_line);
	tcase_add_test(c, one_that_was_held_up_by_the_machine_does_not_count_for_all);
	tcase_add_test(c, without_collections_nothing_costs);
	tcase_add_test(c, one_collection_is_enough_for_its_like);
	suite_add_tcase(suite, c);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
