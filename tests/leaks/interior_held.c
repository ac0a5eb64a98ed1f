/*
 * verdict: clean
 *
 * A block is held by an address into it, in a block held the same way.
 */
#include <stdlib.h>

static char **middle;

int main(void)
{
	middle = (char **)malloc(100) + 4;
	*middle = (char *)malloc(1000) + 999;
	return 0;
}
