/*
 * verdict: clean
 *
 * What the environment holds.
 */
#include <stdlib.h>

int main(void)
{
	setenv("ONE", "1", 1);
	setenv("TWO", "2", 1);
	return 0;
}
