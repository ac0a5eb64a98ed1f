/*
 * verdict: clean
 *
 * The only address leads into the middle of the block.
 */
#include <stdlib.h>

static char *middle;

int main(void)
{
	middle = (char *)malloc(100) + 40;
	return 0;
}
