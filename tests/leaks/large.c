/*
 * verdict: 1 direct 1 indirect
 *
 * A block so large that malloc maps it, and one that only it holds.
 */
#include <stdlib.h>

static void **volatile block;

int main(void)
{
	block = malloc(10 << 20);
	block[1000000] = malloc(100);
	block = NULL;
	free(malloc(1));	/* else a register may still have it */
	return 0;
}
