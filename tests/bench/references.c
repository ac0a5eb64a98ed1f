/* Takes a reference and gives it back, at the bottom of DEPTH calls: references PAIRS DEPTH */
#include <glib-object.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static volatile int kept;		/* so that no call is the last thing of its function */

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static __attribute__((noinline)) void use(GObject *o, long n)
{
	while (n-- > 0) {
		g_object_ref(o);
		g_object_unref(o);
	}
	kept++;
}

static __attribute__((noinline)) void descend(GObject *o, long n, int depth)
{
	if (depth > 1)
		descend(o, n, depth - 1);
	else
		use(o, n);
	kept++;
}

int main(int argc, char **argv)
{
	long n = atol(argv[1]);
	GObject *o = g_object_new(G_TYPE_OBJECT, NULL);
	double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);

	descend(o, n, atoi(argv[2]) - 2);
	printf("{\"pairs\": %ld, \"wall\": %.6f, \"cpu\": %.6f}\n", n,
		seconds(CLOCK_MONOTONIC) - wall, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
	g_object_unref(o);
	return 0;
}
