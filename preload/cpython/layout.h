/*
 * layout.h - where CPython keeps what we read: offsets in bytes, one set per version
 *
 * ouro is built without Python and meets any of 3.8 to 3.13, so each field is
 * read through an offset.  The numbers are compiled from each version's own
 * headers (tests/cpython/layout) and believed only after layout_check().
 * -1: this version has no such field.
 *
 * No symbol of Python is named here: `find` asks the loader for one, and
 * gives NULL when there is none.
 */
#ifndef CPYTHON_LAYOUT_H
#define CPYTHON_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A field that holds a reference: of the interpreter's or a thread's state; offset -1 ends. */
struct py_reference {
	int32_t offset;
	const char *name;
};

struct py_layout {
	int32_t minor;			/* the x of 3.x */

	/* _PyRuntime */
	int32_t runtime_size, runtime_interp_head, runtime_interp_main,
		runtime_finalizing, runtime_tstate, runtime_tss, runtime_gc,
		runtime_tracing, runtime_ref_tracer, runtime_ref_tracer_data;

	/* PyInterpreterState */
	int32_t interp_size, interp_next, interp_id, interp_threads, interp_gc,
		interp_modules, interp_sysdict, interp_builtins, interp_eval_frame,
		interp_type_cache, interp_type_cache_size, interp_static_types,
		interp_static_type_size, interp_static_type_max,
		interp_static_ext_types, interp_static_ext_max, interp_ast, interp_ast_size,
		interp_free_lists, interp_free_lists_size,
		interp_atexit, interp_natexit, static_type_type,
		static_type_dict, static_type_subclasses, interp_first_thread,
		interp_first_thread_size;

	/* the collector's state; offsets from interp_gc (3.8: runtime_gc) */
	int32_t gc_enabled, gc_generations, gc_generation_size, gc_threshold, gc_count,
		gc_generation0, gc_permanent, gc_stats, gc_stats_size, gc_collecting,
		gc_garbage, gc_callbacks, gc_long_total, gc_long_pending;

	/* PyThreadState */
	int32_t tstate_size, tstate_prev, tstate_next, tstate_interp, tstate_frame,
		tstate_cframe, tstate_thread_id, tstate_native_id, tstate_exc_info,
		tstate_exc_state, tstate_curexc, tstate_datastack, datastack_previous,
		datastack_bytes, exc_value, exc_type, exc_traceback, exc_previous;

	/* frames: PyFrameObject up to 3.10, _PyInterpreterFrame from 3.11 */
	int32_t cframe_frame, frame_back, frame_code, frame_func, frame_globals,
		frame_builtins, frame_locals, frame_object, frame_instr,
		frame_stacktop, frame_stackdepth, frame_valuestack, frame_owner,
		frame_is_entry, frame_localsplus, frame_lasti, frame_lineno,
		frame_trace, frame_gen, frame_executing, frame_state, frameobj_back,
		frameobj_frame, frameobj_own, frameobj_lineno, frameobj_extra_locals;

	/* generators, coroutines */
	int32_t gen_frame, gen_iframe, gen_frame_state, gen_running, gen_code,
		gen_name, gen_qualname, gen_exc_value, gen_origin, gen_finalizer;

	/* code objects */
	int32_t code_consts, code_names, code_exceptiontable, code_flags,
		code_argcount, code_nlocals, code_nlocalsplus, code_ncellvars,
		code_nfreevars, code_stacksize, code_firstlineno, code_filename,
		code_name, code_qualname, code_lines, code_varnames, code_freevars,
		code_cellvars, code_localsplusnames, code_localspluskinds, code_code,
		code_cached, code_adaptive, code_zombie, code_extra, code_cell2arg,
		code_weakrefs, code_executors;

	/* text, numbers */
	int32_t str_length, str_state, str_ascii_data, str_compact_data, str_utf8,
		str_utf8_length, str_data, bytes_data, int_digits, int_tag;

	/* containers */
	int32_t list_items, list_allocated, tuple_items, cell_ref, dict_used,
		dict_keys, dict_values, keys_refcnt, keys_size, keys_usable,
		keys_nentries, keys_indices, keys_log2_size, keys_log2_index_bytes,
		keys_kind, values_values, values_capacity, values_size,
		values_embedded, values_valid, set_fill, set_mask, set_table,
		set_small;

	/* types, functions */
	int32_t type_size, heap_type_size, heap_name, heap_slots, heap_qualname,
		heap_cached_keys, heap_module, heap_getitem, heap_init, func_code,
		func_globals, func_builtins, func_name, func_qualname, func_module,
		func_defaults, func_kwdefaults, func_closure, func_doc, func_dict,
		func_annotations, func_typeparams, cfunc_self, cfunc_module,
		cfunc_class, method_func, method_self, module_dict, module_name,
		exc_dict, exc_args, exc_notes, exc_tb, exc_context, exc_cause, tb_next,
		tb_frame, weakref_object, weakref_callback, weakref_next;

	/* where _Py_DebugOffsets, at the start of _PyRuntime, has what is also in this table */
	int32_t debug_version, debug_free_threaded, debug_runtime, debug_interp,
		debug_tstate, debug_frame, debug_code;

	/* all that owns one reference, sorted by offset */
	const struct py_reference *interp_references, *thread_references;
};

/* The same in all of 3.8 to 3.13. */
enum {
	OB_REFCNT = 0, OB_TYPE = 8, OB_SIZE = 16,

	TP_NAME = 24, TP_BASICSIZE = 32, TP_ITEMSIZE = 40, TP_DEALLOC = 48, TP_FLAGS = 168,
	TP_DOC = 176, TP_TRAVERSE = 184, TP_WEAKLISTOFFSET = 208, TP_METHODS = 232,
	TP_MEMBERS = 240, TP_GETSET = 248, TP_BASE = 256, TP_DICT = 264, TP_DICTOFFSET = 288,
	TP_FREE = 320, TP_IS_GC = 328, TP_BASES = 336, TP_MRO = 344, TP_CACHE = 352,
	TP_SUBCLASSES = 360, TP_WEAKLIST = 368, TP_DEL = 376, TP_FINALIZE = 392,

	STR_HASH = 24,

	GC_NEXT = -16, GC_PREV = -8,	/* of an object's address; low two bits are flags */
};

#define PY_TPFLAGS_INLINE_VALUES	(1ul << 2)	/* 3.13                        */
#define PY_TPFLAGS_MANAGED_WEAKREF	(1ul << 3)	/* 3.12                        */
#define PY_TPFLAGS_MANAGED_DICT		(1ul << 4)	/* 3.11                        */
#define PY_TPFLAGS_STATIC_BUILTIN	(1ul << 1)	/* 3.12: parts in the interpreter */
#define PY_TPFLAGS_HEAPTYPE		(1ul << 9)
#define PY_TPFLAGS_HAVE_GC		(1ul << 14)
#define PY_TPFLAGS_LONG_SUBCLASS	(1ul << 24)
#define PY_TPFLAGS_LIST_SUBCLASS	(1ul << 25)
#define PY_TPFLAGS_TUPLE_SUBCLASS	(1ul << 26)
#define PY_TPFLAGS_BYTES_SUBCLASS	(1ul << 27)
#define PY_TPFLAGS_UNICODE_SUBCLASS	(1ul << 28)
#define PY_TPFLAGS_DICT_SUBCLASS	(1ul << 29)
#define PY_TPFLAGS_BASE_EXC_SUBCLASS	(1ul << 30)
#define PY_TPFLAGS_TYPE_SUBCLASS	(1ul << 31)

/* frame_owner, 3.11 on. */
enum { PY_FRAME_THREAD = 0, PY_FRAME_GENERATOR = 1, PY_FRAME_OBJECT = 2, PY_FRAME_CSTACK = 3 };

/* The version that runs here; all zero before layout_start(). */
extern struct py_layout py;

typedef void *py_find(const char *name);	/* address of a symbol, or NULL */

/*
 * Learn the version and choose its offsets; may be called before the
 * interpreter is initialised.  0; -ENOENT: there is no Python here; -ENOTSUP:
 * there is, but it is not one we know, and *ret_why says which.
 */
int layout_start(py_find *find, const char **ret_why);

const char *layout_version(void);	/* "3.11.2" */

/*
 * Do the offsets hold?  Called once the interpreter is initialised, by a
 * thread that holds the GIL and not during a collection.  `threshold`: what gc.get_threshold() says, or NULL
 * when that was not asked.  NULL: they do; otherwise what does not fit.
 */
const char *layout_check(const long threshold[3]);

uintptr_t layout_runtime(void);		/* _PyRuntime */
uintptr_t layout_interp(void);		/* the first interpreter, 0: none yet */
uintptr_t layout_gc(uintptr_t interp);	/* its collector's state */
uintptr_t layout_thread(void);		/* this thread's PyThreadState, if it has the GIL; or 0 */

static inline uintptr_t py_ptr(uintptr_t base, int32_t offset)
{
	uintptr_t v;

	memcpy(&v, (const void *)(base + (intptr_t)offset), sizeof v);
	return v;
}

static inline int64_t py_long(uintptr_t base, int32_t offset)
{
	return (int64_t)py_ptr(base, offset);
}

static inline int32_t py_int(uintptr_t base, int32_t offset)
{
	int32_t v;

	memcpy(&v, (const void *)(base + (intptr_t)offset), sizeof v);
	return v;
}

static inline uint8_t py_byte(uintptr_t base, int32_t offset)
{
	return *(const uint8_t *)(base + (intptr_t)offset);
}

#endif
