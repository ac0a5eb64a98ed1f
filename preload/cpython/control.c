/*
 * Moments at which the interpreter can be talked to: the GIL is held, the
 * heap is whole.
 *
 * Hooks run with the GIL but anywhere; the one way from there to a place
 * between two instructions of the main thread is a pending call.  Signal
 * handlers must not queue one (there is a lock), so they leave a note that the
 * next hook finds.
 *
 * The exit is seen from inside atexit, registered before anything of the
 * program, so that it runs last: after the program's own handlers, before the
 * interpreter takes anything apart.  A program that clears the list of
 * handlers is caught a little later, at the first collection of the end.
 */
#include "live.h"

#include "../defs.h"
#include "../detour.h"
#include "../options.h"
#include "../runtime.h"
#include "../snapshot.h"

#include <time.h>

int control_wanted = 1;

static enum { STARTING, QUEUED, READY, EXITING } stage;
static bool sound;			/* offsets held when they were checked         */
static void (*request)(void);		/* taken by serve()                            */
static bool call_pending;

static void leave(void)
{
	struct guard g;

	if (stage == EXITING)
		return;
	stage = EXITING;
	if (GUARD_ENTER(&g)) {
		collector_tell(&g);
		watch_tell();
		event_ext(&g, OURO_EXT_EXITING, NULL, 0);
		if (sound && snapshot_wanted(OURO_SNAPSHOT_EXIT))
			snapshot_take(&g, OURO_SNAPSHOT_EXIT, 0);
		guard_leave(&g);
	}
	births_stop();
}

/* --- being called at exit --------------------------------------------------------------- */

static void *at_exit(void *self, void *args, void *more)
{
	leave();
	api.incref(api.none);
	return api.none;
}

static struct py_method at_exit_method = { "ouro", at_exit, PY_METH_NOARGS, NULL };

/*
 * From 3.10 on the handlers are the interpreter's and atexit.register() needs
 * no module: it is called as the function it is, and nothing gets imported.
 */
static void register_function(void)
{
	uintptr_t (*init)(void) = (uintptr_t (*)(void))cpython_builtin_init("atexit");
	uintptr_t def = init ? init() : 0;
	struct py_method *m = def ? (struct py_method *)py_ptr(def, PY_MODULEDEF_METHODS) : NULL;
	void *function, *args, *r;

	while (m && m->name && strcmp(m->name, "register") != 0)
		m++;
	function = m && m->name ? api.new_function(&at_exit_method, NULL, NULL) : NULL;
	args = function ? api.new_tuple(1) : NULL;
	if (!args)
		return;
	api.untrack(function);		/* gc.get_objects() is to show what it showed */
	api.set_item(args, 0, function);
	r = m->call(NULL, args, NULL);
	if (r)
		api.decref(r);
	api.decref(args);
}

/* Up to 3.9 the interpreter calls one function at its end, the module atexit's. */
static void (*set_exit_function)(void (*fn)(void *), void *module);
static void (*exit_function)(void *);

static void exit_detour(void *module)
{
	if (exit_function)
		exit_function(module);
	leave();
}

static bool main_interpreter(void)
{
	uintptr_t thread = layout_thread();

	return thread && py_ptr(thread, py.tstate_interp) ==
			 py_ptr(layout_runtime(), py.runtime_interp_main);
}

static void set_exit_detour(void (*fn)(void *), void *module)
{
	if (!main_interpreter()) {
		set_exit_function(fn, module);
		return;
	}
	exit_function = fn;
	set_exit_function(exit_detour, module);
}

/* The fallback: the end's own collection. */
static long (*collect)(void);

static long collect_detour(void)
{
	if (stage != EXITING && api.is_finalizing())
		leave();
	return collector_asked(collect);
}

/* --- a snapshot whenever a builtin function is called ------------------------------------ */

enum { CALLS_MAX = 10 };

/* A module is born some time before sys.modules has it: it is looked for so often. */
enum { TRIES = 200 };

static void *(*watched)(void *, void *, void *, void *, void *, void *);
static bool watching;
static unsigned watch_tries;		/* left for the newest module                        */
static time_t watched_second;		/* CLOCK_MONOTONIC_COARSE, of the last snapshot */
static unsigned watched_taken;

void control_called(void)
{
	struct timespec now;
	struct guard g;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (sound && stage == READY && watched_taken < CALLS_MAX &&
	    now.tv_sec > watched_second && GUARD_ENTER(&g)) {
		watched_second = now.tv_sec;
		watched_taken++;
		snapshot_take(&g, OURO_SNAPSHOT_CALL, 0);
		guard_leave(&g);
	}
}

/* Builtins take their arguments in registers, at most five of them. */
static void *watched_detour(void *a, void *b, void *c, void *d, void *e, void *f)
{
	control_called();
	return watched(a, b, c, d, e, f);
}

enum { CFUNCTION_METHOD = 16 };		/* PyCFunctionObject.m_ml */

/* sys.getrefcount, package.module.function: what is after the last dot is the function. */
static void watch(void)
{
	const char *name = options.snapshot_call, *dot = strrchr(name, '.');
	void *modules = api.module_dict(), *module, *function;
	char text[OPTIONS_CALL_MAX];
	struct py_method *m;
	int refusal;

	if (watching || !dot || !modules)
		return;
	memcpy(text, name, (size_t)(dot - name));
	text[dot - name] = 0;
	module = api.dict_get(modules, text);
	function = module ? api.attribute(module, dot + 1) : NULL;
	if (!function)
		return;
	watching = true;
	if (py_ptr((uintptr_t)function, OB_TYPE) != (uintptr_t)cpython_find("PyCFunction_Type")) {
		define_note(OURO_NOTE_WARNING, "snapshot=call: not a builtin function");
		return;
	}
	m = (struct py_method *)py_ptr((uintptr_t)function, CFUNCTION_METHOD);
	refusal = detour_place(name, (void *)m->call, (void *)watched_detour, (void **)&watched);
	if (refusal == -DETOUR_TWICE && collector_watch((const void *)m->call))
		return;
	if (refusal < 0)
		define_note(OURO_NOTE_WARNING, detour_refusal_name(refusal));
}

/* --- the moments ---------------------------------------------------------------------------- */

static void become_ready(void)
{
	const char *why = layout_check(NULL);
	struct guard g;
	int wanted;

	stage = READY;
	sound = !why;
	if (why)
		define_runtime(RUNTIME_CPYTHON, "cpython", layout_version(), OURO_RUNTIME_PARTIAL, why);
	/* Our own two objects are nobody's births. */
	wanted = births_wanted;
	births_wanted = 0;
	if (py.minor >= 10)
		register_function();
	else if (set_exit_function && !exit_function)
		set_exit_function(exit_detour, NULL);
	births_wanted = wanted;
	if (py.minor < 13)
		tracemalloc_ready();
	if (GUARD_ENTER(&g)) {
		event_ext(&g, OURO_EXT_READY, NULL, 0);
		collector_tell(&g);
		collector_settings(&g);
		guard_leave(&g);
	}
}

/* With the GIL, in the main thread, between two instructions. */
static int serve(void *unused)
{
	void *type, *value, *traceback;
	void (*fn)(void);

	api.error_fetch(&type, &value, &traceback);
	__atomic_store_n(&call_pending, false, __ATOMIC_RELEASE);
	if (stage == QUEUED)
		become_ready();
	if (options.snapshot_call[0])
		watch();
	if (!watching && watch_tries) {
		watch_tries--;
		__atomic_store_n(&control_wanted, 1, __ATOMIC_RELEASE);
	}
	fn = __atomic_exchange_n(&request, NULL, __ATOMIC_ACQ_REL);
	if (fn)
		fn();
	api.error_restore(type, value, traceback);
	return 0;
}

static void queue(void)
{
	if (__atomic_exchange_n(&call_pending, true, __ATOMIC_ACQ_REL))
		return;
	if (api.add_pending_call(serve, NULL) != 0) {	/* its queue is full: next time */
		__atomic_store_n(&call_pending, false, __ATOMIC_RELEASE);
		__atomic_store_n(&control_wanted, 1, __ATOMIC_RELEASE);
	}
}

void control_poll(void)
{
	if (stage == STARTING) {
		if (!api.is_initialized())
			return;
		stage = QUEUED;
	}
	__atomic_store_n(&control_wanted, 0, __ATOMIC_RELEASE);
	if (stage != EXITING)
		queue();
}

void control_call_soon(void (*fn)(void))
{
	__atomic_store_n(&request, fn, __ATOMIC_RELEASE);
	__atomic_store_n(&control_wanted, 1, __ATOMIC_RELEASE);
}

/* It may be the one whose function is waited for. */
void control_module_made(void)
{
	if (options.snapshot_call[0] && !watching && stage == READY) {
		watch_tries = TRIES;
		__atomic_store_n(&control_wanted, 1, __ATOMIC_RELEASE);
	}
}

/* The lock is held by this thread, or by nobody. */
bool control_alone(void)
{
	uintptr_t now = layout_thread(), own, interp = layout_interp();

	if (!sound || stage != READY || !interp)
		return false;
	own = (uintptr_t)api.own_thread();
	if (now ? now != own : !own || py_ptr(interp, py.interp_threads) != own ||
			       py_ptr(own, py.tstate_next))
		return false;
	return true;
}

/* ... and no collection has its hands in the counts. */
bool control_quiescent(void)
{
	return control_alone() && !py_int(layout_gc(layout_interp()), py.gc_collecting);
}

void control_forked(void)
{
	watched_taken = 0;
	garbage_forked();
	request = NULL;
}

void control_start(void)
{
	void *exit_setter = py.minor < 10 ? cpython_find("_Py_PyAtExit") : NULL;
	void *collector = cpython_find(py.minor < 10 ? "_PyGC_CollectIfEnabled" : "PyGC_Collect");

	if (exit_setter)
		detour_place("_Py_PyAtExit", exit_setter, (void *)set_exit_detour,
			     (void **)&set_exit_function);
	if (collector)
		detour_place("PyGC_Collect", collector, (void *)collect_detour, (void **)&collect);
}
