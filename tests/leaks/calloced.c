/*
 * verdict: 1 direct
 *
 * From calloc.
 */
#include <stdlib.h>

static void *volatile kept;

int main(void)
{
	kept = calloc(10, 10);
	kept = NULL;
	return 0;
}
