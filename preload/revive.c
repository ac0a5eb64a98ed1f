#include "revive.h"

#include "own.h"
#include "runtime.h"
#include "snapshot.h"
#include "sys.h"

#include <asm/prctl.h>
#include <ouro/revive.h>
#include <signal.h>

#define KERNEL_SIGSET 8			/* bytes of the kernel's sigset_t            */
#define RESTORER 0x04000000u		/* SA_RESTORER: without it nothing is delivered */

static bool revived;
static bool attempting;
static void *back[5];			/* __builtin_setjmp's                        */

bool revive_is(void)
{
	return revived;
}

static void __attribute__((noreturn)) leave(int status)
{
	for (;;)
		SYS(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

/* --- faults --------------------------------------------------------------------------- */

static void fault(int signal)
{
	if (!attempting)
		leave(128 + signal);
	attempting = false;
	__builtin_longjmp(back, 1);
}

/* Nothing returns from the handler. */
static void never(void)
{
	leave(1);
}

static void catch_faults(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS };
	struct { void (*handler)(int); unsigned long flags; void (*restorer)(void); uint64_t mask; }
		action = { fault, SA_NODEFER | RESTORER, never, 0 };

	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		SYS(SYS_rt_sigaction, fatal[i], &action, NULL, KERNEL_SIGSET, 0, 0);
}

bool __attribute__((noinline)) revive_attempt(revive_step *step, void *arg)
{
	if (!revived) {
		step(arg);
		return true;
	}
	if (__builtin_setjmp(back))
		return false;
	attempting = true;
	step(arg);
	attempting = false;
	return true;
}

/* --- the entry ------------------------------------------------------------------------ */

struct lock {
	bool take, ours;
};

static void ask_for_lock(void *arg)
{
	struct lock *x = arg;

	x->ours = !interpreter->attached || interpreter->attached(x->take);
}

static bool become(uint64_t fs, bool take)
{
	struct lock x = { .take = take };

	SYS(SYS_arch_prctl, ARCH_SET_FS, fs, 0, 0, 0, 0);
	return revive_attempt(ask_for_lock, &x) && x.ours;
}

/* The runtime's functions may look at their thread: it should be the one that had the lock. */
static void become_thread(const struct ouro_plan *p)
{
	const uint64_t *fs = ouro_plan_fs(p);

	for (int take = 0; take < 2; take++)
		for (uint32_t i = 0; i < p->threads; i++)
			if (become(fs[i], take))
				return;
	if (p->threads)
		SYS(SYS_arch_prctl, ARCH_SET_FS, fs[0], 0, 0, 0, 0);
}

static void enter(const struct ouro_plan *p)
{
	revived = true;
	recording = 0;
	catch_faults();
	if (!interpreter || !interpreter->snapshot)
		leave(1);
	become_thread(p);
	snapshot_revived(p->sp);
	leave(0);
}

void revive_setup(void)
{
	own_entry((uintptr_t)enter);
}
