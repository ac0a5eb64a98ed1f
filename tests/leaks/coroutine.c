/*
 * verdict: clean
 *
 * Held by the stack of a coroutine, which is a block that a global has.
 */
#include <stdlib.h>
#include <ucontext.h>

static ucontext_t here, there;

static void wait_inside(void)
{
	void *volatile kept = malloc(100);

	swapcontext(&there, &here);
	free(kept);
}

int main(void)
{
	size_t size = 65536;

	getcontext(&there);
	there.uc_stack.ss_sp = malloc(size);
	there.uc_stack.ss_size = size;
	there.uc_link = &here;
	makecontext(&there, wait_inside, 0);
	swapcontext(&here, &there);
	return 0;
}
