/*
 * verdict: 2 direct 1 indirect
 *
 * Two forgotten blocks hold the same third.
 */
#include <stdlib.h>

static void **volatile a, **volatile b;

int main(void)
{
	a = malloc(sizeof *a);
	b = malloc(sizeof *b);
	*a = *b = malloc(100);
	a = b = NULL;
	return 0;
}
