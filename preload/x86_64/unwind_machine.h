/*
 * unwind_machine.h - what unwinding must know about x86-64 and its Linux ABI
 *
 * Register numbers are those of the System V ABI's DWARF mapping; the signal frame is the
 * kernel's struct rt_sigframe as the C library's __restore_rt finds it: rsp at the ucontext.
 */
#ifndef UNWIND_MACHINE_H
#define UNWIND_MACHINE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <ucontext.h>

enum {
	MACHINE_RBX = 3,
	MACHINE_BP = 6,
	MACHINE_SP = 7,
	MACHINE_R12 = 12,
	MACHINE_IP = 16,
	MACHINE_NREGS = 17,
};

/* Where a signal frame keeps the interrupted registers, from the frame's own sp. */
#define MACHINE_SIG(reg) (offsetof(ucontext_t, uc_mcontext.gregs) + 8 * (reg))
enum {
	MACHINE_SIG_BP = MACHINE_SIG(REG_RBP),
	MACHINE_SIG_SP = MACHINE_SIG(REG_RSP),
	MACHINE_SIG_IP = MACHINE_SIG(REG_RIP),
	MACHINE_SIG_SIZE = MACHINE_SIG_IP + 8,
};

/* Memory below sp that signals leave alone. */
enum { MACHINE_RED_ZONE = 128 };

/* Instruction addresses of programs are below 2^47, so rules can tag the bits above. */
#define MACHINE_IP_BITS 47

/* A system call that leaves errno alone and is no cancellation point. */
static inline long machine_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	long ret;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall" : "=a"(ret)
		: "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		: "rcx", "r11", "memory");
	return ret;
}

static inline uintptr_t machine_thread_pointer(void)
{
	return (uintptr_t)__builtin_thread_pointer();
}

/* The registers a callee must preserve, with sp and ip, all as of one instruction. */
static inline __attribute__((always_inline)) void machine_registers(uint64_t *regs)
{
	__asm__ volatile(
		"movq %%rbx, 24(%0)\n\t"
		"movq %%rbp, 48(%0)\n\t"
		"movq %%rsp, 56(%0)\n\t"
		"movq %%r12, 96(%0)\n\t"
		"movq %%r13, 104(%0)\n\t"
		"movq %%r14, 112(%0)\n\t"
		"movq %%r15, 120(%0)\n\t"
		"leaq 0(%%rip), %%rax\n\t"
		"movq %%rax, 128(%0)"
		: : "r"(regs) : "rax", "memory");
}

#define MACHINE_SAVED_REGS (1u << 3 | 1u << 6 | 1u << 7 | 0xfu << 12 | 1u << 16)

#endif
