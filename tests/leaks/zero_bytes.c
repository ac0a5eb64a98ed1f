/*
 * verdict: 1 direct
 *
 * A block of no bytes is a block; the other one is held.
 */
#include <stdlib.h>

static void *volatile kept, *volatile lost;

int main(void)
{
	kept = malloc(0);
	lost = malloc(0);
	lost = NULL;
	return 0;
}
