/*
 * verdict: 100 direct
 *
 * One line forgets a hundred times: one finding.
 */
#include <stdlib.h>

static void *volatile last;

int main(void)
{
	for (int i = 0; i < 100; i++)
		last = malloc(40);
	last = NULL;
	return 0;
}
