/*
 * verdict: 3 direct
 *
 * Blocks that the C library made for the caller.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *volatile kept;

int main(void)
{
	char *text = NULL;

	kept = strdup("one");
	kept = strndup("two, and more", 3);
	if (asprintf(&text, "%d", 3) < 0)
		return 1;
	kept = text = NULL;
	return 0;
}
