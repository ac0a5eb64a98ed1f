#include "revive.h"

#include "own.h"
#include "runtime.h"
#include "snapshot.h"
#include "sys.h"
#include "x86_64/revive.h"

#include <ouro/revive.h>
#include <signal.h>

#define KERNEL_SIGSET 8			/* bytes of the kernel's sigset_t            */

static bool revived;
static bool attempting;
static unsigned left;			/* ticks of OURO_REVIVE_TICK for this attempt */
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

static void tick(int signal)
{
	if (attempting && !left--)
		fault(signal);
}

static void catch_faults(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS };
	struct { void (*handler)(int); unsigned long flags; void (*restorer)(void); uint64_t mask; }
		action = { fault, SA_NODEFER | RESTORER, revive_restore, 0 };

	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		SYS(SYS_rt_sigaction, fatal[i], &action, NULL, KERNEL_SIGSET, 0, 0);
	action.handler = tick;
	SYS(SYS_rt_sigaction, SIGVTALRM, &action, NULL, KERNEL_SIGSET, 0, 0);
}

bool __attribute__((noinline)) revive_attempt(revive_step *step, void *arg, unsigned seconds)
{
	if (!revived) {
		step(arg);
		return true;
	}
	if (__builtin_setjmp(back))
		return false;
	left = seconds / OURO_REVIVE_TICK + 1;
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

	set_thread_pointer(fs);
	return revive_attempt(ask_for_lock, &x, 1) && x.ours;
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
		set_thread_pointer(fs[0]);
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
