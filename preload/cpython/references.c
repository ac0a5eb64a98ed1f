/*
 * References that are taken and given back by calls: extensions of the stable ABI and
 * ctypes do that, where other C code and the interpreter itself change counts inline.
 * Each is an INCREF or DECREF with its stack.
 *
 * Whoever calls should hold the GIL and may not: so the stack is taken without counting
 * on it.  Objects that live for ever (3.12 and later) have no count to be told.
 */
#include "live.h"

#include "../counted.h"
#include "../defs.h"
#include "../detour.h"
#include "../strbuf.h"

#define NOINLINE __attribute__((noinline))	/* its registers are the compiler's own */

static bool is_immortal(uintptr_t op)
{
	return py.minor >= 12 && (int32_t)py_ptr(op, OB_REFCNT) < 0;
}

NOINLINE static void taken(uintptr_t op, COUNTED_PARAMS)
{
	if (op && !is_immortal(op))
		counted_incref(op, py_ptr(op, OB_REFCNT), ip, sp, bp);
}

NOINLINE static void given(uintptr_t op, COUNTED_PARAMS)
{
	if (op && !is_immortal(op))
		counted_decref(op, py_ptr(op, OB_REFCNT) - 1, ip, sp, bp);
}

#define TAKES(name) \
	static uintptr_t (*original_##name)(uintptr_t); \
	DETOUR_HOOK static uintptr_t on_##name(uintptr_t op) \
	{ \
		uintptr_t result = original_##name(op); \
		\
		taken(op, COUNTED_CALLER); \
		return result; \
	}
#define GIVES(name) \
	static void (*original_##name)(uintptr_t); \
	DETOUR_HOOK static void on_##name(uintptr_t op) \
	{ \
		given(op, COUNTED_CALLER); \
		original_##name(op); \
	}

/* What those give back that return nothing, nobody looks at. */
TAKES(Py_IncRef)
TAKES(_Py_IncRef)
TAKES(Py_NewRef)
TAKES(Py_XNewRef)
GIVES(Py_DecRef)
GIVES(_Py_DecRef)

static const struct {
	const char *name;
	void *hook, *original;
	int since;			/* 3.x: from when on extensions call it      */
} calls[] = {
	{ "Py_IncRef", on_Py_IncRef, &original_Py_IncRef, 0 },
	{ "Py_DecRef", on_Py_DecRef, &original_Py_DecRef, 0 },
	{ "_Py_IncRef", on__Py_IncRef, &original__Py_IncRef, 12 },
	{ "_Py_DecRef", on__Py_DecRef, &original__Py_DecRef, 12 },
	{ "Py_NewRef", on_Py_NewRef, &original_Py_NewRef, 10 },
	{ "Py_XNewRef", on_Py_XNewRef, &original_Py_XNewRef, 10 },
};

static void note(const char *name, int refusal)
{
	char text[160];
	struct strbuf t = strbuf_in(text, sizeof text);

	strbuf_add(&t, "calls of ");
	strbuf_add(&t, name);
	strbuf_add(&t, " cannot be watched: ");
	strbuf_add(&t, detour_refusal_name(refusal));
	define_note(OURO_NOTE_INFO, text);
}

void references_start(void)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		void *target = cpython_find(calls[i].name);
		int r;

		if (!target || py.minor < calls[i].since)
			continue;
		r = detour_place(calls[i].name, target, calls[i].hook, calls[i].original);
		/* Two of these names can be one function. */
		if (r && r != -DETOUR_TWICE)
			note(calls[i].name, r);
	}
	/* Our own are not the program's. */
	if (original_Py_IncRef)
		memcpy(&api.incref, &original_Py_IncRef, sizeof api.incref);
	if (original_Py_DecRef)
		memcpy(&api.decref, &original_Py_DecRef, sizeof api.decref);
}
