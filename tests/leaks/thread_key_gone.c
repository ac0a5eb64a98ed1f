/*
 * verdict: 1 direct
 * flags: -pthread
 *
 * A value of a thread that has ended, of a key without a destructor.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_key_t key;

static void *forget(void *arg)
{
	pthread_setspecific(key, malloc(100));
	return arg;
}

int main(void)
{
	pthread_t t;

	pthread_key_create(&key, NULL);
	pthread_create(&t, NULL, forget, NULL);
	pthread_join(t, NULL);
	return 0;
}
