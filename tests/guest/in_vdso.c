/*
 * in_vdso.c - blocks that a signal handler makes while the clock is read, in the kernel's own library
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static volatile int made;

static void __attribute__((noinline)) make(int signal)
{
	void *volatile lost = malloc(500);

	lost = NULL;
	made++;
}

int main(void)
{
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
	struct timespec t;

	signal(SIGALRM, make);
	setitimer(ITIMER_REAL, &often, NULL);
	while (made < 200)
		clock_gettime(CLOCK_MONOTONIC, &t);
	return 0;
}
