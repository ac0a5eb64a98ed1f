/*
 * revive.h - becoming another thread, and coming back from a signal (x86-64)
 */
#ifndef X86_64_REVIVE_H
#define X86_64_REVIVE_H

#include "syscall.h"

#include <asm/prctl.h>
#include <stdint.h>
#include <sys/syscall.h>

static inline void set_thread_pointer(uint64_t fs)
{
	sys_call(SYS_arch_prctl, ARCH_SET_FS, (long)fs, 0, 0, 0, 0);
}

/* What a handler returns to: SA_RESTORER, which the kernel insists on. */
#define RESTORER 0x04000000u
void revive_restore(void) __attribute__((visibility("hidden")));
__asm__(".pushsection .text\n"
	"revive_restore:\n"
	"\tmov $15, %eax\n"		/* SYS_rt_sigreturn */
	"\tsyscall\n"
	".popsection\n");

#endif
