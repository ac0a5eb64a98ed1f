/*
 * verdict: clean
 *
 * A block moved, and what it holds is held from its new place.
 */
#include <stdlib.h>

static void **list;

int main(void)
{
	for (size_t n = 1; n <= 1000; n++) {
		list = realloc(list, n * sizeof *list);
		list[n - 1] = malloc(n);
	}
	return 0;
}
