/*
 * verdict: 1 direct
 *
 * Only the stack of a function that has returned has the address.
 */
#include <stdlib.h>

__attribute__((noinline)) static void forget(void)
{
	void *volatile local[64];

	for (int i = 0; i < 64; i++)
		local[i] = NULL;
	local[32] = malloc(100);
}

int main(void)
{
	forget();
	return 0;
}
