/*
 * verdict: clean
 *
 * main holds it while a function that main called ends the process.
 */
#include <stdlib.h>

__attribute__((noinline)) static void leave(void)
{
	exit(0);
}

int main(void)
{
	void *volatile kept = malloc(100);

	leave();
	return !kept;
}
