#include "reference.h"
#include "rules.h"
#include "unwind.h"
#include "unwind/bench.h"
#include "unwind/odd.h"
#include "unwind/tree.h"

#include <check.h>
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

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
		if (decoded[i] != u->frames[i].loc || decoded[i] - (uint32_t)u->frames[i].ip > 1)
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

/* --- jumps ------------------------------------------------------------------------------ */

static jmp_buf landing;

static void sometimes_jump(void)
{
	hook();
	if (tree_random() % 64 == 0)
		longjmp(landing, 1);
}

START_TEST(longjmp_leaves_no_stale_frames)
{
	volatile uint64_t until = 30000 * rounds;

	tree_event = sometimes_jump;
	while (compared < until)
		if (!setjmp(landing))
			tree_walk(20, 1000);
	all_agreed(until);
	ck_assert_uint_eq(cut, 0);
}
END_TEST

/* Compiles tests/unwind/SOURCE into a library at a place of its own. */
static const char *build(const char *command, const char *source, const char *name)
{
	static char dir[] = "/tmp/ouro-unwind-XXXXXX", path[2][64];
	static unsigned n;
	char line[400];
	char *to = path[n % 2];

	ck_assert(n++ || mkdtemp(dir));
	snprintf(to, sizeof(path[0]), "%s/%s.so", dir, name);
	snprintf(line, sizeof(line), "%s -O2 -fPIC -shared -o %s %.*s/unwind/%s", command, to,
		(int)(strrchr(__FILE__, '/') - __FILE__), __FILE__, source);
	ck_assert_msg(!system(line), "%s", line);
	return to;
}

static void unbuild(const char *path)
{
	char *slash;

	unlink(path);
	slash = strrchr((char *)path, '/');
	*slash = 0;
	rmdir(path);
	*slash = '/';
}

START_TEST(exceptions_pass_and_are_seen)
{
	void (*run)(void (*)(void), unsigned);
	const char *path;
	void *lib;

	if (system("c++ --version >/dev/null 2>&1"))
		return;
	path = build("c++", "throw.cc", "throw");
	lib = dlopen(path, RTLD_NOW);
	unbuild(path);
	ck_assert_msg(lib, "%s", dlerror());
	*(void **)&run = dlsym(lib, "throw_run");
	run(hook, 1000 * rounds);
	all_agreed(10000);
	ck_assert_uint_eq(cut, 0);
}
END_TEST

/* --- signals ---------------------------------------------------------------------------- */

static void on_signal(int sig)
{
	hook();
}

/* Half of the time to the handler straight away. */
static void sometimes_raise(void)
{
	hook();
	if (tree_random() % 4 == 0)
		raise(SIGUSR1);
}

static void signals_on(void *stack, int flags)
{
	stack_t ss = { .ss_sp = stack, .ss_size = 65536 };
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = flags };

	if (stack)
		ck_assert_int_eq(sigaltstack(&ss, NULL), 0);
	ck_assert_int_eq(sigaction(SIGUSR1, &sa, NULL), 0);
	tree_event = sometimes_raise;
	while (compared < 20000 * rounds)
		tree_walk(20, 1000);
	all_agreed(20000);
	ck_assert_uint_eq(cut, 0);
}

START_TEST(stacks_go_on_below_a_signal)
{
	signals_on(NULL, 0);
}
END_TEST

START_TEST(stacks_go_on_below_a_signal_on_its_own_stack)
{
	static char lower[65536];

	/* Above and below the thread's stack. */
	signals_on(_i ? lower : zeroed(65536), SA_ONSTACK);
}
END_TEST

static _Atomic uint64_t ticks;
static volatile sig_atomic_t inside;

/* As the guest does it: a nested event is taken plainly. */
static void on_tick(int sig)
{
	ticks++;
	unwind_take_plain(plain, (uintptr_t)__builtin_return_address(0),
		(uintptr_t)__builtin_frame_address(0) + 16,
		*(uintptr_t *)__builtin_frame_address(0));
	if (plain->cut != UNWIND_WHOLE)
		cut++;
}

START_TEST(a_signal_at_any_instruction_is_unwound_to_the_end)
{
	struct sigaction sa = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
	struct itimerval it = { { 0, 100 }, { 0, 100 } };

	ck_assert_int_eq(sigaction(SIGPROF, &sa, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_PROF, &it, NULL), 0);
	tree_event = hook;
	while (ticks < 300 * rounds)
		tree_walk(30, 1000);
	it = (struct itimerval){ 0 };
	setitimer(ITIMER_PROF, &it, NULL);
	all_agreed(1000);
	ck_assert_uint_eq(cut, 0);
}
END_TEST

static sigjmp_buf out;
static volatile sig_atomic_t taking;

static void jump_out(int sig)
{
	ticks++;
	if (taking) {
		taking = 0;
		siglongjmp(out, 1);
	}
}

/* Takes that are left at any instruction; the next one must be whole. */
static NOINLINE void left_hook(void)
{
	int i;

	/* Not a moment in libunwind, which would keep its lock. */
	for (i = 0; i < 2000; i++) {
		taking = 1;
		UNWIND_HERE(u);
		taking = 0;
	}
	decoded_n = UNWIND_DEPTH;
	UNWIND_HERE(u);
	judge(u->frames, u->n, u->kept, u->cut);
}

START_TEST(a_take_may_be_left_by_siglongjmp)
{
	struct sigaction sa = { .sa_handler = jump_out, .sa_flags = SA_RESTART };
	struct itimerval it = { { 0, 100 }, { 0, 100 } };

	ck_assert_int_eq(sigaction(SIGPROF, &sa, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_PROF, &it, NULL), 0);
	tree_event = left_hook;
	while (ticks < 200 * rounds)
		if (!sigsetjmp(out, 1))
			tree_walk(20 + tree_random() % 8, 20);
	it = (struct itimerval){ 0 };
	setitimer(ITIMER_PROF, &it, NULL);
	all_agreed(50);
	ck_assert_uint_eq(cut, 0);
}
END_TEST

/* --- other stacks ----------------------------------------------------------------------- */

static ucontext_t home, away[4];

static void sometimes_swap(void)
{
	hook();
	if (tree_random() % 8 == 0 && tree_budget > 0)
		swapcontext(&away[tree_bottom % 4], &home);
}

static void coroutine(int i)
{
	for (;;) {
		tree_event = sometimes_swap;
		tree_walk(8 + i, 100);
		swapcontext(&away[i], &home);
	}
}

START_TEST(coroutines_have_stacks_of_their_own)
{
	static int i;

	for (i = 0; i < 4; i++) {
		getcontext(&away[i]);
		away[i].uc_stack.ss_sp = i & 1 ? malloc(65536) : zeroed(65536);
		away[i].uc_stack.ss_size = 65536;
		makecontext(&away[i], (void (*)(void))coroutine, 1, i);
	}
	while (compared < 20000 * rounds) {
		i = tree_random() % 4;
		/* Each has its own idea of the thread's. */
		tree_bottom = 8 + i;
		tree_budget = 100;
		tree_event = sometimes_swap;
		swapcontext(&home, &away[i]);
		tree_event = hook;
		tree_walk(5, 5);
	}
	all_agreed(20000);
	ck_assert_uint_eq(cut, 0);
}
END_TEST

static void *wander_little(void *arg)
{
	thread_setup();
	tree_event = hook;
	while (compared < 20000 * rounds)
		tree_walk(6, 100);
	return NULL;
}

START_TEST(small_stacks_suffice)
{
	pthread_attr_t a;
	pthread_t t;
	int i;

	pthread_attr_init(&a);
	/* Room for libunwind, which needs more than we do, is in the program's frames. */
	ck_assert_int_eq(pthread_attr_setstacksize(&a, 16384 + 49152), 0);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(pthread_create(&t, &a, wander_little, NULL), 0);
		pthread_join(t, NULL);
	}
	all_agreed(20000);
	ck_assert_uint_eq(cut, 0);
}
END_TEST

static void *take_once(void *arg)
{
	UNWIND_HERE((struct unwind *)arg);
	return NULL;
}

START_TEST(a_stack_of_16_kib_suffices)
{
	struct unwind *v = zeroed(UNWIND_SIZE);
	pthread_attr_t a;
	pthread_t t;
	int i;

	pthread_attr_init(&a);
	ck_assert_int_eq(pthread_attr_setstacksize(&a, 16384), 0);
	for (i = 0; i < 20; i++) {
		unwind_modules_changed();
		ck_assert_int_eq(pthread_create(&t, &a, take_once, v), 0);
		pthread_join(t, NULL);
		ck_assert_uint_eq(v->cut, UNWIND_WHOLE);
		ck_assert_uint_ge(v->n, 2);
	}
}
END_TEST

static char painted[65536] __attribute__((aligned(4096)));
static size_t stack_used;

static void *take_on_paint(void *arg)
{
	char *p = painted;

	UNWIND_HERE((struct unwind *)arg);
	while (*p == 0x5a)
		p++;
	stack_used = (char *)__builtin_frame_address(0) - p;
	return NULL;
}

START_TEST(a_take_needs_less_than_a_kib_of_stack)
{
	struct unwind *v = zeroed(UNWIND_SIZE);
	pthread_attr_t a;
	pthread_t t;

	memset(painted, 0x5a, sizeof(painted));
	pthread_attr_init(&a);
	ck_assert_int_eq(pthread_attr_setstack(&a, painted, sizeof(painted)), 0);
	unwind_modules_changed();
	ck_assert_int_eq(pthread_create(&t, &a, take_on_paint, v), 0);
	pthread_join(t, NULL);
	ck_assert_uint_ge(v->n, 2);
	ck_assert_uint_gt(stack_used, 100);
#ifndef __SANITIZE_ADDRESS__
	ck_assert_uint_lt(stack_used, 1024);
#endif
}
END_TEST

static NOINLINE int recurse(int depth)
{
	int r;

	if (depth % 512 == 0)
		hook();
	r = depth ? recurse(depth - 1) : 0;
	if (depth % 700 == 0)
		hook();
	return r + 1;
}

START_TEST(recursion_is_cut_at_the_outer_end)
{
	int i;

	for (i = 0; i < 3; i++)
		ck_assert_int_eq(recurse(10000), 10001);
	all_agreed(60);
	ck_assert_uint_gt(cut, 20);
	ck_assert_uint_gt(whole, 20);
	ck_assert_uint_ge(frames_seen / compared, UNWIND_DEPTH / 4);
	hook();
	ck_assert_uint_eq(u->cut, UNWIND_WHOLE);
	ck_assert_uint_gt(unwind_stats[UNWIND_CUT_DEPTH], 0);
}
END_TEST

/* --- odd frames ------------------------------------------------------------------------- */

static void hook_below(void);
static void (*const odd[])(void (*)(void)) = {
	odd_rbx, odd_expression, odd_large, odd_bp, odd_deref,
};
static int odd_left;

static NOINLINE void hook_below(void)
{
	hook();
	if (odd_left-- > 0)
		odd[tree_random() % 5](hook_below);
	hook();
}

START_TEST(frames_beyond_rules_are_walked_in_full)
{
	int i;

	for (i = 0; i < 300; i++) {
		odd_left = i % 4;
		odd[i % 5](hook_below);
	}
	all_agreed(1000);
	ck_assert_uint_eq(cut, 0);
	ck_assert_uint_gt(unwind_stats[UNWIND_FULL], 0);
}
END_TEST

static void *switch_stacks(void *arg)
{
	odd_switch(hook, (char *)arg + 65536);
	return NULL;
}

START_TEST(a_function_may_call_on_another_stack)
{
	static alignas(16) char stack[65536];

	switch_stacks(stack);
	switch_stacks(zeroed(65536));
	all_agreed(2);
	ck_assert_uint_eq(cut, 0);
}
END_TEST

START_TEST(code_that_says_nothing_cuts_the_stack)
{
	odd_silent(hook);
	all_agreed(1);
	ck_assert_uint_eq(cut, 1);
	ck_assert_uint_eq(u->cut, UNWIND_LOST);
	ck_assert_uint_eq(unwind_stats[UNWIND_CUT_NO_ENTRY], 1);
	hook();
	ck_assert_uint_eq(u->cut, UNWIND_WHOLE);
}
END_TEST

START_TEST(code_made_at_run_time_cuts_the_stack)
{
	/* sub rsp, 24; call rdi; add rsp, 24; ret */
	static const uint8_t code[] = { 0x48, 0x83, 0xec, 24, 0xff, 0xd7, 0x48, 0x83, 0xc4, 24, 0xc3 };
	void *p = zeroed(4096);

	memcpy(p, code, sizeof(code));
	ck_assert_int_eq(mprotect(p, 4096, PROT_READ | PROT_EXEC), 0);
	((void (*)(void (*)(void)))p)(hook);
	all_agreed(1);
	ck_assert_uint_eq(u->cut, UNWIND_LOST);
	ck_assert_uint_eq(unwind_stats[UNWIND_CUT_NO_MODULE], 1);
}
END_TEST

/* --- modules that come and go ----------------------------------------------------------- */

/* unw_backtrace keeps what it knew of modules that are gone; stepping without a cache doesn't. */
static NOINLINE void hook_uncached(void)
{
	unw_context_t context;
	unw_cursor_t cursor;
	unw_word_t ip;
	uint32_t i, n = 0;

	UNWIND_HERE(u);
	decode();
	unw_set_caching_policy(unw_local_addr_space, UNW_CACHE_NONE);
	unw_getcontext(&context);
	unw_init_local(&cursor, &context);
	while (unw_step(&cursor) > 0) {
		unw_get_reg(&cursor, UNW_REG_IP, &ip);
		ips[n++] = (void *)ip;
	}
	compared++;
	cut += u->cut != UNWIND_WHOLE;
	for (i = 0; i < u->n; i++) {
		if (n < u->n || (uintptr_t)ips[i] != u->frames[u->n - 1 - i].ip) {
			differed++;
			break;
		}
	}
}

START_TEST(another_module_at_the_same_address_has_its_own_rules)
{
	const char *path[2];
	uintptr_t at[2] = { 0 }, ip[2] = { 0 };
	void *lib;
	uint64_t (*run)(void (*)(void), uint64_t);
	int i, same = 0;

	path[0] = build("cc -DROOM=200", "plugin.c", "one");
	path[1] = build("cc -DROOM=400", "plugin.c", "two");
	for (i = 0; i < 300; i++) {
		lib = dlopen(path[i % 2], RTLD_NOW);
		ck_assert_msg(lib, "%s", dlerror());
		*(void **)&run = dlsym(lib, "plugin_run");
		same += at[(i + 1) % 2] == (uintptr_t)run >> 12;
		at[i % 2] = (uintptr_t)run >> 12;
		unwind_modules_changed();
		run(hook_uncached, i);
		run(hook_uncached, i + 1);
		ck_assert_int_eq(dlclose(lib), 0);
		unwind_modules_changed();
		hook_uncached();
	}
	/* Generations have 16 bits: after so many changes there is one of the same number. */
	for (i = 0; i < 2; i++) {
		uint64_t tag = rules_tag;

		lib = dlopen(path[i], RTLD_NOW);
		*(void **)&run = dlsym(lib, "plugin_run");
		run(hook_uncached, i);
		ip[i] = u->frames[u->n - 1].ip;
		ck_assert_int_eq(dlclose(lib), 0);
		do
			unwind_modules_changed();
		while (rules_tag != tag);
		unwind_forget(u);
		decoded_n = 0;
	}
	unlink(path[0]);
	unbuild(path[1]);
	ck_assert_int_gt(same, 200);
	ck_assert_uint_eq(ip[0], ip[1]);
	all_agreed(900);
	ck_assert_uint_eq(cut, 0);
}
END_TEST

START_TEST(generations_may_come_round)
{
	uint64_t i;

	for (i = 0; i < 200000; i++) {
		unwind_modules_changed();
		if (i % 16 == 0)
			hook();
	}
	all_agreed(10000);
	ck_assert_uint_eq(unwind_stats[UNWIND_TABLE_FULL], 0);
}
END_TEST

/* --- strange states --------------------------------------------------------------------- */

/* Two readable pages of rubbish between two that are not. */
static uintptr_t *island(void)
{
	char *p = zeroed(4 * 4096);

	ck_assert_int_eq(mprotect(p, 4096, PROT_NONE), 0);
	ck_assert_int_eq(mprotect(p + 3 * 4096, 4096, PROT_NONE), 0);
	return (uintptr_t *)(p + 4096);
}

START_TEST(a_chain_into_an_unmapped_page_is_cut_before_it)
{
	uintptr_t *page = island(), end = (uintptr_t)(page + 1024), sp, ip;
	int bad = 0;

	/* Frames of all kinds that seem to go on, over the edge. */
	for (ip = 0; ip < 1024; ip++)
		page[ip] = (uintptr_t)odd_rbx + 4;
	for (ip = (uintptr_t)odd_rbx; ip < (uintptr_t)odd_switch + 16; ip++) {
		if (ip % 16 == 0)
			continue;	/* the start of a function ends a stack */
		for (sp = end - 64; sp <= end; sp += 8) {
			unwind_take(u, ip, sp, end - 16);
			bad += u->n == 0 || u->cut == UNWIND_WHOLE;
			unwind_take_plain(plain, ip, sp, end - 8);
			bad += plain->n == 0;
		}
	}
	ck_assert_int_eq(bad, 0);
	ck_assert_uint_gt(unwind_stats[UNWIND_CUT_BOUNDS], 100);
}
END_TEST

static uintptr_t any_address(uintptr_t *page)
{
	extern char __executable_start, etext;
	uint64_t r = tree_random(), span = &etext - &__executable_start;

	switch (r % 8) {
	case 0: return r;
	case 1: return (uintptr_t)page + (r >> 8) % 8300;
	case 2: return (uintptr_t)page + ((r >> 8) % 1030) * 8;
	case 3: return (uintptr_t)&r + ((r >> 8) % 4000) * 8;
	case 4: return (r >> 8) & 0x7fffffffffff;
	case 5: return (uintptr_t)qsort + (r >> 8) % 20000;
	default: return (uintptr_t)&__executable_start + (r >> 8) % span;
	}
}

START_TEST(no_state_makes_it_fault)
{
	uintptr_t *page = island();
	uint64_t i, j, n = 300000 * rounds;

	for (i = 0; i < n; i++) {
		uintptr_t sp = any_address(page) & -8ul;

		for (j = 0; j < 8; j++)
			page[tree_random() % 1024] = any_address(page);
		/* The stack pointer is the one thing that is true of any thread. */
		if (!bounds_readable(sp - 8))
			sp = (uintptr_t)&page[tree_random() % 1024 + 1];
		if (i % 3)
			unwind_take(u, any_address(page), sp, any_address(page));
		else
			unwind_take_plain(plain, any_address(page), sp, any_address(page));
	}
	hook();
	all_agreed(1);
}
END_TEST

/* --- sharing ---------------------------------------------------------------------------- */

static NOINLINE uint64_t fresh_chain(int depth, uint64_t a)
{
	volatile char room[32];

	room[a % 32] = a;
	if (!depth)
		hook();
	else if (a >> depth & 1)
		return fresh_chain(depth - 1, a) + room[0];
	else
		return fresh_chain(depth - 1, a) * 3 + room[1];
	return a;
}

START_TEST(stacks_that_share_nothing_are_walked_plainly)
{
	uint64_t i;

	for (i = 0; i < 20000; i++)
		fresh_chain(30, tree_random() | (i & 1) << 30);
	ck_assert_uint_gt(u->walked, 20000 * 25);
	all_agreed(20000);
	/* ... and shared again when there is something to share. */
	for (i = 0; i < 1000; i++)
		hook();
	i = u->walked;
	hook();
	ck_assert_uint_le(u->walked - i, 2);
}
END_TEST

START_TEST(a_stack_of_before_a_change_of_modules_is_given_again)
{
	hook();
	hook();
	ck_assert_uint_ge(u->kept, u->n - 1);
	unwind_modules_changed();
	hook();
	ck_assert_uint_eq(u->kept, 0);
	all_agreed(3);
}
END_TEST

START_TEST(a_take_that_was_left_half_way_is_not_believed)
{
	uint32_t i;

	hook();
	/* As a signal handler that never returned may have left it. */
	u->ready = false;
	u->busy = true;
	for (i = 0; i + 2 < u->n; i++)
		u->frame[i].ip += 16;
	u->bounds.own_hi += 1 << 20;
	hook();
	ck_assert_uint_eq(u->kept, 0);
	all_agreed(2);
}
END_TEST

/* All frames inside begin at the same places, whatever pad is; the one outside does not. */
static NOINLINE void inner_room(uint64_t size)
{
	volatile char *room = __builtin_alloca(size);

	room[0] = 1;
	odd_saves(hook);
	room[1] = 1;
}

#define OUTER_ROOM(name) static NOINLINE void name(uint64_t pad) \
{ \
	volatile char *room = __builtin_alloca(pad); \
\
	__asm__ volatile("" : : "r"(room) : "memory"); \
	inner_room(2048 - pad); \
	__asm__ volatile("" : : "r"(room) : "memory"); \
}
OUTER_ROOM(outer_room)
OUTER_ROOM(outer_room2)

START_TEST(an_outer_frame_that_moved_is_noticed_by_its_frame_pointer)
{
	int i;

	for (i = 0; i < 2000; i++)
		(i & 1 ? outer_room : outer_room2)(16 + tree_random() % 60 * 16);
	all_agreed(2000);
}
END_TEST

START_TEST(a_forgotten_stack_is_given_again)
{
	hook();
	hook();
	ck_assert_uint_ge(u->kept, u->n - 1);
	unwind_forget(u);
	decoded_n = 0;
	hook();
	ck_assert_uint_eq(u->kept, 0);
	all_agreed(3);
}
END_TEST

/* --- the table -------------------------------------------------------------------------- */

static void *look_up_all(void *arg)
{
	struct cfi_work *w = zeroed(sizeof(*w));
	uint64_t i, n = 60000, bad = 0;
	uintptr_t ip;

	for (i = 0; i < 2 * n; i++) {
		ip = (uintptr_t)qsort + (i * 7919 + (uintptr_t)arg * 31) % n;
		if (rules_get(atomic_load(&rules_table), ip + rules_tag, w) >> 32
				!= cfi_rule_at(ip, false, w))
			bad++;
	}
	return (void *)bad;
}

START_TEST(the_table_grows_and_stays_right)
{
	pthread_t t[3];
	uintptr_t i;
	void *bad;

	for (i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, look_up_all, (void *)i), 0);
	for (i = 0; i < 3; i++) {
		pthread_join(t[i], &bad);
		ck_assert_ptr_null(bad);
	}
	ck_assert_uint_gt(rules_table->mask >> 1, (1u << RULES_FIRST_BITS) - 1);
	/* Once it has its size, nothing is read again. */
	i = unwind_stats[UNWIND_RULES_READ];
	look_up_all(NULL);
	ck_assert_uint_le(unwind_stats[UNWIND_RULES_READ] - i, 100);
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
	tcase_add_test(c, longjmp_leaves_no_stale_frames);
	tcase_add_test(c, exceptions_pass_and_are_seen);
	tcase_add_test(c, stacks_go_on_below_a_signal);
	tcase_add_loop_test(c, stacks_go_on_below_a_signal_on_its_own_stack, 0, 2);
	tcase_add_test(c, a_signal_at_any_instruction_is_unwound_to_the_end);
	tcase_add_test(c, a_take_may_be_left_by_siglongjmp);
	tcase_add_test(c, coroutines_have_stacks_of_their_own);
	tcase_add_test(c, small_stacks_suffice);
	tcase_add_test(c, a_stack_of_16_kib_suffices);
	tcase_add_test(c, a_take_needs_less_than_a_kib_of_stack);
	tcase_add_test(c, recursion_is_cut_at_the_outer_end);
	tcase_add_test(c, frames_beyond_rules_are_walked_in_full);
	tcase_add_test(c, a_function_may_call_on_another_stack);
	tcase_add_test(c, code_that_says_nothing_cuts_the_stack);
	tcase_add_test(c, code_made_at_run_time_cuts_the_stack);
	tcase_add_test(c, another_module_at_the_same_address_has_its_own_rules);
	tcase_add_test(c, generations_may_come_round);
	tcase_add_test(c, a_chain_into_an_unmapped_page_is_cut_before_it);
	tcase_add_test(c, no_state_makes_it_fault);
	tcase_add_test(c, stacks_that_share_nothing_are_walked_plainly);
	tcase_add_test(c, a_stack_of_before_a_change_of_modules_is_given_again);
	tcase_add_test(c, a_take_that_was_left_half_way_is_not_believed);
	tcase_add_test(c, an_outer_frame_that_moved_is_noticed_by_its_frame_pointer);
	tcase_add_test(c, a_forgotten_stack_is_given_again);
	tcase_add_test(c, the_table_grows_and_stays_right);
	suite_add_tcase(s, c);
	return s;
}

int main(int argc, char **argv)
{
	SRunner *r;
	int failed;

	if (argc == 2 && !strcmp(argv[1], "bench"))
		return bench(loc_of);
	r = srunner_create(suite());
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
