/* plugin.c - what loading.c loads; MAKER and SIZE tell one from another */
#include <stdlib.h>

__attribute__((noinline)) void *MAKER(void)
{
	void *volatile p = malloc(SIZE);

	return p;
}

void *make(void)
{
	void *volatile p = MAKER();

	return p;
}
