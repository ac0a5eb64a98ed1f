/*
 * verdict: 1 direct
 *
 * The last block before free memory: the allocator has an address that lies in its
 * last bytes.
 */
#include <stdlib.h>

static void *volatile kept;

int main(void)
{
	kept = malloc(24);
	kept = NULL;
	return 0;
}
