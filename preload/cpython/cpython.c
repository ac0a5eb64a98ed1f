#include "cpython.h"

#include "../defs.h"
#include "../loader.h"
#include "../runtime.h"
#include "heap.h"
#include "live.h"
#include "pool.h"

struct py_api api;

void *cpython_find(const char *symbol)
{
	return loader_lookup(loader_first(), symbol, NULL);
}

/* --- start ------------------------------------------------------------------------------- */

/* All there, or the name of the first that is not. */
static const char *find_api(void)
{
	const struct { void *to; const char *name; } wanted[] = {
		{ &api.get_allocator, "PyMem_GetAllocator" },
		{ &api.set_allocator, "PyMem_SetAllocator" },
		{ &api.is_initialized, "Py_IsInitialized" },
		{ &api.is_finalizing, py.minor >= 13 ? "Py_IsFinalizing" : "_Py_IsFinalizing" },
		{ &api.add_pending_call, "Py_AddPendingCall" },
		{ &api.own_thread, "PyGILState_GetThisThreadState" },
		{ &api.code_line, "PyCode_Addr2Line" },
		{ &api.new_function, "PyCFunction_NewEx" },
		{ &api.new_tuple, "PyTuple_New" },
		{ &api.set_item, "PyTuple_SetItem" },
		{ &api.untrack, "PyObject_GC_UnTrack" },
		{ &api.incref, "Py_IncRef" },
		{ &api.decref, "Py_DecRef" },
		{ &api.long_value, "PyLong_AsLong" },
		{ &api.module_dict, "PyImport_GetModuleDict" },
		{ &api.dict_get, "PyDict_GetItemString" },
		{ &api.attribute, "PyObject_GetAttrString" },
		{ &api.sys_get, "PySys_GetObject" },
		{ &api.error_fetch, "PyErr_Fetch" },
		{ &api.error_restore, "PyErr_Restore" },
		{ &api.none, "_Py_NoneStruct" },
	};

	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		void *p = cpython_find(wanted[i].name);

		if (!p)
			return wanted[i].name;
		memcpy(wanted[i].to, &p, sizeof p);
	}
	return NULL;
}

static int refuse(const char *why)
{
	define_runtime(RUNTIME_CPYTHON, "cpython", layout_version(), OURO_RUNTIME_DORMANT, why);
	return -ENOTSUP;
}

static int start(void)
{
	const char *why = NULL, *late;
	int r = layout_start(cpython_find, &why);

	if (r == -ENOENT)
		return r;
	if (r < 0)
		return refuse(why ? why : "this version of CPython is not known");
	/* Objects of a debug build begin with two more words. */
	if (cpython_find("_Py_RefTotal") || cpython_find("_Py_NegativeRefcount"))
		return refuse("this is a debug build of CPython");
	if (find_api())
		return refuse("a function of CPython that is needed is not exported");
	types_start();
	codes_start();
	collector_start();
	control_start();
	allocator_install();
	watch_start();
	if (!watch_wanted)		/* watchpoints see these calls, too          */
		references_start();
	why = births_start();
	late = deaths_start();
	if (!why)
		why = late;
	define_runtime(RUNTIME_CPYTHON, "cpython", layout_version(),
		       why ? OURO_RUNTIME_PARTIAL : OURO_RUNTIME_ACTIVE, why);
	frames_define_evaluator();
	return 0;
}

/* The child's trace knows nothing yet of what was defined in its parent's. */
static void forked(void)
{
	types_forget();
	codes_forget();
	control_forked();
	if (watch_wanted)
		watch_forked();
	define_runtime(RUNTIME_CPYTHON, "cpython", layout_version(), OURO_RUNTIME_ACTIVE, NULL);
	frames_define_evaluator();
}

/* Functions of the interpreter look at their thread's state, and find none without the lock. */
static bool attach(uintptr_t state)
{
	void *(*swap)(uintptr_t) = (void *(*)(uintptr_t))cpython_find("PyThreadState_Swap");

	if (py.runtime_tstate >= 0)
		*(uintptr_t *)(layout_runtime() + (uintptr_t)py.runtime_tstate) = state;
	else if (swap)
		swap(state);
	return layout_thread() == state;
}

static bool attached(bool take)
{
	uintptr_t state = py_ptr(layout_interp(), py.interp_threads);

	if (layout_thread() || !take)
		return layout_thread() != 0;
	while (state && py_ptr(state, py.tstate_thread_id) != (uintptr_t)__builtin_thread_pointer())
		state = py_ptr(state, py.tstate_next);
	return state && attach(state);
}

const struct runtime cpython_runtime = {
	.name = "cpython",
	.start = start,
	.interpreter = true,
	.serial = true,
	.frames = frames_take,
	.quiescent = control_quiescent,
	.call_soon = control_call_soon,
	.attached = attached,
	.snapshot = heap_snapshot,
	.has = heap_has,
	.pool = pool_is,
	.forked = forked,
};
