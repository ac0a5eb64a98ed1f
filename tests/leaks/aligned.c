/*
 * verdict: 3 direct
 *
 * Aligned blocks.
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdlib.h>

static void *volatile kept;

int main(void)
{
	void *p = NULL;

	if (posix_memalign(&p, 256, 100))
		return 1;
	kept = p;
	p = NULL;
	kept = aligned_alloc(4096, 8192);
	kept = memalign(64, 10);
	kept = NULL;
	return p != NULL;
}
