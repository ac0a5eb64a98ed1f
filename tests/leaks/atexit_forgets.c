/*
 * verdict: 1 direct
 *
 * An exit handler forgets what it should free.
 */
#include <stdlib.h>

static void *volatile kept;

static void release(void)
{
	kept = NULL;
}

int main(void)
{
	atexit(release);
	kept = malloc(100);
	return 0;
}
