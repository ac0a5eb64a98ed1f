/*
 * verdict: clean
 *
 * Only a register that functions preserve has the address when exit is called.
 */
#include <stdlib.h>

int main(void)
{
	void *p = malloc(100);

	__asm__ volatile("mov %0, %%rbx\n\t"
		"xor %0, %0\n\t"
		"movq $0, %1\n\t"
		"xor %%eax, %%eax\n\t"
		"xor %%edi, %%edi\n\t"
		"and $-16, %%rsp\n\t"
		"call exit@plt"
		: "+r"(p), "=m"(p) : : "rbx", "rdi", "rax", "memory");
	return 0;
}
