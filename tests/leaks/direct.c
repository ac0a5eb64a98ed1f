/*
 * verdict: 1 direct
 *
 * The only address is written over.
 */
#include <stdlib.h>

static char *kept;

int main(void)
{
	kept = malloc(24);
	kept = malloc(24);
	return !kept;
}
