/*
 * Most objects die when their block is given back to the OBJ domain, and that
 * is recorded there.  Types with a free list keep the block: for them the
 * entry of the function in tp_dealloc is detoured.
 *
 * The slot itself is never changed: deallocators of subclasses look for the
 * base whose slot differs, and the trashcan compares it with the function.
 * The evaluator and, in builds with link time optimisation, everybody else
 * calls these functions directly, so _Py_Dealloc sees only some deaths.
 *
 * A deallocator can run twice for one object: the trashcan puts off what is
 * nested too deep and calls again.  The object's memory is its own until
 * then, so nothing was born there in between and a second DEATH says nothing new.
 *
 * Late, and told by the next birth at the address: floats up to 3.12 that the
 * evaluator puts on their free list inline.
 */
#include "live.h"

#include "../detour.h"

#include <stdio.h>

static void death(void *op, uintptr_t frame)
{
	struct guard g;

	if (!recording || !guard_enter(&g, frame))
		return;
	event(&g, OURO_DEATH, (uintptr_t)op, 0);
	guard_leave(&g);
}

#define DEALLOC(name) \
	static void (*name##_original)(void *op); \
	static void name##_dealloc(void *op) \
	{ \
		death(op, (uintptr_t)__builtin_frame_address(0)); \
		name##_original(op); \
	}

DEALLOC(list)
DEALLOC(tuple)
DEALLOC(dict)
DEALLOC(slice)
DEALLOC(float)
DEALLOC(exact_float)
DEALLOC(frame)
DEALLOC(method)
DEALLOC(builtin)
DEALLOC(context)
DEALLOC(asend)
DEALLOC(wrapped)
DEALLOC(memory_error)

enum { TYPE, POINTER, FUNCTION };	/* what the symbol is: a type, a variable with one, code */

static const struct kept {
	const char *symbol;
	int is, from, to;		/* versions 3.x that keep its memory           */
	void (*detour)(void *op);
	void (**original)(void *op);
} kept[] = {
	{ "PyList_Type", TYPE, 8, 13, list_dealloc, &list_original },
	{ "PyTuple_Type", TYPE, 8, 13, tuple_dealloc, &tuple_original },
	{ "PyDict_Type", TYPE, 8, 13, dict_dealloc, &dict_original },
	{ "PySlice_Type", TYPE, 8, 13, slice_dealloc, &slice_original },
	{ "PyFloat_Type", TYPE, 8, 13, float_dealloc, &float_original },
	{ "_PyFloat_ExactDealloc", FUNCTION, 13, 13, exact_float_dealloc, &exact_float_original },
	{ "PyFrame_Type", TYPE, 8, 10, frame_dealloc, &frame_original },
	{ "PyMethod_Type", TYPE, 8, 8, method_dealloc, &method_original },
	{ "PyCFunction_Type", TYPE, 8, 8, builtin_dealloc, &builtin_original },
	{ "PyContext_Type", TYPE, 8, 13, context_dealloc, &context_original },
	{ "_PyAsyncGenASend_Type", TYPE, 8, 13, asend_dealloc, &asend_original },
	{ "_PyAsyncGenWrappedValue_Type", TYPE, 8, 12, wrapped_dealloc, &wrapped_original },
	{ "PyExc_MemoryError", POINTER, 8, 13, memory_error_dealloc, &memory_error_original },
};

static void *deallocator(const struct kept *k)
{
	uintptr_t at = (uintptr_t)cpython_find(k->symbol);

	if (at && k->is == POINTER)
		at = py_ptr(at, 0);
	if (at && k->is != FUNCTION)
		at = py_ptr(at, TP_DEALLOC);
	return (void *)at;
}

const char *deaths_start(void)
{
	static char why[160];

	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		const struct kept *k = &kept[i];
		void *target;
		int refusal;

		if (py.minor < k->from || py.minor > k->to)
			continue;
		target = deallocator(k);
		refusal = target ? detour_place(k->symbol, target, (void *)k->detour,
						(void **)k->original)
				 : 0;
		if (target && refusal >= 0)
			continue;
		snprintf(why, sizeof why, "deaths of %s are told late: %s", k->symbol,
			 target ? detour_refusal_name(refusal) : "it is not exported");
	}
	return why[0] ? why : NULL;
}

/*
 * 3.13 hides one type with a free list.  Its objects die through
 * _Py_Dealloc, which tells the tracer.
 */
void deaths_traced(uintptr_t op)
{
	death((void *)op, (uintptr_t)__builtin_frame_address(0));
}
