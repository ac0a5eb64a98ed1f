#include "clock.h"
#include "confine.h"
#include "defs.h"
#include "environment.h"
#include "exec.h"
#include "file.h"
#include "hooks.h"
#include "hooks_own.h"
#include "hooks_process.h"
#include "leave.h"
#include "modules.h"
#include "options.h"
#include "process.h"
#include "proof.h"
#include "real.h"
#include "ring.h"
#include "resident.h"
#include "revive.h"
#include "runtime.h"
#include "sample.h"
#include "scan.h"
#include "stack.h"
#include "strbuf.h"
#include "sys.h"

#include <stdlib.h>

/* The name of the trace must stay the same when the program changes its directory. */
static void make_absolute(char *path, size_t room)
{
	static char whole[sizeof options.file];
	struct strbuf t = strbuf_in(whole, sizeof whole);
	long n;

	if (*path == '/' || !*path)
		return;
	n = SYS(SYS_getcwd, whole, sizeof whole, 0, 0, 0, 0);
	if (n <= 1 || *whole != '/') {
		*path = 0;
		return;
	}
	t.length = (size_t)n - 1;
	if (t.length > 1)
		strbuf_add(&t, "/");
	strbuf_add(&t, path + (path[0] == '.' && path[1] == '/' ? 2 : 0));
	if (t.cut)
		*whole = 0;
	memcpy(path, whole, t.length + 1);
}

static void note_options(void)
{
	char text[256];
	struct strbuf t = strbuf_in(text, sizeof text);

	if (options.unknown[0]) {
		strbuf_add(&t, "option not known or not understood: ");
		strbuf_add(&t, options.unknown);
		define_note(OURO_NOTE_WARNING, text);
	}
	if (options.mode == MODE_RING && !ring_on)
		define_note(OURO_NOTE_WARNING,
			"no room for the ring: the trace grows with the run");
}

/*
 * One thread, as a rule; main and most constructors are still to come.  The
 * order: first what the rest stands on; the program's view is restored before
 * anything can fail; recording starts when all hooks are ready for it.
 */
__attribute__((constructor)) static void boot(int argc, char **argv, char **envp)
{
	const char *trouble = real_find();
	enum ouro_origin origin;

	options_parse(&options, environment_get(envp, OURO_OPTIONS_VARIABLE));
	environment_restore(envp, options.preload);
	make_absolute(options.file, sizeof options.file);
	clock_setup();
	modules_setup();
	hooks_process_setup();

	origin = options.parent ? OURO_ORIGIN_EXEC : OURO_ORIGIN_START;
	if (process_start(argc, argv, origin, options.parent))
		return;		/* no trace, and nowhere to say why: the command does */
	note_options();
	if (!trouble)
		trouble = hooks_own_setup();
	if (trouble)
		define_note(OURO_NOTE_WARNING, trouble);
	scan_setup();
	revive_setup();
	real_recorded = !trouble;
	if (!stack_setup())
		define_note(OURO_NOTE_WARNING, "no memory for unwinding: no stacks");
	sample_setup(options.sample);
	proof_setup();
	resident_start();
	leave_setup();
	exec_setup();
	confine_setup();
	runtimes_start();
	process_snapshot_on_signal();
	__atomic_store_n(&recording, 1, __ATOMIC_RELEASE);
}

/* The end of main where _exit cannot be watched: how it ended is not known then. */
__attribute__((destructor)) static void end(void)
{
	if (process_is_ours() && file->state == OURO_STATE_RUNNING)
		process_state(OURO_STATE_EXITED, 0);
}
