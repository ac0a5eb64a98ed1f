#include "leave.h"

#include "defs.h"
#include "detour.h"
#include "libc.h"
#include "process.h"

#include <stdbool.h>

static struct {
	void (*exit)(int);
	void (*_exit)(int);
	void (*quick_exit)(int);
	void (*abort)(void);
} original;

static bool handlers_run;		/* exit was called: what comes then is its end */

static void on_exit_call(int status)
{
	if (process_is_ours()) {
		exit_snapshot(OURO_SNAPSHOT_EXIT);
		handlers_run = true;
	}
	original.exit(status);
}

static void on_quick_exit(int status)
{
	if (process_is_ours()) {
		exit_snapshot(OURO_SNAPSHOT_QUICK_EXIT);
		handlers_run = true;
	}
	original.quick_exit(status);
}

/* Every road but a signal ends here, with the status. */
static void on__exit(int status)
{
	if (process_is_ours()) {
		if (!handlers_run)
			exit_snapshot(OURO_SNAPSHOT_QUICK_EXIT);
		process_state(OURO_STATE_EXITED, status);
	}
	original._exit(status);
}

/* A handler of SIGABRT may yet jump away: then _exit has the last word. */
static void on_abort(void)
{
	if (process_is_ours()) {
		exit_snapshot(OURO_SNAPSHOT_ABORT);
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
