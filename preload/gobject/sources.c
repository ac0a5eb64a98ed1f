/*
 * GSource, GMainContext, GMainLoop: born here, and dead with their memory.
 *
 * Their references are not told.  GLib counts them in its own code, in place (of seven locked
 * additions to a GSource's count in 2.74 one is in g_source_ref), so what the functions to ref
 * and unref would tell is not all of it.
 */
#include "gobject.h"

#include "../counted.h"
#include "../defs.h"

static struct {
	void *(*g_source_new)(void *funcs, unsigned size);
	void *(*g_main_context_new_with_flags)(int flags);
	void *(*g_main_loop_new)(void *context, int running);
} original;

static uint32_t source, context, loop;	/* types in the trace, once they are needed      */

static __attribute__((noinline)) void born(uint32_t *type, const char *name, void *o,
	COUNTED_PARAMS)
{
	if (!o || !__atomic_load_n(&recording, __ATOMIC_RELAXED))
		return;
	if (!*type)
		*type = define_type(gobject_number, define_cstring(name), 0);
	counted_birth((uintptr_t)o, *type, 0, ip, sp, bp);
}

DETOUR_HOOK static void *on_g_source_new(void *funcs, unsigned size)
{
	void *o = original.g_source_new(funcs, size);

	born(&source, "GSource", o, COUNTED_CALLER);
	return o;
}

DETOUR_HOOK static void *on_g_main_context_new_with_flags(int flags)
{
	void *o = original.g_main_context_new_with_flags(flags);

	born(&context, "GMainContext", o, COUNTED_CALLER);
	return o;
}

DETOUR_HOOK static void *on_g_main_loop_new(void *of, int running)
{
	void *o = original.g_main_loop_new(of, running);

	born(&loop, "GMainLoop", o, COUNTED_CALLER);
	return o;
}

const struct gobject_hook sources_hooks[] = {
	GOBJECT_HOOK(g_source_new), GOBJECT_HOOK(g_main_context_new_with_flags),
	GOBJECT_HOOK(g_main_loop_new),
	{ 0 },
};
