/*
 * revive.c - a program of its own: lay a dead process's memory out again and enter it
 *
 * Linked at an address where no program has anything, without a C library: one would have
 * thread-local memory, and that must be the dead thread's.  What stands in the plan decides
 * what is mapped, what stands in the core file which code runs: so before that code runs, the
 * kernel is told to refuse it every call that could reach beyond this process.  See
 * ouro/revive.h.
 */
#include "x86_64/syscall.h"

#include <asm/prctl.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <ouro/revive.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>

#define SYS(nr, a, b, c, d, e, f) sys_call(nr, (long)(a), (long)(b), (long)(c), \
	(long)(d), (long)(e), (long)(f))

#define PAGE		4096u
#define STACK_BYTES	(16u << 20)
#define SECONDS_MAX	600
#define OUTPUT_MOST	(UINT64_C(1) << 36)	/* bytes of a snapshot               */
#define USER_END	0x800000000000u
#define PLAN_AT		(OURO_REVIVE_START + (UINT64_C(1) << 40))

/* Why it ends; 0 is the entry's. */
enum { BAD_PLAN = 10, NO_STACK = 11, NO_MAPS = 12, NO_FILTER = 13 };

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
void revive(void) __attribute__((noreturn, used));

/* The compiler may call these on its own. */
void *memcpy(void *to, const void *from, size_t n)
{
	char *t = to;
	const char *f = from;

	while (n--)
		*t++ = *f++;
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	char *t = to;

	while (n--)
		*t++ = (char)byte;
	return to;
}

static void __attribute__((noreturn)) leave(int status)
{
	for (;;)
		SYS(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

static bool failed(long r)
{
	return r < 0 && r > -4096;
}

/* --- an empty process ------------------------------------------------------------------ */

static bool is_ours(uint64_t start)
{
	return (start >= OURO_REVIVE_START && start < OURO_REVIVE_END) || start >= USER_END;
}

static const char *hex(const char *p, uint64_t *ret)
{
	for (*ret = 0;; p++) {
		unsigned digit = (unsigned)*p - '0', letter = (unsigned)*p - 'a';

		if (digit > 9 && letter > 5)
			return p;
		*ret = *ret << 4 | (digit > 9 ? letter + 10 : digit);
	}
}

/* The kernel's gifts (a stack, the vdso) lie where the dead one's did. */
static void unmap_others(void)
{
	static char text[32768];
	long n = 0, r, fd = SYS(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY, 0, 0, 0);

	if (failed(fd))
		leave(NO_MAPS);
	while ((r = SYS(SYS_read, fd, text + n, sizeof(text) - 1 - (size_t)n, 0, 0, 0)) > 0)
		n += r;
	SYS(SYS_close, fd, 0, 0, 0, 0, 0);
	for (const char *p = text; *p; ) {
		uint64_t start, end;

		p = hex(p, &start);
		if (*p++ != '-')
			leave(NO_MAPS);
		p = hex(p, &end);
		if (!is_ours(start))
			SYS(SYS_munmap, start, end - start, 0, 0, 0, 0);
		while (*p && *p++ != '\n')
			;
	}
}

/* --- its memory ------------------------------------------------------------------------ */

static bool is_zero(const uint64_t *page)
{
	for (unsigned i = 0; i < PAGE / 8; i++)
		if (page[i])
			return false;
	return true;
}

/* Pages that nobody touched stay so: which ones those are is asked later on. */
static void copy(uint64_t to, uint64_t at, uint64_t bytes)
{
	static _Alignas(PAGE) char window[256 * PAGE];

	while (bytes) {
		uint64_t want = bytes < sizeof(window) ? bytes : sizeof(window);
		long n = SYS(SYS_pread64, OURO_REVIVE_CORE, window, want, at, 0, 0);

		if (n <= 0)
			return;
		memset(window + n, 0, -(size_t)n % PAGE);
		for (uint64_t i = 0; i < (uint64_t)n; i += PAGE)
			if (!is_zero((const uint64_t *)(window + i)))
				memcpy((void *)(to + i), window + i,
				       (uint64_t)n - i < PAGE ? (uint64_t)n - i : PAGE);
		to += (uint64_t)n;
		at += (uint64_t)n;
		bytes -= (uint64_t)n;
	}
}

static void lay(const struct ouro_plan *plan, const struct ouro_plan_part *x)
{
	int flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE | MAP_NORESERVE, all = PROT_READ | PROT_WRITE;
	long fd = -1;

	if (x->file) {
		fd = SYS(SYS_openat, AT_FDCWD, (const char *)plan + x->file,
			O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, 0, 0);
		if (failed(fd))
			return;
		SYS(SYS_mmap, x->start, x->end - x->start, x->protection, flags, fd, x->file_at);
		SYS(SYS_close, fd, 0, 0, 0, 0, 0);
		return;
	}
	if (SYS(SYS_mmap, x->start, x->end - x->start, x->core_bytes ? all : (int)x->protection,
		flags | MAP_ANONYMOUS, -1, 0) != (long)x->start || !x->core_bytes)
		return;
	copy(x->start, x->core_at, x->core_bytes);
	SYS(SYS_mprotect, x->start, x->end - x->start, x->protection, 0, 0, 0);
}

/* --- only this much -------------------------------------------------------------------- */

#define ALLOW(nr) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), \
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void confine(void)
{
	static struct sock_filter rule[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(SYS_read), ALLOW(SYS_write), ALLOW(SYS_close), ALLOW(SYS_mmap),
		ALLOW(SYS_munmap), ALLOW(SYS_mincore), ALLOW(SYS_rt_sigaction),
		ALLOW(SYS_rt_sigprocmask), ALLOW(SYS_rt_sigreturn), ALLOW(SYS_arch_prctl),
		ALLOW(SYS_exit_group),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog filter = { sizeof(rule) / sizeof(*rule), rule };
	struct itimerval tick = { { OURO_REVIVE_TICK, 0 }, { OURO_REVIVE_TICK, 0 } };
	struct rlimit seconds = { SECONDS_MAX, SECONDS_MAX }, none = { 0, 0 },
		most = { OUTPUT_MOST, OUTPUT_MOST };

	SYS(SYS_close, OURO_REVIVE_CORE, 0, 0, 0, 0, 0);
	SYS(SYS_close, OURO_REVIVE_PLAN, 0, 0, 0, 0, 0);
	SYS(SYS_prlimit64, 0, RLIMIT_CPU, &seconds, NULL, 0, 0);
	SYS(SYS_prlimit64, 0, RLIMIT_FSIZE, &most, NULL, 0, 0);
	SYS(SYS_prlimit64, 0, RLIMIT_CORE, &none, NULL, 0, 0);
	SYS(SYS_setitimer, ITIMER_VIRTUAL, &tick, NULL, 0, 0, 0);
	if (failed(SYS(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)) ||
	    failed(SYS(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter, 0, 0, 0)))
		leave(NO_FILTER);
}

/* --- all of it ------------------------------------------------------------------------- */

static const struct ouro_plan *take_plan(void)
{
	const struct ouro_plan *p = (const struct ouro_plan *)PLAN_AT;
	int flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE;

	if (failed(SYS(SYS_mmap, p, PAGE, PROT_READ, flags, OURO_REVIVE_PLAN, 0)) ||
	    p->magic != OURO_PLAN_MAGIC)
		leave(BAD_PLAN);
	if (p->bytes > PAGE && failed(SYS(SYS_mmap, PLAN_AT + PAGE, p->bytes - PAGE, PROT_READ, flags,
					  OURO_REVIVE_PLAN, PAGE)))
		leave(BAD_PLAN);
	return p;
}

/* On a stack of our own. */
void revive(void)
{
	const struct ouro_plan *plan = take_plan();

	unmap_others();
	for (uint32_t i = 0; i < plan->parts; i++)
		lay(plan, &ouro_plan_parts(plan)[i]);
	confine();
	((revive_fn *)plan->entry)(plan);
	leave(0);
}

void start(void) __attribute__((noreturn, used));
void start(void)
{
	long r = SYS(SYS_mmap, OURO_REVIVE_STACK, STACK_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (failed(r))
		leave(NO_STACK);
	__asm__ volatile ("mov %0, %%rsp\n\txor %%ebp, %%ebp\n\tcall revive\n\thlt"
		:: "r" (r + STACK_BYTES - 64) : "memory");
	__builtin_unreachable();
}

__asm__(".globl _start\n_start:\n\tand $-16, %rsp\n\tcall start\n");
