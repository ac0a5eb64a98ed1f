/*
 * loading.c - programs that load libraries in ways that preloaded ones stumble over
 *
 *	loading NAME [N] [LIBRARY...]
 *
 * Each prints what it saw, the same with and without ouro.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static long N;
static char **library;
static int libraries;

typedef void *maker(void);

/* The plugin's function `make`, called once; its block is freed here. */
static int use(void *handle)
{
	maker *make = handle ? (maker *)dlsym(handle, "make") : NULL;
	char *p = make ? make() : NULL;

	if (!p)
		return 0;
	free(p);
	return 1;
}

/* By turns, each unloaded before the next comes: they get the same place. */
static int alternate(void)
{
	void *place[2] = { NULL, NULL };
	long used = 0, moved = 0;

	for (long i = 0; i < N; i++) {
		void *h = dlopen(library[i & 1], RTLD_NOW | RTLD_LOCAL);
		void *at = h ? dlsym(h, "make") : NULL;

		moved += place[i & 1] && place[i & 1] != at;
		place[i & 1] = at;
		used += use(h);
		if (h)
			dlclose(h);
	}
	printf("%ld %ld %d\n", used, moved, place[0] == place[1]);
	return 0;
}

/* What it calls binds to libc first, not to what was preloaded. */
static int deep(void)
{
	void *h = dlopen(library[0], RTLD_NOW | RTLD_DEEPBIND);
	long used = 0;

	for (long i = 0; i < N; i++)
		used += use(h);
	printf("%ld\n", used);
	return 0;
}

/* By a name alone, found by the program's run path. */
static int by_name(void)
{
	void *h = dlopen("libplugin.so", RTLD_NOW);

	printf("%d %s\n", use(h), h ? "" : "not found");
	return 0;
}

/*
 * Four threads load and unload while a timer interrupts them, whose handler
 * allocates.  Needs an allocator that allows that.
 */
static volatile sig_atomic_t handled;
static void *loads(void *arg)
{
	/* The allocator that allows it never takes anything back. */
	for (long i = 0; i < 1000 && handled < N; i++) {
		void *h = dlopen(library[(i + (intptr_t)arg) % libraries], RTLD_NOW | RTLD_LOCAL);

		if (!use(h) || dlclose(h))
			return (void *)1;
		for (int k = 0; k < 50; k++) {
			void *volatile p = malloc(16);

			free(p);
		}
	}
	return NULL;
}

static void on_timer(int number)
{
	int saved = errno;
	void *volatile p = malloc(100);

	free(p);
	handled++;
	errno = saved;
}

static int interrupted(void)
{
	struct sigaction a = { .sa_handler = on_timer, .sa_flags = SA_RESTART };
	struct itimerval every = { { 0, 50 }, { 0, 50 } }, never = { 0 };
	pthread_t t[4];
	void *bad;
	long failed = 0;

	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	for (intptr_t i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, loads, (void *)i);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &bad);
		failed += bad != NULL;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	printf("%ld\n", failed);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(void);
} hazards[] = {
	{ "alternate", alternate }, { "deep", deep }, { "by-name", by_name },
	{ "interrupted", interrupted },
};

int main(int argc, char **argv)
{
	N = argc > 2 ? atol(argv[2]) : 0;
	library = argv + 3;
	libraries = argc > 3 ? argc - 3 : 0;
	for (unsigned i = 0; argc > 1 && i < sizeof hazards / sizeof *hazards; i++)
		if (!strcmp(hazards[i].name, argv[1]))
			return hazards[i].run();
	return 99;
}
