/*
 * verdict: clean
 *
 * Held by a thread-local variable of the main thread.
 */
#include <stdlib.h>

static __thread void *kept;

int main(void)
{
	kept = malloc(100);
	return 0;
}
