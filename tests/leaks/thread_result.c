/*
 * verdict: clean
 * flags: -pthread
 *
 * What a thread returned, nobody has asked for it yet: its struct pthread has it.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

static void *give(void *arg)
{
	return malloc(100);
}

static void *result;

int main(void)
{
	pthread_t t;

	pthread_create(&t, NULL, give, NULL);
	pthread_join(t, &result);
	return !result;
}
