/*
 * verdict: 1 direct
 * lsan: does not look at _exit
 *
 * A process that ends by _exit is looked at, too.
 */
#include <stdlib.h>
#include <unistd.h>

static void *volatile kept;

int main(void)
{
	kept = malloc(100);
	kept = NULL;
	_exit(0);
}
