#include "confine.h"

#include "clock.h"
#include "file.h"
#include "libc.h"
#include "process.h"
#include "sys.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

bool confined;

enum {
	HELD_CHUNKS = 128,
};

static long (*original_syscall)(long, long, long, long, long, long, long);

/* Does what it says; true when it is about to be the last that we may do. */
static bool hold_on(void)
{
	if (confined || !process_is_ours())
		return false;
	file_hold(HELD_CHUNKS);
	__atomic_store_n(&confined, true, __ATOMIC_RELEASE);
	return true;
}

static long finish(long r, bool held)
{
	if (held && r < 0)
		__atomic_store_n(&confined, false, __ATOMIC_RELEASE);
	if (r >= 0 || r < -4095)
		return r;
	errno = (int)-r;
	return -1;
}

/* Both take the processor's counter away: reading it is a SIGSEGV then. */
static bool takes_clock(long op, long mode)
{
	return (op == PR_SET_SECCOMP && mode == SECCOMP_MODE_STRICT)
		|| (op == PR_SET_TSC && mode == PR_TSC_SIGSEGV);
}

static long set(long op, long mode, long b, long c, long d)
{
	bool held = op == PR_SET_SECCOMP && hold_on();

	if (takes_clock(op, mode))
		clock_stop();
	return finish(SYS(SYS_prctl, op, mode, b, c, d, 0), held);
}

static int on_prctl(int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	return (int)set(op, (long)a, (long)b, (long)c, (long)d);
}

/*
 * Calls that are not about filters go on as a jump, from the frame they came
 * with: some return on another stack.
 */
static long on_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	bool held;

	if (nr == SYS_seccomp && (a == SECCOMP_SET_MODE_STRICT || a == SECCOMP_SET_MODE_FILTER)) {
		held = hold_on();
		if (a == SECCOMP_SET_MODE_STRICT)
			clock_stop();
		return finish(SYS(nr, a, b, c, d, e, f), held);
	}
	if (nr == SYS_prctl && (a == PR_SET_SECCOMP || a == PR_SET_TSC))
		return set(a, b, c, d, e);
	return original_syscall(nr, a, b, c, d, e, f);
}

void confine_setup(void)
{
	libc_detour("prctl", on_prctl, NULL);
	libc_detour("syscall", on_syscall, (void **)&original_syscall);
}
