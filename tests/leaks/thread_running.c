/*
 * verdict: clean
 * flags: -pthread
 *
 * Held by the stack of a thread that runs while main returns.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

static sem_t ready;

static void *run_for_ever(void *arg)
{
	void *volatile kept = malloc(100);

	sem_post(&ready);
	while (kept)
		;
	return arg;
}

int main(void)
{
	pthread_t t;

	sem_init(&ready, 0, 0);
	pthread_create(&t, NULL, run_for_ever, NULL);
	sem_wait(&ready);
	usleep(20000);
	return 0;
}
