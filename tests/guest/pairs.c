/*
 * References taken and given back, again and again, in all the ways that look like the same one
 * and are not: other callers far out, other frames at the same place, jumps, signals, threads, a fork.
 *
 *	pairs walk		a few thousand of them, the same in every run
 *	pairs forever FILE	one after the other until killed; FILE has, as a word of 64 bits, how many are done
 */
#include <alloca.h>
#include <fcntl.h>
#include <glib-object.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define APART __attribute__((noinline, noclone))

static volatile int kept;		/* so that no call is the last thing of its function */
static GObject *a, *b;
static sigjmp_buf away;

static APART void pairs(GObject *o, int n)
{
	while (n-- > 0) {
		g_object_ref(o);
		g_object_unref(o);
	}
	kept++;
}

/* Two ways out of one function to the same two calls. */
static APART void either(GObject *o, int n, int other)
{
	while (n-- > 0) {
		if (other)
			g_object_ref(o);
		else
			g_object_ref(o);
		g_object_unref(o);
	}
	kept++;
}

static APART void odd(GObject *o, int n)
{
	for (int i = 0; i < n; i++) {
		g_object_ref(o);
		g_object_unref(o);
	}
	g_object_ref(o);
	kept++;
}

static APART void give_back(GObject *o)
{
	g_object_unref(o);
	kept++;
}

/* Ten frames that are the same whoever calls the outermost. */
static APART void deep(GObject *o, int n, int depth)
{
	if (depth)
		deep(o, n, depth - 1);
	else
		pairs(o, n);
	kept++;
}

static APART void left(GObject *o, int n)
{
	deep(o, n, 10);
	kept++;
}

static APART void right(GObject *o, int n)
{
	deep(o, n, 10);
	kept++;
}

static APART void sized(GObject *o, int n, size_t bytes)
{
	char *p = alloca(bytes);

	memset(p, 1, bytes);
	pairs(o, n);
	kept += p[bytes - 1];
}

static APART void crossed(int n)
{
	while (n-- > 0) {
		g_object_ref(a);
		g_object_ref(b);
		g_object_unref(a);
		g_object_unref(b);
	}
	kept++;
}

static APART void with_blocks(GObject *o, int n)
{
	while (n-- > 0) {
		g_object_ref(o);
		free(malloc(100));
		g_object_unref(o);
	}
	kept++;
}

static void on_signal(int number)
{
	pairs(b, 2);
	kept++;
	if (number == SIGUSR2)
		siglongjmp(away, 1);
}

static APART void interrupted(GObject *o, int n, int number)
{
	while (n-- > 0) {
		g_object_ref(o);
		if (n % 3 == 0)
			raise(number);
		g_object_unref(o);
	}
	kept++;
}

static APART void jumped(GObject *o)
{
	if (!sigsetjmp(away, 1))
		interrupted(o, 4, SIGUSR2);
	g_object_unref(o);
	kept++;
}

static void *thread(void *o)
{
	pairs(o, 600);
	left(o, 3);
	right(o, 3);
	kept++;
	return NULL;
}

static unsigned dice = 1;

static unsigned roll(unsigned sides)
{
	dice = dice * 1664525 + 1013904223;
	return (dice >> 8) % sides;
}

static APART void any(GObject *o)
{
	switch (roll(8)) {
	case 0: left(o, 1); break;
	case 1: right(o, 1); break;
	case 2: sized(o, 1, 16 + 64 * roll(3)); break;
	case 3: pairs(o, (int)roll(4)); break;
	case 4: either(o, (int)roll(4), (int)roll(2)); break;
	case 5: odd(o, (int)roll(3)); give_back(o); break;
	case 6: deep(o, 2, (int)roll(3)); break;
	default: with_blocks(o, (int)roll(2)); break;
	}
	kept++;
}

static void walk(void)
{
	static const int many[] = { 1, 2, 3, 127, 128, 129, 255, 256, 257, 700 };
	pthread_t one;

	for (size_t i = 0; i < sizeof many / sizeof *many; i++) {
		pairs(a, many[i]);
		odd(a, many[i]);
		give_back(a);
	}
	for (int i = 0; i < 20; i++) {
		if (i & 1)
			left(a, 1);
		else
			right(a, 1);
	}
	for (int i = 0; i < 20; i++)
		sized(a, 2, 16 + 32 * (size_t)(i % 3));
	crossed(20);
	interrupted(a, 30, SIGUSR1);
	for (int i = 0; i < 5; i++)
		jumped(a);
	for (int i = 0; i < 4000; i++)
		any(roll(4) ? a : b);
	if (!fork()) {
		pairs(a, 10);
		_exit(0);
	}
	pairs(a, 10);
	wait(NULL);
	pthread_create(&one, NULL, thread, b);
	pthread_join(one, NULL);
	thread(a);
}

static void forever(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	volatile uint64_t *done;

	if (fd < 0 || ftruncate(fd, 4096))
		exit(2);
	done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (done == MAP_FAILED)
		exit(2);
	for (;;) {
		g_object_ref(a);
		++*done;
		g_object_unref(a);
		++*done;
	}
}

int main(int argc, char **argv)
{
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	a = g_object_new(G_TYPE_OBJECT, NULL);
	b = g_object_new(G_TYPE_OBJECT, NULL);
	if (argc == 3 && !strcmp(argv[1], "forever"))
		forever(argv[2]);
	walk();
	g_object_unref(a);
	g_object_unref(b);
	return 0;
}
