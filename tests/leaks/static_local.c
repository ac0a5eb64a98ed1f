/*
 * verdict: clean
 *
 * Held by a static variable of a function, initialised to something else.
 */
#include <stdlib.h>

static void keep(void *p)
{
	static void *kept = &kept;

	kept = p;
}

int main(void)
{
	keep(malloc(100));
	return 0;
}
