/*
 * verdict: clean
 *
 * Somebody aligned by hand and kept the aligned address alone.
 */
#include <stdint.h>
#include <stdlib.h>

static void *aligned;

int main(void)
{
	uintptr_t p = (uintptr_t)malloc(2000);

	aligned = (void *)((p + 1023) & ~(uintptr_t)1023);
	p = 0;
	return (int)p;
}
