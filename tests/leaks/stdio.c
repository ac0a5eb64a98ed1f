/*
 * verdict: clean
 *
 * What stdio keeps for an open file.
 */
#include <stdio.h>

int main(void)
{
	FILE *f = fopen("/dev/null", "w");

	if (!f)
		return 1;
	fputs("text", f);
	puts("text");
	return 0;
}
