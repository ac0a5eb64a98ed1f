/*
 * verdict: 1 direct
 *
 * An address that is kept in disguise is none; all three say so.
 */
#include <stdint.h>
#include <stdlib.h>

static uintptr_t disguised;

int main(void)
{
	disguised = ~(uintptr_t)malloc(100);
	return 0;
}
