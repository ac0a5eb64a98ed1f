/*
 * syscall.h - system calls without libc (x86-64)
 *
 * libc's wrappers can be cancellation points, set errno, and be interposed by
 * somebody else; these are none of that.  They return -errno.
 */
#ifndef SYSCALL_H
#define SYSCALL_H

#include <stdint.h>

static inline long sys_call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile ("syscall" : "=a" (ret)
		: "a" (nr), "D" (a), "S" (b), "d" (c), "r" (r10), "r" (r8), "r" (r9)
		: "rcx", "r11", "memory");
	return ret;
}

#endif
