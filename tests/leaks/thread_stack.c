/*
 * verdict: clean
 * flags: -pthread
 *
 * Held by the stack of a thread that waits.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

static sem_t ready;

static void *wait_for_ever(void *arg)
{
	void *volatile kept = malloc(100);

	sem_post(&ready);
	for (;;)
		pause();
	return kept;
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
