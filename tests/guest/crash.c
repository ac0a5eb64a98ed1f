/*
 * crash.c - keeps memory in every way there is, loses some, and dies
 *
 *   crash segv        by a bad pointer
 *   crash kill        by SIGKILL, as the kernel does when memory runs out
 *   crash grow        takes memory until there is none, and does not ask whether it got any
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct node {
	struct node *volatile next;	/* or the stores are found to be for nothing */
	char room[40];
};

static struct node *volatile cache;
static __thread struct node *volatile mine;
static volatile int ready;

static void *worker(void *arg)
{
	struct node *volatile local = calloc(1, 100);

	mine = calloc(1, 200);
	ready = 1;
	for (;;)
		pause();
	return local;
}

static void __attribute__((noinline)) fill(int n)
{
	while (n--) {
		struct node *x = calloc(1, sizeof *x);

		x->next = cache;
		cache = x;
	}
}

static void __attribute__((noinline)) lose(int n)
{
	while (n--) {
		void *volatile p = calloc(1, 300);

		p = NULL;
	}
}

static void __attribute__((noinline)) lose_circle(void)
{
	struct node *volatile a = calloc(1, 64), *volatile b = calloc(1, 64);

	a->next = b;
	b->next = a;
	a = b = NULL;
}

static void __attribute__((noinline)) grow(void)
{
	for (;;)
		fill(100000), memset(malloc(1 << 20), 1, 1 << 20);
}

static void __attribute__((noinline)) crash(int *p)
{
	*p = 1;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "segv";
	struct node *volatile on_stack;
	pthread_t t;

	fill(100);
	pthread_create(&t, NULL, worker, NULL);
	while (!ready)
		usleep(1000);
	lose_circle();
	lose(50);
	on_stack = calloc(1, 400);
	if (!strcmp(how, "kill"))
		raise(SIGKILL);
	if (!strcmp(how, "grow"))
		grow();
	crash((int *)(long)argc);
	return !on_stack;
}
