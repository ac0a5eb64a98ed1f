/*
 * verdict: 2 direct
 *
 * Two lines forget one block each.
 */
#include <stdlib.h>

static void *volatile kept;

int main(void)
{
	kept = malloc(10);
	kept = malloc(20);
	kept = NULL;
	return 0;
}
