/* A process made from a core file, as the library sees it: what reads wild memory does it in attempts. */
#include "guest_trace.h"

#include "../preload/own.h"
#include "../preload/revive.h"
#include "../preload/runtime.h"

#include <ouro/core.h>
#include <ouro/revive.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>

/* What the child that plays the dead process leaves for the test to see. */
static struct seen {
	unsigned asked[2];		/* for its lock: without taking it, and with */
	unsigned good, bad;		/* attempts                                  */
	unsigned steps;
	bool snapshot;
} *seen;

static revive_fn *entry;
static unsigned *volatile nowhere = (unsigned *)16;

/* As who reads a core file finds it: by its magic, in memory that was written to. */
static __attribute__((no_sanitize("address"))) revive_fn *find_entry(void)
{
	extern char __data_start[], _end[];

	for (const uint64_t *p = (const uint64_t *)__data_start; (const char *)(p + 7) < _end; p++)
		if (p[0] == OURO_CORE_MAGIC_0 && p[1] == OURO_CORE_MAGIC_1)
			return (revive_fn *)((const struct ouro_core *)p)->entry;
	return NULL;
}

static void begin(void)
{
	seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(seen, MAP_FAILED);
	revive_setup();
	entry = find_entry();
	ck_assert_ptr_nonnull(entry);
}

static struct {
	struct ouro_plan plan;
	uint64_t fs[3];
} dead;

/* How a process ends that enters there with so many threads; all of them are this one. */
static int end_of_one_with(uint32_t threads)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (!pid) {
		dead.plan = (struct ouro_plan){ .magic = OURO_PLAN_MAGIC, .threads = threads };
		for (uint32_t i = 0; i < threads; i++)
			dead.fs[i] = (uintptr_t)__builtin_thread_pointer();
		entry(&dead.plan);
		_exit(99);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

/* --- attempts ------------------------------------------------------------------------- */

static void count(void *arg)
{
	seen->steps++;
}

static void read_where_nothing_is(void *arg)
{
	seen->steps += *nowhere;
}

static void run_what_is_no_code(void *arg)
{
	__asm__ volatile ("ud2");
}

static void go_round(void *arg)
{
	for (volatile unsigned i = 0;; i++)
		;
}

static void make(revive_step *step)
{
	if (revive_attempt(step, NULL, 1))
		seen->good++;
	else
		seen->bad++;
}

static int snapshot(struct snapshot *s)
{
	struct itimerval tick = { { 0, 10000 }, { 0, 10000 } };

	seen->snapshot = revive_is();
	for (int i = 0; i < 3; i++) {		/* the handler stays good for the next one */
		make(read_where_nothing_is);
		make(count);
		make(run_what_is_no_code);
	}
	setitimer(ITIMER_VIRTUAL, &tick, NULL);
	make(go_round);
	make(count);
	return 0;
}

static int reads_wildly(struct snapshot *s)
{
	read_where_nothing_is(NULL);
	return 0;
}

/* --- who has the lock ----------------------------------------------------------------- */

static bool third_time(bool take)
{
	return ++seen->asked[take] == 3 && !take;
}

static bool only_if_taken(bool take)
{
	seen->asked[take]++;
	return take;
}

static bool wild(bool take)
{
	seen->asked[take]++;
	read_where_nothing_is(NULL);
	return true;
}

static void play(bool (*attached)(bool take), int (*walk)(struct snapshot *s))
{
	static struct runtime r;

	r = (struct runtime){ .name = "dead", .interpreter = true, .attached = attached,
			      .snapshot = walk };
	interpreter = &r;
}

START_TEST(in_a_living_process_an_attempt_is_a_call)
{
	begin();
	ck_assert(!revive_is());
	ck_assert(revive_attempt(count, NULL, 1));
	ck_assert_uint_eq(seen->steps, 1);
}
END_TEST

START_TEST(one_without_an_interpreter_ends_and_says_so)
{
	begin();
	interpreter = NULL;
	ck_assert_int_eq(end_of_one_with(1), 1 << 8);
	play(NULL, NULL);
	ck_assert_int_eq(end_of_one_with(1), 1 << 8);
	ck_assert(!seen->snapshot);
}
END_TEST

START_TEST(an_attempt_ends_where_memory_or_patience_does)
{
	begin();
	play(NULL, snapshot);
	ck_assert_int_eq(end_of_one_with(1), 0);
	ck_assert(seen->snapshot);
	ck_assert_uint_eq(seen->good, 4);
	ck_assert_uint_eq(seen->steps, 4);
	ck_assert_uint_eq(seen->bad, 7);
}
END_TEST

START_TEST(a_fault_outside_of_attempts_ends_it_with_the_signals_number)
{
	begin();
	play(NULL, reads_wildly);
	ck_assert_int_eq(end_of_one_with(1), (128 + SIGSEGV) << 8);
}
END_TEST

START_TEST(the_thread_that_had_the_lock_is_found)
{
	begin();
	play(third_time, snapshot);
	ck_assert_int_eq(end_of_one_with(3), 0);
	ck_assert_uint_eq(seen->asked[0], 3);
	ck_assert_uint_eq(seen->asked[1], 0);
}
END_TEST

START_TEST(where_no_thread_had_it_the_first_takes_it)
{
	begin();
	play(only_if_taken, snapshot);
	ck_assert_int_eq(end_of_one_with(3), 0);
	ck_assert_uint_eq(seen->asked[0], 3);
	ck_assert_uint_eq(seen->asked[1], 1);
	ck_assert(seen->snapshot);
}
END_TEST

START_TEST(wild_pointers_in_threads_do_not_keep_it_from_the_heap)
{
	begin();
	play(wild, snapshot);
	ck_assert_int_eq(end_of_one_with(3), 0);
	ck_assert_uint_eq(seen->asked[0] + seen->asked[1], 6);
	ck_assert(seen->snapshot);
}
END_TEST

START_TEST(a_core_file_may_have_no_threads)
{
	begin();
	play(third_time, snapshot);
	ck_assert_int_eq(end_of_one_with(0), 0);
	ck_assert_uint_eq(seen->asked[0] + seen->asked[1], 0);
	ck_assert(seen->snapshot);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, in_a_living_process_an_attempt_is_a_call);
	tcase_add_test(c, one_without_an_interpreter_ends_and_says_so);
	tcase_add_test(c, an_attempt_ends_where_memory_or_patience_does);
	tcase_add_test(c, a_fault_outside_of_attempts_ends_it_with_the_signals_number);
	tcase_add_test(c, the_thread_that_had_the_lock_is_found);
	tcase_add_test(c, where_no_thread_had_it_the_first_takes_it);
	tcase_add_test(c, wild_pointers_in_threads_do_not_keep_it_from_the_heap);
	tcase_add_test(c, a_core_file_may_have_no_threads);
}

int main(void)
{
	return run_case("a process made from a core file", add);
}
