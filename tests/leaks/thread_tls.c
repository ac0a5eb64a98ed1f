/*
 * verdict: clean
 * flags: -pthread
 *
 * Held by a thread-local variable of a thread that waits while main returns.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

static __thread void *kept;
static sem_t ready;

static void *wait_for_ever(void *arg)
{
	kept = malloc(100);
	sem_post(&ready);
	for (;;)
		pause();
	return arg;
}

int main(void)
{
	pthread_t t;

	sem_init(&ready, 0, 0);
	pthread_create(&t, NULL, wait_for_ever, NULL);
	sem_wait(&ready);
	usleep(20000);
	return 0;
}
