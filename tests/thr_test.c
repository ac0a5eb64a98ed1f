#include "guest_trace.h"

#include <pthread.h>
#include <signal.h>

START_TEST(a_hook_inside_a_hook_is_counted_and_not_recorded)
{
	struct guard inner;
	uint64_t before;

	trace_begin();
	before = file->lost[OURO_LOST_NESTED];
	ck_assert(!guard_enter(&inner, guard.t->inside - 64));
	ck_assert_uint_eq(file->lost[OURO_LOST_NESTED], before + 1);
	guard_leave(&guard);
	ck_assert(guard_enter(&inner, (uintptr_t)&inner));
	guard_leave(&inner);
	trace_end();
}
END_TEST

START_TEST(a_guard_left_by_a_long_jump_is_stale)
{
	struct guard later;

	trace_begin();
	/* The hook never left: its frame was below ours. */
	ck_assert(guard_enter(&later, guard.t->inside + 64));
	guard_leave(&later);
	trace_end();
}
END_TEST

static volatile int nested;

static void on_usr1(int number)
{
	struct guard g;

	nested += !GUARD_ENTER(&g);
}

/* An alternate stack may lie above the hook's frame: it is nested all the same. */
START_TEST(on_a_signal_stack_nothing_is_taken_for_stale)
{
	stack_t s = { .ss_size = 65536 };
	struct sigaction a = { .sa_handler = on_usr1, .sa_flags = SA_ONSTACK };
	uintptr_t inside;

	trace_begin();
	s.ss_sp = malloc(s.ss_size);
	inside = guard.t->inside;
	guard.t->inside = 4096;		/* a frame below any stack */
	ck_assert_int_eq(sigaltstack(&s, NULL), 0);
	sigaction(SIGUSR1, &a, NULL);
	raise(SIGUSR1);
	ck_assert_int_eq(nested, 1);
	guard.t->inside = inside;
	trace_end();
	ck_assert_int_eq(sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, NULL), 0);
	free(s.ss_sp);
}
END_TEST

START_TEST(errno_is_the_programs)
{
	trace_begin();
	guard_leave(&guard);
	errno = EDOM;
	ck_assert(GUARD_ENTER(&guard));
	errno = ENOENT;
	guard_leave(&guard);
	ck_assert_int_eq(errno, EDOM);
	trace_end();
}
END_TEST

static void *one_event(void *arg)
{
	struct guard g;

	if (!GUARD_ENTER(&g))
		return NULL;
	event(&g, OURO_FREE, 16, 0);
	guard_leave(&g);
	return g.t;
}

START_TEST(the_block_of_a_thread_that_ended_is_used_again)
{
	trace_begin();
	guard_leave(&guard);
	for (int i = 0; i < 300; i++) {
		pthread_t t;
		void *block;

		ck_assert(!pthread_create(&t, NULL, one_event, NULL));
		pthread_join(t, &block);
		ck_assert_ptr_nonnull(block);
	}
	/* One may not quite have ended when the next begins. */
	ck_assert_uint_le(file->streams, 12);
	ck_assert_uint_eq(file->threads, 301);
	trace_end();
}
END_TEST

static pthread_barrier_t all_here;
static void *one_event_together(void *arg)
{
	void *block;

	pthread_barrier_wait(&all_here);
	block = one_event(NULL);
	pthread_barrier_wait(&all_here);
	return block;
}

START_TEST(living_threads_never_share_a_block)
{
	pthread_t t[64];
	void *block[64];

	trace_begin();
	guard_leave(&guard);
	pthread_barrier_init(&all_here, NULL, 64);
	for (int i = 0; i < 64; i++)
		ck_assert(!pthread_create(&t[i], NULL, one_event_together, NULL));
	for (int i = 0; i < 64; i++)
		pthread_join(t[i], &block[i]);
	for (int i = 0; i < 64; i++)
		for (int k = 0; k < i; k++)
			ck_assert_ptr_ne(block[i], block[k]);
	trace_end();
}
END_TEST

START_TEST(inert_is_for_good_and_says_why)
{
	struct guard g;

	trace_begin();
	guard_leave(&guard);
	go_inert("because");
	ck_assert(!GUARD_ENTER(&g));
	ck_assert_uint_eq(file->state, OURO_STATE_INERT);
	trace_end();
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, a_hook_inside_a_hook_is_counted_and_not_recorded);
	tcase_add_test(c, a_guard_left_by_a_long_jump_is_stale);
	tcase_add_test(c, on_a_signal_stack_nothing_is_taken_for_stale);
	tcase_add_test(c, errno_is_the_programs);
	tcase_add_test(c, the_block_of_a_thread_that_ended_is_used_again);
	tcase_add_test(c, living_threads_never_share_a_block);
	tcase_add_test(c, inert_is_for_good_and_says_why);
}

int main(void)
{
	return run_case("thr", add);
}
