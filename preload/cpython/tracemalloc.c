/*
 * To be told of births up to 3.12, tracemalloc's flag is set although nobody
 * started it.  What the program may see of that is put right here.
 *
 *   - functions of the module `_tracemalloc` run with the flag as the program left it;
 *   - the entries other libraries call (numpy tells of its buffers so) do
 *     nothing, as they would, unless the program traces;
 *   - -X tracemalloc, which finds "already on" at start-up, is honoured when
 *     the interpreter is up;
 *   - the interpreter's end finds the flag clear and does not stop what never ran.
 *
 * `tracemalloc_running` is the program's own view.  While it is true, the flag is tracemalloc's
 * and set anyway, so births go on.
 */
#include "live.h"

#include "../detour.h"

#include <stdlib.h>

static int *initialized, *tracing;	/* CPython's */
bool tracemalloc_running;
static bool tables;			/* tracemalloc's: made at its first initialisation */
static bool over;
static bool listening = true;		/* births are wanted                             */
static bool ready;			/* the interpreter is up: the flag may be clear  */
static unsigned posing;			/* calls of the module that run                  */

enum { METHODS = 16, UNINITIALIZED = 0, INITIALIZED = 1, FINALIZED = 2 };

static struct py_method *methods;	/* of the module, edited in place; ends with no name */
static void *(*original[METHODS])(void *self, void *args, void *more);
static int start_at = -1, stop_at = -1;

/*
 * Up to 3.11, a tracer that is initialised would be stopped at the end, and
 * put back allocators that it never saved.  From 3.12 on that is initialised
 * with the interpreter, and the flag alone decides.
 */
static void set_initialized(int value)
{
	if (*initialized == INITIALIZED)
		tables = true;
	if (py.minor < 12 && tables && *initialized != FINALIZED)
		*initialized = value;
}

static bool wanted(void)
{
	return listening || tracemalloc_running || !ready;
}

static void pose(void)			/* as if nobody traced */
{
	posing++;
	*tracing = 0;
	set_initialized(INITIALIZED);
}

static void resume(void)
{
	if (over)
		return;
	*tracing = wanted();
	set_initialized(tracemalloc_running ? INITIALIZED : UNINITIALIZED);
}

static void *call(int i, void *self, void *args, void *more)
{
	void *r;

	if (!tracemalloc_running)
		pose();
	else
		posing++;
	r = original[i](self, args, more);
	posing--;
	if (i == start_at)
		tracemalloc_running = tracemalloc_running || *tracing;
	if (i == stop_at)
		tracemalloc_running = false;
	resume();
	return r;
}

/* One function per place in the table: a method does not learn which one it is. */
#define ENTRY(i) \
	static void *method_##i(void *self, void *args, void *more) \
	{ \
		return call(i, self, args, more); \
	}
ENTRY(0) ENTRY(1) ENTRY(2) ENTRY(3) ENTRY(4) ENTRY(5) ENTRY(6) ENTRY(7)
ENTRY(8) ENTRY(9) ENTRY(10) ENTRY(11) ENTRY(12) ENTRY(13) ENTRY(14) ENTRY(15)

static void *(*const entry[METHODS])(void *, void *, void *) = {
	method_0, method_1, method_2, method_3, method_4, method_5, method_6, method_7,
	method_8, method_9, method_10, method_11, method_12, method_13, method_14, method_15,
};

static void wrap_module(void *module)
{
	uintptr_t (*get_def)(void *) = (uintptr_t (*)(void *))cpython_find("PyModule_GetDef");
	uintptr_t def = get_def ? get_def(module) : 0;

	if (methods || !def)
		return;
	methods = (struct py_method *)py_ptr(def, PY_MODULEDEF_METHODS);
	for (int i = 0; i < METHODS && methods && methods[i].name; i++) {
		if (!strcmp(methods[i].name, "start"))
			start_at = i;
		if (!strcmp(methods[i].name, "stop"))
			stop_at = i;
		original[i] = methods[i].call;
		methods[i].call = entry[i];
	}
}

static void *(*init_module)(void);

static void *init_module_detour(void)
{
	void *module;

	if (over)
		return init_module();
	set_initialized(INITIALIZED);	/* or it would make its tables again */
	module = init_module();
	if (module)
		wrap_module(module);
	resume();
	return module;
}

/* --- entries that other libraries call ------------------------------------------------ */

static int (*track)(unsigned domain, uintptr_t p, size_t size);
static int (*untrack)(unsigned domain, uintptr_t p);
static void *(*traceback)(unsigned domain, uintptr_t p);

enum { TRACEMALLOC_DISABLED = -2 };

static int track_detour(unsigned domain, uintptr_t p, size_t size)
{
	return tracemalloc_running || over ? track(domain, p, size) : TRACEMALLOC_DISABLED;
}

static int untrack_detour(unsigned domain, uintptr_t p)
{
	return tracemalloc_running || over ? untrack(domain, p) : TRACEMALLOC_DISABLED;
}

static void *traceback_detour(unsigned domain, uintptr_t p)
{
	if (tracemalloc_running || over)
		return traceback(domain, p);
	return api.incref(api.none), api.none;
}

/* Of PyImport_Inittab. */
struct inittab {
	const char *name;
	void *(*init)(void);
};

void *cpython_builtin_init(const char *name)
{
	const struct inittab *const *table = cpython_find("PyImport_Inittab");

	for (const struct inittab *t = table ? *table : NULL; t && t->name; t++)
		if (!strcmp(t->name, name))
			return (void *)t->init;
	return NULL;
}

static void place(const char *name, void *target, void *ours, void *ret_original)
{
	if (target)
		detour_place(name, target, ours, ret_original);
}

void tracemalloc_start(int *initialized_flag, int *tracing_flag)
{
	initialized = initialized_flag;
	tracing = tracing_flag;
	place("PyInit__tracemalloc", cpython_builtin_init("_tracemalloc"),
	      (void *)init_module_detour, &init_module);
	place("PyTraceMalloc_Track", cpython_find("PyTraceMalloc_Track"),
	      (void *)track_detour, &track);
	place("PyTraceMalloc_Untrack", cpython_find("PyTraceMalloc_Untrack"),
	      (void *)untrack_detour, &untrack);
	place("_PyTraceMalloc_GetTraceback", cpython_find("_PyTraceMalloc_GetTraceback"),
	      (void *)traceback_detour, &traceback);
	*tracing = 1;
}

void tracemalloc_listen(bool on)
{
	listening = on;
	if (tracing && !posing && !over)
		*tracing = wanted();
}

/* --- -X tracemalloc[=N], PYTHONTRACEMALLOC=N ------------------------------------------ */

/* What str objects hold, for the short ASCII ones meant here. */
static const char *ascii(void *op)
{
	const char *(*utf8)(void *) = (const char *(*)(void *))cpython_find("PyUnicode_AsUTF8");

	return utf8 ? utf8(op) : NULL;
}

static long frames_asked(void)
{
	void *options = api.sys_get("_xoptions"), *flags = api.sys_get("flags"), *value;
	const char *env = getenv("PYTHONTRACEMALLOC");

	value = options ? api.dict_get(options, "tracemalloc") : NULL;
	if (value) {			/* True when it has no =N */
		uintptr_t type = py_ptr((uintptr_t)value, OB_TYPE);

		if (!(py_ptr(type, TP_FLAGS) & PY_TPFLAGS_UNICODE_SUBCLASS))
			return 1;
		return ascii(value) ? strtol(ascii(value), NULL, 10) : 0;
	}
	if (!env || !*env || !flags)
		return 0;
	value = api.attribute(flags, "ignore_environment");	/* a small int: no need to keep it */
	if (!value)
		return 0;
	api.decref(value);
	return api.long_value(value) == 0 ? strtol(env, NULL, 10) : 0;
}

/*
 * The module object is made without an import, so that sys.modules shows what
 * it would, and dropped again: its functions have no use for it.
 */
void tracemalloc_ready(void)
{
	void *(*new_int)(long) = (void *(*)(long))cpython_find("PyLong_FromLong");
	void *args[1], *module, *r;
	long frames = init_module && new_int ? frames_asked() : 0;

	ready = true;
	tracemalloc_listen(listening);
	if (frames < 1)
		return;
	module = init_module_detour();
	if (!module || start_at < 0)
		return;
	args[0] = new_int(frames);
	r = methods[start_at].call(module, args, (void *)1);
	if (r)
		api.decref(r);
	api.decref(args[0]);
	api.decref(module);
}

void tracemalloc_stop(void)
{
	over = true;
	if (!tracemalloc_running && tracing)
		*tracing = 0;
}
