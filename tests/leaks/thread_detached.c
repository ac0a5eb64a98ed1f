/*
 * verdict: 1 direct
 * flags: -pthread
 *
 * A detached thread that has ended had the only address on its stack.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

static sem_t done;

static void *forget(void *arg)
{
	void *volatile local = malloc(100);

	sem_post(&done);
	return local ? NULL : arg;
}

int main(void)
{
	pthread_t t;

	sem_init(&done, 0, 0);
	pthread_create(&t, NULL, forget, NULL);
	pthread_detach(t);
	sem_wait(&done);
	usleep(50000);
	return 0;
}
