/*
 * warm_test.c - the moment a program counts as warm, and the work it did from then on
 */
#include "warm.h"
#include "work.h"

#include "trace_writer.h"

#include <check.h>

static struct trace_writer w;
static struct trace t;
static struct defs d;
static struct replay r;
static struct work work;

static void watch(void *arg, const struct replay *replay, const struct event *e)
{
	(void)arg;
	work_event(&work, replay, e);
}

static void open_script(const char *script)
{
	write_trace(&w, script);
	ck_assert_int_eq(trace_open_memory(&t, w.bytes, w.size, NULL), 0);
}

static double done(const char *script, uint64_t warm)
{
	double sum = -1;

	open_script(script);
	work.warm = warm;
	ck_assert_int_eq(defs_load(&d, &t), 0);
	ck_assert_int_eq(replay_init(&r, &t, &d), 0);
	r.watch = watch;
	ck_assert_int_eq(replay_to_end(&r), 0);
	ck_assert_int_eq(work_total(&work, &r, &sum), 0);
	return sum;
}

static void teardown(void)
{
	work_fini(&work);
	replay_fini(&r);
	defs_free(&d);
	trace_close(&t);
	writer_fini(&w);
}

static uint64_t moment(const char *script, struct warm warm)
{
	uint64_t ns = 0;

	open_script(script);
	ck_assert_int_eq(warm_moment(&warm, &t, &ns), 0);
	return ns;
}

START_TEST(a_mark_is_the_moment_it_was_set_first)
{
	uint64_t ns = moment("at 500; alloc a 8 main; at 700; mark cold; at 900; mark warm; at 990; mark warm;"
			     "thread 2; at 950; mark warm", (struct warm){ .mark = "warm" });

	ck_assert_uint_eq(warm_ticks(&t, ns), 900);
}
END_TEST

START_TEST(the_earliest_of_all_threads_counts)
{
	uint64_t ns = moment("at 900; mark warm; thread 2; at 850; mark warm", (struct warm){ .mark = "warm" });

	ck_assert_uint_eq(warm_ticks(&t, ns), 850);
}
END_TEST

START_TEST(a_mark_that_was_not_set_is_no_moment)
{
	ck_assert_uint_eq(moment("at 700; mark cold; alloc a 8 main", (struct warm){ .mark = "col" }), UINT64_MAX);
}
END_TEST

START_TEST(seconds_count_from_the_beginning)
{
	uint64_t ns = moment("alloc a 8 main", (struct warm){ .seconds = 2.5 });

	ck_assert_uint_eq(ns - trace_ns(&t, t.head.start_ticks), 2500000000u);
}
END_TEST

START_TEST(a_program_without_a_runtime_works_with_each_block)
{
	ck_assert_double_eq(done("alloc a 8 main; free a; alloc b 8 main>f; alloc c 8", 0), 3);
}
END_TEST

START_TEST(what_was_made_before_the_moment_is_not_counted)
{
	ck_assert_double_eq(done("at 100; alloc a 8 main; alloc b 8 main; at 200; free a; at 300;"
				 "alloc c 8 main; alloc d 8 main>f", 200), 2);
}
END_TEST

START_TEST(of_a_runtime_only_lines_of_the_program_count_from_its_start_to_its_end)
{
	ck_assert_double_eq(done("runtime cpython; alloc a 8 main>eval>|!run:3; ready;"
				 "alloc b 8 main; alloc c 8 main>eval>|!run:3; alloc d 8 main>eval>|!run:4>go:7;"
				 "exiting; alloc e 8 main>eval>|!run:3", 0), 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("warm");
	TCase *tests = tcase_create("warm");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tests);
	tcase_add_checked_fixture(tests, NULL, teardown);
	tcase_add_test(tests, a_mark_is_the_moment_it_was_set_first);
	tcase_add_test(tests, the_earliest_of_all_threads_counts);
	tcase_add_test(tests, a_mark_that_was_not_set_is_no_moment);
	tcase_add_test(tests, seconds_count_from_the_beginning);
	tcase_add_test(tests, a_program_without_a_runtime_works_with_each_block);
	tcase_add_test(tests, what_was_made_before_the_moment_is_not_counted);
	tcase_add_test(tests, of_a_runtime_only_lines_of_the_program_count_from_its_start_to_its_end);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
