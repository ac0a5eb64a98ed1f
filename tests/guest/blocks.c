/*
 * blocks.c - a program whose blocks can be counted, by sizes nobody else asks for
 *
 * With -DOWN it brings an allocator of its own, in which calloc and realloc
 * call malloc and free by name; with -DHIDDEN, too, that is known to the
 * executable alone.  With -DLIBRARY only the allocator is left, to be preloaded:
 * it takes no lock, so that signal handlers may allocate.  Started with an argument
 * the program works in four threads.
 *
 *	size	taken by	times	kept
 *	1201	malloc		1000	100
 *	1202	calloc		 500	  0
 *	1203	realloc		 300	  3	(of 1199, 300 times, none kept)
 *	1204	aligned		 200	  2
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HIDDEN
#define API __attribute__((visibility("hidden"), noinline))
#else
#define API __attribute__((noinline))
#endif

#ifdef OWN
/* Blocks with their size before them, from a place that is never given back. */
static char room[256 << 20] __attribute__((aligned(4096)));
static size_t used;
static unsigned long taken, given;

API void *malloc(size_t n)
{
	size_t all = (n + 31) & ~(size_t)15;
	size_t at = __atomic_fetch_add(&used, all, __ATOMIC_RELAXED);

	if (at > sizeof room - all || n > sizeof room)
		return NULL;
	__atomic_add_fetch(&taken, 1, __ATOMIC_RELAXED);
	*(size_t *)(room + at) = n;
	return room + at + 16;
}

API void free(void *p)
{
	if (p)
		__atomic_add_fetch(&given, 1, __ATOMIC_RELAXED);
}

API void *calloc(size_t n, size_t size)
{
	void *p = malloc(n * size);

	return p ? memset(p, 0, n * size) : NULL;
}

API void *realloc(void *p, size_t n)
{
	void *q = malloc(n);

	if (p && q) {
		size_t before = ((size_t *)p)[-2];

		memcpy(q, p, before < n ? before : n);
		free(p);
	}
	return q;
}

API int posix_memalign(void **ret, size_t align, size_t n)
{
	char *p = malloc(n + align);

	if (!p)
		return 12;
	*ret = (void *)(((uintptr_t)p + align - 1) & ~(align - 1));
	return 0;
}
#endif

#ifndef LIBRARY
static void *volatile kept[400];
static unsigned places;

static void end(void *p, int keep)
{
	if (keep)
		kept[__atomic_fetch_add(&places, 1, __ATOMIC_RELAXED)] = p;
	else
		free(p);
}

static void *work(void *share)
{
	int n = (int)(intptr_t)share;

	for (int i = 0; i < 1000 / n; i++)
		end(malloc(1201), i % 10 == 0);
	for (int i = 0; i < 500 / n; i++)
		end(calloc(1, 1202), 0);
	for (int i = 0; i < 300 / n; i++)
		end(realloc(malloc(1199), 1203), i < 3 && n == 1);
	for (int i = 0; i < 200 / n; i++) {
		void *p = NULL;

		if (posix_memalign(&p, 64, 1204))
			return NULL;
		end(p, i < 2 && n == 1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t t[4];

	if (argc < 2) {
		work((void *)1);
	} else {
		for (int i = 0; i < 4; i++)
			pthread_create(&t[i], NULL, work, (void *)4);
		for (int i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
	}
#ifdef OWN
	printf("%d\n", taken > given);
#endif
	puts("done");
	return 0;
}
#endif
