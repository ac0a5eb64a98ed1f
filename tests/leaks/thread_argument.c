/*
 * verdict: clean
 * flags: -pthread
 *
 * A thread that waits was given its block by main, which forgot it.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

static sem_t ready;

static void *wait_for_ever(void *arg)
{
	void *volatile mine = arg;

	sem_post(&ready);
	for (;;)
		pause();
	return mine;
}

int main(void)
{
	pthread_t t;

	sem_init(&ready, 0, 0);
	pthread_create(&t, NULL, wait_for_ever, malloc(100));
	sem_wait(&ready);
	usleep(20000);
	return 0;
}
