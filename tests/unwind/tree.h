/*
 * tree.h - call chains of many shapes, for the unwinder's test and bench
 *
 * tree_walk(depth, events) wanders up and down a stack of about that depth, through
 * functions whose frames differ in every way compilers make them differ, and calls
 * tree_event about that often.
 */
#ifndef TREE_H
#define TREE_H

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

static __thread uint64_t tree_seed = 88172645463325252ull;
static __thread void (*tree_event)(void);
static __thread int tree_bottom;	/* depth at which chains turn round */
static __thread int tree_budget;	/* events until a walk goes home                     */
static __thread volatile uint64_t tree_sink;

static inline uint64_t tree_random(void)
{
	tree_seed ^= tree_seed << 13;
	tree_seed ^= tree_seed >> 7;
	tree_seed ^= tree_seed << 17;
	return tree_seed;
}

typedef uint64_t tree_fn(int depth, uint64_t a);
static tree_fn *const tree_kinds[16];

#define NOINLINE __attribute__((noinline, noclone))

/* Some levels down, an event or two, perhaps down again from here. */
static inline __attribute__((always_inline)) uint64_t tree_down(int depth, uint64_t a)
{
	uint64_t r = tree_random(), sum = a;

	if (tree_budget <= 0)
		return sum;
	if (depth >= tree_bottom) {
		tree_budget--;
		tree_event();
		return sum + r;
	}
	sum += tree_kinds[r % 16](depth + 1, r);
	if (r >> 60 < 5) {
		tree_budget--;
		tree_event();
		sum += tree_kinds[(r >> 8) % 16](depth + 1, r ^ a);
	}
	return sum;
}

#define TREE_PLAIN(name) \
static NOINLINE uint64_t name(int depth, uint64_t a) \
{ \
	return tree_down(depth, a) * 3 + 1; \
}
TREE_PLAIN(tree_p0)
TREE_PLAIN(tree_p1)
TREE_PLAIN(tree_p2)
TREE_PLAIN(tree_p3)
TREE_PLAIN(tree_p4)

/* Many values live across calls: rbp is saved, and is data. */
static NOINLINE uint64_t tree_registers(int depth, uint64_t a)
{
	uint64_t b = a * 3, c = a ^ 77, d = a + 5, e = a * a, i;

	for (i = 0; i < 1 + (a & 1); i++) {
		d += tree_down(depth, b);
		b ^= c + d;
		c += e;
	}
	return b + c + d + e;
}

static NOINLINE uint64_t tree_registers2(int depth, uint64_t a)
{
	uint64_t b = a * 5, c = a ^ 7, d = a + 15, e = a * a - 1;

	d += tree_down(depth, b);
	b ^= tree_down(tree_bottom, c + d);
	return b + c + d + e;
}

static NOINLINE uint64_t tree_locals(int depth, uint64_t a)
{
	volatile char room[200];

	room[a % 200] = a;
	return tree_down(depth, a) + room[a % 100];
}

static NOINLINE uint64_t tree_page(int depth, uint64_t a)
{
	volatile char room[5000];

	room[a % 5000] = a;
	return (a & 7 ? tree_down(depth, a) : tree_down(tree_bottom, a)) + room[a % 100];
}

/* A frame of no fixed size. */
static NOINLINE uint64_t tree_alloca(int depth, uint64_t a)
{
	volatile char *room = __builtin_alloca(16 + a % 300);

	room[a % 16] = a;
	return tree_down(depth, a) + room[a % 8];
}

static NOINLINE uint64_t tree_aligned(int depth, uint64_t a)
{
	alignas(64) volatile char room[64];

	room[a % 64] = a;
	return tree_down(depth, a) + room[a % 8];
}

/* Over-aligned and of no fixed size: CFA = *(rbp - 8). */
static NOINLINE uint64_t tree_aligned_alloca(int depth, uint64_t a)
{
	alignas(128) volatile char room[64];
	volatile char *more = __builtin_alloca(16 + a % 300);

	room[a % 64] = more[a % 16] = a;
	return tree_down(depth, a) + room[a % 8] + more[a % 3];
}

__attribute__((optimize("no-omit-frame-pointer")))
static NOINLINE uint64_t tree_frame_pointer(int depth, uint64_t a)
{
	return tree_down(depth, a) * 5;
}

__attribute__((optimize("no-omit-frame-pointer")))
static NOINLINE uint64_t tree_frame_pointer2(int depth, uint64_t a)
{
	return tree_down(depth, a) * 7 + tree_down(tree_bottom, a);
}

static int tree_compare(const void *a, const void *b)
{
	tree_event();
	return *(const int *)a - *(const int *)b;
}

/* Through libc and back. */
extern void qsort(void *, size_t, size_t, int (*)(const void *, const void *));
static NOINLINE uint64_t tree_libc(int depth, uint64_t a)
{
	int v[3] = { 3, 1, 2 };

	if (a & 1)
		qsort(v, 3, sizeof(*v), tree_compare);
	return tree_down(depth, a) + v[0];
}

/* Chains of calls through one function. */
static NOINLINE uint64_t tree_recursive(int depth, uint64_t a)
{
	if (a & 3 && depth < tree_bottom)
		return tree_recursive(depth + 1, a >> 2) + 1;
	return tree_down(depth, a);
}

static tree_fn *const tree_kinds[16] = {
	tree_p0, tree_p1, tree_p2, tree_p3, tree_p4, tree_registers, tree_registers2,
	tree_locals, tree_page, tree_alloca, tree_aligned, tree_aligned_alloca,
	tree_frame_pointer, tree_frame_pointer2, tree_libc, tree_recursive,
};

static inline void tree_walk(int depth, int events)
{
	tree_bottom = depth;
	tree_budget = events;
	tree_sink += tree_kinds[tree_random() % 16](1, tree_random());
}

#endif
