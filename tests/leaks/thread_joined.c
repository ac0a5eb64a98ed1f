/*
 * verdict: 1 direct
 * flags: -pthread
 *
 * A thread that has ended had the only address on its stack.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

static void *forget(void *arg)
{
	void *volatile local = malloc(100);

	return local ? NULL : arg;
}

int main(void)
{
	pthread_t t;

	pthread_create(&t, NULL, forget, NULL);
	pthread_join(t, NULL);
	return 0;
}
