/*
 * collections_test.c - what a trace says about its collections
 */
#include "collections.h"

#include "trace_writer.h"

#include <check.h>

static struct trace_writer w;
static struct trace t;
static struct defs d;
static struct replay r;
static struct collections s;

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
}

static void teardown(void)
{
	collections_fini(&s);
	replay_fini(&r);
	defs_free(&d);
	trace_close(&t);
	writer_fini(&w);
}

START_TEST(a_collection_is_what_its_end_says)
{
	play("runtime cpython; at 100; collect 255 main>gc|!run:3; at 150; alloc a 64; at 200;"
	     "told 1 2 5 31 26 7 9; at 203; collected 5");
	ck_assert_uint_eq(s.n, 1);
	ck_assert_uint_eq(s.c[0].start, 100);
	ck_assert_uint_eq(s.c[0].end, 200);
	ck_assert_uint_eq(s.c[0].generation, 1);
	ck_assert_uint_eq(s.c[0].cause, OURO_CAUSE_CALL);
	ck_assert_uint_eq(s.c[0].freed, 5);
	ck_assert_uint_eq(s.c[0].examined, 31);
	ck_assert_uint_eq(s.c[0].kept, 26);
	ck_assert_uint_eq(s.c[0].events, 1);
	ck_assert_uint_eq(s.c[0].ours, 9);
	ck_assert_uint_eq(s.c[0].writing, 3);
	ck_assert_uint_eq(s.c[0].live_bytes, 64);
	ck_assert_uint_ne(s.c[0].site, 0);
}
END_TEST

START_TEST(one_without_details_is_told_by_its_two_records)
{
	play("collect 2 main; collected 8");
	ck_assert_uint_eq(s.n, 1);
	ck_assert_uint_eq(s.c[0].generation, 2);
	ck_assert_uint_eq(s.c[0].freed, 8);
	ck_assert_uint_eq(s.c[0].examined, 0);
	ck_assert_uint_eq(s.c[0].end - s.c[0].start, 1);
}
END_TEST

START_TEST(one_that_does_not_end_is_none_and_neither_is_an_end_without_a_beginning)
{
	play("told 0 1 1 1 1 1; collected 3; collect 0 main");
	ck_assert_uint_eq(s.n, 0);
	ck_assert(collections_running(&s, 0));
}
END_TEST

START_TEST(threads_have_their_own)
{
	play("thread 1; collect 0; thread 2; collect 2; thread 1; collected 1; alloc a 8;"
	     "thread 2; alloc b 8; collected 2");
	ck_assert_uint_eq(s.n, 2);
	ck_assert_uint_eq(s.c[0].freed, 1);
	ck_assert_uint_eq(s.c[0].events, 0);
	ck_assert_uint_eq(s.c[1].freed, 2);
	ck_assert_uint_eq(s.c[1].events, 1);
	ck_assert_int_eq(s.last_old, 1);
}
END_TEST

START_TEST(what_the_runtime_counted_and_we_did_not_see_is_missed)
{
	play("collect 255; told 0 1 0 0 0 4; collected 0;"
	     "collect 255; told 0 1 0 0 0 7; collected 0");
	ck_assert_uint_eq(collections_missed(&s), 2);
}
END_TEST

START_TEST(without_the_runtimes_counts_none_is_missed)
{
	play("collect 0; collected 0; collect 0; collected 0");
	ck_assert_uint_eq(collections_missed(&s), 0);
}
END_TEST

START_TEST(the_first_statistics_are_of_the_start_up_and_the_last_of_the_end)
{
	play("statistics 3 40; statistics 9 50; statistics 11 60");
	ck_assert(s.ready_known && s.last_known);
	ck_assert_uint_eq(s.ready[0].runs, 3);
	ck_assert_uint_eq(s.last[0].runs, 11);
	ck_assert_uint_eq(s.last[0].freed, 60);
}
END_TEST

static bool of_generation_0(const struct collection *c, const void *unused)
{
	(void)unused;
	return c->generation == 0;
}

START_TEST(sums_are_of_those_picked_and_pauses_are_sorted)
{
	struct collection_sum sum;

	play("at 1000; collect 0; at 4000; collected 1; at 5000; collect 0; at 6000; collected 2;"
	     "at 7000; collect 2; at 9000; collected 40");
	ck_assert_int_eq(collections_sum(&s, &t, of_generation_0, NULL, &sum), 0);
	ck_assert_uint_eq(sum.n, 2);
	ck_assert_uint_eq(sum.freed, 3);
	ck_assert_uint_eq(sum.unexamined, 2);
	ck_assert(sum.pause[0] < sum.pause[1]);
	ck_assert_double_eq_tol(sum.pause[1], 3 * sum.pause[0], 1e-9);
	ck_assert_double_eq_tol(sum.seconds, sum.pause[0] + sum.pause[1], 1e-12);
	ck_assert_double_eq(collection_pause(&sum, 100), sum.pause[1]);
	ck_assert_double_eq(collection_pause(&sum, 0), sum.pause[0]);
	collection_sum_fini(&sum);
}
END_TEST

START_TEST(the_recorders_part_is_its_records_at_the_price_of_one)
{
	struct collection_sum sum;

	play("at 1000; collect 255; alloc a 8; alloc b 8; at 2000; told 0 1 0 0 0 1 50; at 2010;"
	     "collected 0");
	ck_assert_int_eq(collections_sum(&s, &t, NULL, NULL, &sum), 0);
	ck_assert_double_eq_tol(sum.recorder, sum.seconds * 20 / 1000, 1e-12);
	ck_assert_double_eq_tol(sum.before, sum.seconds * 50 / 1000, 1e-12);
	collection_sum_fini(&sum);
}
END_TEST

/* Half of the time the thread waited for a processor; that of the last was not asked for. */
START_TEST(who_waits_for_a_processor_is_told_from_who_has_it)
{
	struct collection_sum sum;
	double each;
	char script[300];

	play("at 1000; collect 0; at 9000; collected 1");
	each = collection_seconds(&s, &t, &s.c[0]);
	teardown();
	snprintf(script, sizeof(script), "at 1000; collect 0; at 9000; told 0 1 0 1 1 1 0 %.0f; collected 1;"
		 "at 11000; collect 0; at 19000; told 0 1 0 1 1 2; collected 1", 1e9 * each / 2 + 1);
	play(script);
	ck_assert_double_eq_tol(collection_cpu_seconds(&s.c[0]), each / 2, 2e-9);
	ck_assert_double_lt(collection_cpu_seconds(&s.c[1]), 0);
	ck_assert_int_eq(collections_sum(&s, &t, NULL, NULL, &sum), 0);
	ck_assert_double_eq_tol(sum.cpu, sum.seconds / 2, 4e-9);
	collection_sum_fini(&sum);
}
END_TEST

START_TEST(a_recording_without_processor_times_says_so)
{
	struct collection_sum sum;

	play("collect 0; told 0 1 0 1 1 1; collected 0");
	ck_assert_int_eq(collections_sum(&s, &t, NULL, NULL, &sum), 0);
	ck_assert_double_lt(sum.cpu, 0);
	collection_sum_fini(&sum);
}
END_TEST

START_TEST(one_just_after_a_snapshot_is_known)
{
	play("snapshot 1; collect 0; collected 0; collect 0; collected 0");
	ck_assert(s.c[0].forked && !s.c[1].forked);
}
END_TEST

START_TEST(the_sum_of_none_is_nothing)
{
	struct collection_sum sum;

	play("alloc a 8");
	ck_assert_int_eq(collections_sum(&s, &t, NULL, NULL, &sum), 0);
	ck_assert_uint_eq(sum.n, 0);
	ck_assert_double_eq(collection_pause(&sum, 50), 0);
	collection_sum_fini(&sum);
}
END_TEST

START_TEST(causes_that_are_not_known_have_a_name)
{
	ck_assert_str_eq(collection_cause_name(OURO_CAUSE_CALL), "call");
	ck_assert_str_eq(collection_cause_name(200), "unknown");
}
END_TEST

START_TEST(the_program_begins_with_its_main_modules_first_line)
{
	play("ready; collect 0; collected 0; alloc a 8 main>eval|!search_function:1;"
	     "collect 0; collected 0; alloc b 8 main>eval|!_run_module_as_main:1; collect 0; collected 0");
	ck_assert_uint_eq(s.n, 3);
	ck_assert(collection_of_start_up(&s, &s.c[1]));
	ck_assert(!collection_of_start_up(&s, &s.c[2]));
}
END_TEST

START_TEST(where_no_first_line_was_seen_nothing_is_start_up)
{
	play("ready; collect 0; collected 0");
	ck_assert(!collection_of_start_up(&s, &s.c[0]));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("collections");
	SRunner *runner = srunner_create(suite);
	TCase *c = tcase_create("collections");
	int failed;

	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_add_test(c, a_collection_is_what_its_end_says);
	tcase_add_test(c, one_without_details_is_told_by_its_two_records);
	tcase_add_test(c, one_that_does_not_end_is_none_and_neither_is_an_end_without_a_beginning);
	tcase_add_test(c, threads_have_their_own);
	tcase_add_test(c, what_the_runtime_counted_and_we_did_not_see_is_missed);
	tcase_add_test(c, without_the_runtimes_counts_none_is_missed);
	tcase_add_test(c, the_first_statistics_are_of_the_start_up_and_the_last_of_the_end);
	tcase_add_test(c, sums_are_of_those_picked_and_pauses_are_sorted);
	tcase_add_test(c, the_recorders_part_is_its_records_at_the_price_of_one);
	tcase_add_test(c, who_waits_for_a_processor_is_told_from_who_has_it);
	tcase_add_test(c, a_recording_without_processor_times_says_so);
	tcase_add_test(c, one_just_after_a_snapshot_is_known);
	tcase_add_test(c, the_sum_of_none_is_nothing);
	tcase_add_test(c, the_program_begins_with_its_main_modules_first_line);
	tcase_add_test(c, where_no_first_line_was_seen_nothing_is_start_up);
	tcase_add_test(c, causes_that_are_not_known_have_a_name);
	suite_add_tcase(suite, c);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
