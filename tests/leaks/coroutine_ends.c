/*
 * verdict: clean
 * valgrind: takes the other stack for an error of its own
 * lsan: knows one stack of a thread
 *
 * exit is called on the stack of a coroutine, which only the stack pointer holds.
 */
#include <stdlib.h>
#include <ucontext.h>

static ucontext_t here, there;

static void leave(void)
{
	void *volatile kept = malloc(100);

	there.uc_stack.ss_sp = NULL;
	exit(!kept);
}

int main(void)
{
	size_t size = 65536;

	getcontext(&there);
	there.uc_stack.ss_sp = malloc(size);
	there.uc_stack.ss_size = size;
	there.uc_link = &here;
	makecontext(&there, leave, 0);
	swapcontext(&here, &there);
	return 0;
}
