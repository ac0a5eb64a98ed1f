/*
 * verdict: 1 direct
 *
 * A block that moved is forgotten at its new place.
 */
#include <stdlib.h>

static char *volatile block;

int main(void)
{
	block = malloc(10);
	block = realloc(block, 100000);
	block = realloc(block, 50);
	block = NULL;
	return 0;
}
