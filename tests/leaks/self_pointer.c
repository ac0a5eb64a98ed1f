/*
 * verdict: 1 direct
 *
 * A block that holds itself is lost like any other: strings and list heads are made so.
 */
#include <stdlib.h>

static void **volatile block;

int main(void)
{
	block = malloc(32);
	block[2] = block;
	block = NULL;
	return 0;
}
