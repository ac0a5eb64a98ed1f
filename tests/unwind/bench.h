/*
 * bench.h - nanoseconds per stack: ours, ours without memory of the last one, libunwind's
 *
 * `unwind_test bench`.  A hundred functions with two call sites each; the lower part of
 * the stack stands for some time while calls come and go above it, as in real programs.
 */
#ifndef BENCH_H
#define BENCH_H

#include "unwind.h"
#include "unwind/tree.h"

#define UNW_LOCAL_ONLY
#include <libunwind.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

static struct unwind *bench_u;
static struct unwind_plain *bench_plain;
static void (*bench_event)(void);
static int bench_depth, bench_left, bench_hostile;
static uint64_t (*const bench_fn[100])(int, uint64_t);

static inline __attribute__((always_inline)) uint64_t bench_level(int depth, uint64_t a)
{
	uint64_t r = tree_random(), sum = a;
	int n = 1 + (r >> 59) % 3, i;

	if (bench_left <= 0)
		return sum;
	if (depth >= bench_depth) {
		bench_left--;
		bench_event();
		return sum + r;
	}
	if (bench_hostile || depth < bench_depth - 6)
		n = 1;
	for (i = 0; i < n; i++) {
		if (r >> i & 1)
			sum += bench_fn[(r >> 8) % 100](depth + 1, r + i);
		else
			sum ^= bench_fn[(r >> 16) % 100](depth + 1, r ^ i);
		/* Only the upper part comes back for more. */
		if (!bench_hostile && depth < bench_depth - 6 && bench_left > 0 && !(r >> 40 & 7))
			i--, r = tree_random() | 1ull << 40;
	}
	return sum;
}

#define BENCH_FN(n) static NOINLINE uint64_t bench_##n(int d, uint64_t a) \
	{ return bench_level(d, a) + n; }
#define BENCH_TEN(m, n) m(n##0) m(n##1) m(n##2) m(n##3) m(n##4) m(n##5) m(n##6) m(n##7) m(n##8) m(n##9)
#define BENCH_ALL(m) BENCH_TEN(m, 1) BENCH_TEN(m, 2) BENCH_TEN(m, 3) BENCH_TEN(m, 4) \
	BENCH_TEN(m, 5) BENCH_TEN(m, 6) BENCH_TEN(m, 7) BENCH_TEN(m, 8) BENCH_TEN(m, 9) BENCH_TEN(m, 10)
BENCH_ALL(BENCH_FN)
#define BENCH_NAME(n) bench_##n,
static uint64_t (*const bench_fn[100])(int, uint64_t) = { BENCH_ALL(BENCH_NAME) };

static NOINLINE void bench_nothing(void)
{
	__asm__ volatile("" : : "r"(__builtin_frame_address(0)));
}

static NOINLINE void bench_ours(void)
{
	UNWIND_HERE(bench_u);
}

static NOINLINE void bench_plainly(void)
{
	unwind_take_plain(bench_plain, (uintptr_t)__builtin_return_address(0),
		(uintptr_t)__builtin_frame_address(0) + 16,
		*(uintptr_t *)__builtin_frame_address(0));
}

static NOINLINE void bench_libunwind(void)
{
	static void *ips[256];

	unw_backtrace(ips, 256);
}

static double bench_once(void (*event)(void), int depth, int events)
{
	struct timespec a, b;

	bench_event = event;
	bench_depth = depth;
	tree_seed = 88172645463325252ull;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (int done = 0; done < events; done += 5000) {
		bench_left = 5000;
		while (bench_left > 0)
			tree_sink += bench_fn[tree_random() % 100](1, 0);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	return ((b.tv_sec - a.tv_sec) * 1e9 + b.tv_nsec - a.tv_nsec) / events;
}

static int bench_compare(const void *a, const void *b)
{
	return (*(double *)a > *(double *)b) - (*(double *)a < *(double *)b);
}

static void bench_row(int depth, int hostile)
{
	static void (*const event[])(void) = { bench_ours, bench_plainly, bench_libunwind };
	double ns[3][7], base;
	int i, j;
	uint64_t takes = bench_u->takes, walked = bench_u->walked;

	bench_hostile = hostile;
	for (i = 0; i < 7; i++) {
		for (j = 0; j < 3; j++) {
			base = bench_once(bench_nothing, depth, 200000);
			ns[j][i] = bench_once(event[j], depth, 200000) - base;
		}
	}
	for (j = 0; j < 3; j++)
		qsort(ns[j], 7, sizeof(double), bench_compare);
	printf("%5d %-8s %8.0f %8.0f %10.0f %14.2f\n", depth, hostile ? "hostile" : "", ns[0][3],
		ns[1][3], ns[2][3], (double)(bench_u->walked - walked) / (bench_u->takes - takes));
}

static int bench(uint32_t (*loc_of)(uintptr_t))
{
	static const int depths[] = { 10, 20, 40, 80 };

	bench_u = mmap(NULL, UNWIND_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bench_plain = malloc(sizeof(*bench_plain));
	if (bench_u == MAP_FAILED || !bench_plain || !unwind_setup(loc_of))
		return 1;
	printf("depth              ours    plain  libunwind  frames walked\n");
	for (unsigned i = 0; i < 8; i++)
		bench_row(depths[i % 4], i >= 4);
	return 0;
}

#endif
