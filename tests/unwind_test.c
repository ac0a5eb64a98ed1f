#include "reference.h"
#include "rules.h"
#include "unwind.h"
#include "unwind/tree.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* OURO_UNWIND_ROUNDS=100 make unit: for a night. */
static unsigned rounds = 1;

static __thread struct unwind *u;
static __thread struct unwind_plain *plain;
static __thread void **ips;
static __thread uint32_t *decoded, decoded_n;

static _Atomic uint64_t compared, differed, whole, cut, frames_seen;

static uint32_t loc_of(uintptr_t ip)
{
	return ip;
}

static void *zeroed(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

static void thread_setup(void)
{
	u = zeroed(UNWIND_SIZE);
	plain = zeroed(sizeof(*plain));
	ips = zeroed(REFERENCE_IPS * sizeof(*ips));
	decoded = zeroed(UNWIND_DEPTH * sizeof(*decoded));
	decoded_n = 0;
}

static void setup(void)
{
	const char *r = getenv("OURO_UNWIND_ROUNDS");

	if (r)
		rounds = atoi(r);
	ck_assert_int_eq(reference_setup(), 0);
	ck_assert(unwind_setup(loc_of));
	thread_setup();
}

static void print_difference(const struct unwind_frame *f, uint32_t n, uint32_t kept)
{
	int m = 0;
	uint32_t i;

	while (ips[m])
		m++;
	fprintf(stderr, "differs: %u frames, %u kept, libunwind %d\n", n, kept, m);
	for (i = 0; i < n && i < 60; i++)
		fprintf(stderr, "  %2u %lx sp %lx rule %x\n", i, f[n - 1 - i].ip,
			f[n - 1 - i].sp, f[n - 1 - i].rule);
	for (i = 0; i < (uint32_t)m && i < 60; i++)
		fprintf(stderr, "     %2u %p\n", i, ips[i]);
}

static void judge(const struct unwind_frame *f, uint32_t n, uint32_t kept, enum unwind_cut c)
{
	memset(ips, 0, (n + 40 < REFERENCE_IPS ? n + 40 : REFERENCE_IPS) * sizeof(*ips));
	compared++;
	if (c == UNWIND_WHOLE)
		whole++;
	else
		cut++;
	if (unwind_compare(f, n, c, ips) == REFERENCE_AGREES)
		return;
	if (!differed++)
		print_difference(f, n, kept);
}

/* What a reader does with "pop prev_n - kept, push n - kept". */
static void decode(void)
{
	uint32_t i;

	if (u->kept > decoded_n || u->kept > u->n)
		ck_abort_msg("%u kept of %u and %u", u->kept, decoded_n, u->n);
	for (i = u->kept; i < u->n; i++)
		decoded[i] = u->frames[i].loc;
	decoded_n = u->n;
	for (i = 0; i < u->n; i++)
		if (decoded[i] != (uint32_t)u->frames[i].ip)
			ck_abort_msg("frame %u of %u (%u kept): delta is wrong", i, u->n, u->kept);
}

static NOINLINE void hook(void)
{
	UNWIND_HERE(u);
	frames_seen += u->n;
	judge(u->frames, u->n, u->kept, u->cut);
	decode();
}

static NOINLINE void hook_plain(void)
{
	unwind_take_plain(plain, (uintptr_t)__builtin_return_address(0),
		(uintptr_t)__builtin_frame_address(0) + 16,
		*(uintptr_t *)__builtin_frame_address(0));
	judge(plain->frames, plain->n, 0, plain->cut);
}

static void all_agreed(uint64_t at_least)
{
	if (getenv("OURO_UNWIND_ROUNDS"))
		printf("  %9lu stacks compared, %.1f frames, %lu cut, %lu differ; %.2f walked\n",
			compared, (double)frames_seen / compared, cut, differed,
			u->takes ? (double)u->walked / u->takes : 0);
	ck_assert_uint_ge(compared, at_least);
	ck_assert_uint_eq(differed, 0);
}

/* --- ordinary programs ----------------------------------------------------------------- */

static void wander(int depth, uint64_t events)
{
	uint64_t until = compared + events * rounds;

	tree_event = hook;
	while (compared < until)
		tree_walk(depth, 1000);
}

START_TEST(stacks_of_any_depth_are_libunwinds)
{
	static const int depths[] = { 3, 10, 40, 80 };

	wander(depths[_i], 50000);
	all_agreed(50000);
	ck_assert_uint_eq(cut, 0);
}
END_TEST

START_TEST(frames_that_did_not_change_are_not_walked)
{
	int i;

	tree_event = hook;
	for (i = 0; i < 1000; i++)
		hook();
	ck_assert_uint_le(u->walked, 1000 + 2 * u->n);
	all_agreed(1000);
}
END_TEST

START_TEST(a_plain_take_sees_the_same_stack)
{
	tree_event = hook_plain;
	while (compared < 20000)
		tree_walk(30, 1000);
	all_agreed(20000);
}
END_TEST

static void *wander_on_a_thread(void *arg)
{
	thread_setup();
	tree_seed += (uintptr_t)arg * 1234567;
	wander(25, 20000);
	return NULL;
}

START_TEST(threads_share_rules_and_nothing_else)
{
	pthread_t t[4];
	uintptr_t i;

	for (i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, wander_on_a_thread, (void *)i), 0);
	for (i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	all_agreed(20000);
	ck_assert_uint_eq(cut, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("unwind");
	TCase *c = tcase_create("programs");

	tcase_set_timeout(c, 0);
	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_loop_test(c, stacks_of_any_depth_are_libunwinds, 0, 4);
	tcase_add_test(c, frames_that_did_not_change_are_not_walked);
	tcase_add_test(c, a_plain_take_sees_the_same_stack);
	tcase_add_test(c, threads_share_rules_and_nothing_else);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
