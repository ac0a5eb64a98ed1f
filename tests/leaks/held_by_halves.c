/*
 * verdict: 1 direct
 * flags: -no-pie
 * lsan: looks at whole words alone
 * valgrind: looks at whole words alone
 *
 * Addresses below 4 GiB in an array of 32-bit numbers, as GLib's hash tables keep
 * them: the heap of a program that is not position-independent lies there.
 */
#include <stdint.h>
#include <stdlib.h>

static uint32_t *kept;
static void *volatile lost;

int main(void)
{
	kept = malloc(10 * sizeof(*kept));
	for (int i = 0; i < 10; i++) {
		uintptr_t p = (uintptr_t)malloc(100 + (size_t)i);

		if (p >> 32)
			return 0;
		kept[i] = (uint32_t)p;
	}
	lost = malloc(300);
	lost = NULL;
	return 0;
}
