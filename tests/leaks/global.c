/*
 * verdict: clean
 *
 * Held by a global variable.
 */
#include <stdlib.h>

void *kept;

int main(void)
{
	kept = malloc(100);
	return 0;
}
