/*
 * verdict: clean
 * flags: -pthread
 *
 * A value of the main thread, of a key without a destructor.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

static pthread_key_t key;

int main(void)
{
	pthread_key_create(&key, NULL);
	pthread_setspecific(key, malloc(100));
	return 0;
}
