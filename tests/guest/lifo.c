/*
 * lifo.c - an allocator, to be preloaded, that hands out what was given back last
 *
 * To whichever thread asks next: what takes luck with glibc's arenas happens
 * here every time.  Blocks are of 1 KiB, or never used again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1024 };
struct block {
	struct block *next;
};
static char room[256 << 20] __attribute__((aligned(4096)));
static size_t used;
static struct block *top;
static int locked;

static void lock(void)
{
	while (__atomic_exchange_n(&locked, 1, __ATOMIC_ACQUIRE))
		__builtin_ia32_pause();
}

static void unlock(void)
{
	__atomic_store_n(&locked, 0, __ATOMIC_RELEASE);
}

void *malloc(size_t n)
{
	size_t all = n > BLOCK - 16 ? (n + 31) & ~(size_t)15 : BLOCK;
	char *p = NULL;

	lock();
	if (all == BLOCK && top) {
		p = (char *)top;
		top = top->next;
	} else if (n < sizeof room && all < sizeof room - used) {
		p = room + used + 16;
		used += all;
		((size_t *)p)[-2] = all;
	}
	unlock();
	return p;
}

void free(void *p)
{
	struct block *b = p;

	if (!b || ((size_t *)p)[-2] != BLOCK)
		return;
	lock();
	b->next = top;
	top = b;
	unlock();
	for (int i = 0; i < 30; i++)	/* time for others to take it */
		__builtin_ia32_pause();
}

void *calloc(size_t n, size_t size)
{
	void *p = malloc(n * size);

	return p ? memset(p, 0, n * size) : NULL;
}

void *realloc(void *p, size_t n)
{
	void *q = malloc(n);

	if (p && q) {
		size_t before = ((size_t *)p)[-2] - 16;

		memcpy(q, p, before < n ? before : n);
		free(p);
	}
	return q;
}
