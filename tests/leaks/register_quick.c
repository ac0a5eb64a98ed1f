/*
 * verdict: clean
 * valgrind: no longer has the registers of a thread that has called _exit
 * lsan: does not look at _exit
 *
 * Only a register has the address when _exit is called.
 */
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
	void *p = malloc(100);

	__asm__ volatile("mov %0, %%r13\n\t"
		"xor %0, %0\n\t"
		"movq $0, %1\n\t"
		"xor %%eax, %%eax\n\t"
		"xor %%edi, %%edi\n\t"
		"and $-16, %%rsp\n\t"
		"call _exit@plt"
		: "+r"(p), "=m"(p) : : "r13", "rdi", "rax", "memory");
	return 0;
}
