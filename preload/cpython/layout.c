#include "layout.h"

#include "layout_data.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct py_layout py;

static char version[16];
static uintptr_t runtime_address;
static uintptr_t type_type;		/* PyType_Type, for the checks */
static void *(*current_thread)(void);

static const struct py_layout *const known[] = {
	&layout_308, &layout_309, &layout_310, &layout_311, &layout_312, &layout_313,
};

/* From 3.13 on the interpreter says some of its offsets itself; sizes stand first in each group. */
static void believe_debug_offsets(void)
{
	const uint64_t *runtime = (const uint64_t *)(runtime_address + py.debug_runtime);
	const uint64_t *interp = (const uint64_t *)(runtime_address + py.debug_interp);
	const uint64_t *tstate = (const uint64_t *)(runtime_address + py.debug_tstate);
	const uint64_t *frame = (const uint64_t *)(runtime_address + py.debug_frame);
	const uint64_t *code = (const uint64_t *)(runtime_address + py.debug_code);
	struct { const uint64_t *from; int32_t *to; } part[] = {
		{ runtime + 1, &py.runtime_finalizing }, { runtime + 2, &py.runtime_interp_head },
		{ interp + 1, &py.interp_id }, { interp + 2, &py.interp_next },
		{ interp + 3, &py.interp_threads }, { interp + 4, &py.interp_gc },
		{ interp + 5, &py.interp_modules }, { interp + 6, &py.interp_sysdict },
		{ interp + 7, &py.interp_builtins },
		{ tstate + 1, &py.tstate_prev }, { tstate + 2, &py.tstate_next },
		{ tstate + 3, &py.tstate_interp }, { tstate + 4, &py.tstate_frame },
		{ tstate + 5, &py.tstate_thread_id }, { tstate + 6, &py.tstate_native_id },
		{ tstate + 7, &py.tstate_datastack },
		{ frame + 1, &py.frame_back }, { frame + 2, &py.frame_code },
		{ frame + 3, &py.frame_instr }, { frame + 4, &py.frame_localsplus },
		{ frame + 5, &py.frame_owner },
		{ code + 1, &py.code_filename }, { code + 2, &py.code_name },
		{ code + 3, &py.code_qualname }, { code + 4, &py.code_lines },
		{ code + 5, &py.code_firstlineno }, { code + 6, &py.code_argcount },
		{ code + 7, &py.code_localsplusnames }, { code + 8, &py.code_localspluskinds },
		{ code + 9, &py.code_adaptive },
	};

	for (size_t i = 0; i < sizeof part / sizeof *part; i++)
		*part[i].to = (int32_t)*part[i].from;
	/* A later 3.13.x may have a larger state: its size says where scans end. */
	py.runtime_size = (int32_t)runtime[0];
	py.interp_size = (int32_t)interp[0];
	py.tstate_size = (int32_t)tstate[0];
}

int layout_start(py_find *find, const char **ret_why)
{
	const char *(*get_version)(void) = (const char *(*)(void))find("Py_GetVersion");
	unsigned major = 0, minor = 0;
	char *end;

	if (!get_version)
		return -ENOENT;
	snprintf(version, sizeof version, "%s", get_version());
	version[strcspn(version, " ")] = 0;
	major = (unsigned)strtoul(version, &end, 10);
	if (*end == '.')
		minor = (unsigned)strtoul(end + 1, &end, 10);
	if (major != 3 || minor < 8 || minor > 13) {
		*ret_why = "this version of CPython is not one of 3.8 to 3.13";
		return -ENOTSUP;
	}
	runtime_address = (uintptr_t)find("_PyRuntime");
	type_type = (uintptr_t)find("PyType_Type");
	if (!runtime_address || !type_type) {
		*ret_why = "CPython's _PyRuntime is not exported";
		return -ENOTSUP;
	}
	current_thread = (void *(*)(void))find(minor >= 13 ? "PyThreadState_GetUnchecked"
							    : "_PyThreadState_UncheckedGet");
	py = *known[minor - 8];
	if (minor < 13)
		return 0;
	if (memcmp((const void *)runtime_address, "xdebugpy", 8) != 0 ||
	    py_long(runtime_address, py.debug_version) >> 16 != (int64_t)(3 << 8 | minor)) {
		*ret_why = "CPython's table of its own offsets is missing or of another version";
		return -ENOTSUP;
	}
	if (py_long(runtime_address, py.debug_free_threaded)) {
		*ret_why = "this CPython is built without the GIL";
		return -ENOTSUP;
	}
	believe_debug_offsets();
	return 0;
}

const char *layout_version(void)
{
	return version;
}

uintptr_t layout_runtime(void)
{
	return runtime_address;
}

uintptr_t layout_interp(void)
{
	return runtime_address ? py_ptr(runtime_address, py.runtime_interp_head) : 0;
}

uintptr_t layout_gc(uintptr_t interp)
{
	return py.interp_gc < 0 ? runtime_address + (uintptr_t)py.runtime_gc
				: interp + (uintptr_t)py.interp_gc;
}

uintptr_t layout_thread(void)
{
	if (current_thread)
		return (uintptr_t)current_thread();
	return py.runtime_tstate < 0 ? 0 : py_ptr(runtime_address, py.runtime_tstate);
}

/* Each link's way back must lead here; a collection borrows the back links, so none may run. */
static bool circular(uintptr_t list)
{
	uintptr_t at = list;

	for (unsigned n = 0; n < 100; n++) {
		uintptr_t next = py_ptr(at, 0) & ~(uintptr_t)3;

		if (next < 4096 || next % 8 || (py_ptr(next, 8) & ~(uintptr_t)3) != at)
			return false;
		if (next == list)
			return true;
		at = next;
	}
	return true;
}

/* Cheap things first: what later ones follow must have been found sound. */
const char *layout_check(const long threshold[3])
{
	uintptr_t interp = layout_interp();
	uintptr_t thread = layout_thread();
	uintptr_t gc, lists;

	if (!interp || interp % 8)
		return "there is no interpreter where _PyRuntime should name one";
	if (!thread || py_ptr(thread, py.tstate_interp) < 4096)
		return "this thread has no state, or it names no interpreter";
	if (py_ptr(thread, py.tstate_interp) != interp)
		return "this thread belongs to another interpreter than the first one";
	gc = layout_gc(interp);
	lists = gc + (uintptr_t)py.gc_generations;
	if (py_ptr(gc, py.gc_generation0) != lists)
		return "the collector's youngest generation is not where it should be";
	for (int i = 0; i < 3; i++) {
		uintptr_t list = lists + (uintptr_t)(i * py.gc_generation_size);

		if (threshold && py_int(list, py.gc_threshold) != threshold[i])
			return "the collector's thresholds are not where they should be";
		if (!circular(list))
			return "a list of the collector is not a ring";
	}
	if (!circular(gc + (uintptr_t)py.gc_permanent))
		return "the collector's permanent generation is not a ring";
	if (py_ptr(py_ptr(py_ptr(interp, py.interp_sysdict), OB_TYPE), OB_TYPE) != type_type)
		return "the sys module's dict is not where it should be";
	return 0;
}
