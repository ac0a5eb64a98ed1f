/*
 * verdict: 50 direct
 * flags: -pthread
 *
 * More are lost than the registers of the one thread that waits could hold.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

static sem_t ready;
static void *volatile last;

static void *wait_for_ever(void *arg)
{
	for (int i = 0; i < 50; i++)
		last = malloc(100);
	last = NULL;
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
