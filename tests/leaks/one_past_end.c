/*
 * verdict: 1 direct
 *
 * The address behind the last byte is in the block no more.
 */
#include <stdlib.h>

static char *volatile end;

int main(void)
{
	end = (char *)malloc(64) + 64;
	return 0;
}
