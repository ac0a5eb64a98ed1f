/*
 * verdict: 1 direct
 * flags: -pthread
 *
 * Blocks of an arena of its own: a global has one, nothing has the other.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

static void *kept, *volatile lost;

static void *make(void *arg)
{
	kept = malloc(100);
	lost = malloc(100);
	lost = NULL;
	return arg;
}

int main(void)
{
	pthread_t t;

	free(malloc(1));
	pthread_create(&t, NULL, make, NULL);
	pthread_join(t, NULL);
	return 0;
}
