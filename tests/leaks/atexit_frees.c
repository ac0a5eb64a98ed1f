/*
 * verdict: clean
 *
 * Freed by an exit handler; until then only that one has the address.
 */
#include <stdlib.h>

static void *kept;

static void release(void)
{
	free(kept);
	kept = NULL;
}

int main(void)
{
	atexit(release);
	kept = malloc(100);
	return 0;
}
