#include "leave.h"

#include "defs.h"
#include "detour.h"
#include "libc.h"
#include "process.h"
#include "runtime.h"
#include "sys.h"

#include <stdbool.h>

static struct {
	void (*exit)(int);
	void (*_exit)(int);
	void (*quick_exit)(int);
	void (*abort)(void);
} original;

static bool handlers_run;		/* exit was called: what comes then is its end */

/*
 * Where exit was called, and by whom.  Between that and _exit no frame of the
 * program is in use any more, but the stack is full of what they left.
 */
static uintptr_t exit_stack;
static uint32_t exit_thread;

/* The frame of our caller, with what it saved of the program's registers (rbx, r12 to r15). */
#define SAVED_REGISTERS 40
#define STACK_HERE() (__builtin_unwind_init(), \
	(uintptr_t)__builtin_frame_address(0) - SAVED_REGISTERS)

/*
 * A runtime's heap is read before the handlers run, one of which may end the
 * runtime.  Memory without one is searched in _exit, after all of them: what
 * they free is no leak, and what they forget is one.
 */
static void leaving(enum ouro_snapshot_reason reason, uintptr_t stack)
{
	if (!process_is_ours())
		return;
	if (interpreter)
		exit_snapshot(reason, stack);
	exit_stack = stack;
	exit_thread = sys_gettid();
	handlers_run = true;
}

/* Not the last thing that the function does: its frame, with the registers in it, must stay. */
#define KEEP_FRAME() __asm__ volatile("")

static void on_exit_call(int status)
{
	leaving(OURO_SNAPSHOT_EXIT, STACK_HERE());
	original.exit(status);
	KEEP_FRAME();
}

static void on_quick_exit(int status)
{
	leaving(OURO_SNAPSHOT_QUICK_EXIT, STACK_HERE());
	original.quick_exit(status);
	KEEP_FRAME();
}

/* Every road but a signal ends here, with the status. */
static void on__exit(int status)
{
	uintptr_t stack = STACK_HERE();

	if (process_is_ours()) {
		if (!handlers_run)
			exit_snapshot(OURO_SNAPSHOT_QUICK_EXIT, stack);
		else if (!interpreter)
			exit_snapshot(OURO_SNAPSHOT_EXIT,
				exit_thread == sys_gettid() ? exit_stack : stack);
		process_state(OURO_STATE_EXITED, status);
	}
	original._exit(status);
}

/* A handler of SIGABRT may yet jump away: then _exit has the last word. */
static void on_abort(void)
{
	uintptr_t stack = STACK_HERE();

	if (process_is_ours()) {
		exit_snapshot(OURO_SNAPSHOT_ABORT, stack);
		process_state(OURO_STATE_ABORTED, 0);
	}
	original.abort();
}

void leave_setup(void)
{
	libc_detour("exit", on_exit_call, (void **)&original.exit);
	libc_detour("_exit", on__exit, (void **)&original._exit);
	libc_detour("quick_exit", on_quick_exit, (void **)&original.quick_exit);
	libc_detour("abort", on_abort, (void **)&original.abort);
}
