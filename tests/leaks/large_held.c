/*
 * verdict: clean
 *
 * Held from the middle of a large block that a global has.
 */
#include <stdlib.h>

static void **block;

int main(void)
{
	block = malloc(10 << 20);
	block[1000000] = malloc(100);
	return 0;
}
