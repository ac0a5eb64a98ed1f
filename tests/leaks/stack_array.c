/*
 * verdict: clean
 *
 * An array on the stack of a caller three levels up.
 */
#include <stdlib.h>

__attribute__((noinline)) static void leave(int depth)
{
	volatile char room[100];

	room[0] = 0;
	if (depth)
		leave(depth - 1);
	else
		exit(room[0]);
}

int main(void)
{
	void *volatile kept[10];

	for (int i = 0; i < 10; i++)
		kept[i] = malloc(100);
	leave(3);
	return !kept[0];
}
