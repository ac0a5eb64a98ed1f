/*
 * Closures: { count and flags in one word, marshaller, data, notifiers }.  A signal handler is
 * one, held by the instance: instance -> closure -> data, which is where the cycles of
 * GTK programs are.
 *
 * Connecting does not return the closure, nor disconnecting say which it was; but
 * both happen in this thread, within the call, and are noted there (counted_scratch).
 */
#include "gobject.h"

#include "../defs.h"
#include "../loader.h"
#include "../strbuf.h"

#include <string.h>

enum { CLOSURE_COUNT_MASK = 0x7fff, CLOSURE_FLOATING = 1 << 28 };

static struct {
	void *(*g_closure_new_simple)(unsigned size, void *data);
	void *(*g_closure_ref)(void *c);
	void (*g_closure_unref)(void *c);
	void (*g_closure_sink)(void *c);
	void *(*g_cclosure_new)(void *call, void *data, void *destroy);
	void *(*g_cclosure_new_swap)(void *call, void *data, void *destroy);
	void *(*g_cclosure_new_object)(void *call, void *object);
	void *(*g_cclosure_new_object_swap)(void *call, void *object);
	void *(*g_closure_new_object)(unsigned size, void *object);
	unsigned long (*g_signal_connect_data)(void *instance, const char *signal, void *call,
		void *data, void *destroy, unsigned flags);
	unsigned long (*g_signal_connect_closure)(void *instance, const char *signal, void *c,
		int after);
	unsigned long (*g_signal_connect_closure_by_id)(void *instance, unsigned signal,
		uint32_t detail, void *c, int after);
	void (*g_signal_handler_disconnect)(void *instance, unsigned long id);
	unsigned (*g_signal_handlers_disconnect_matched)(void *instance, unsigned mask,
		unsigned signal, uint32_t detail, void *c, void *call, void *data);
} original;

static const char *(*signal_name)(unsigned id);
static uint32_t type, name_of_data;	/* numbers in the trace, once they are needed   */

static uint32_t bits(const void *c)
{
	return word_at((uintptr_t)c, 0);
}

static uint32_t count_of(const void *c)
{
	return bits(c) & CLOSURE_COUNT_MASK;
}

/* --- closures ---------------------------------------------------------------------- */

DETOUR_HOOK static void *on_g_closure_new_simple(unsigned size, void *data)
{
	void *c = original.g_closure_new_simple(size, data);
	uintptr_t *scratch = counted_scratch();

	if (!c)
		return c;
	if (scratch)
		scratch[SCRATCH_MADE] = (uintptr_t)c;
	if (!type)
		type = define_type(gobject_number, define_cstring("GClosure"), 0);
	counted_birth((uintptr_t)c, type, 1, COUNTED_CALLER);
	counted_note((uintptr_t)c, OURO_REFERENCE_FLOATING, 0, 0, 0, 0);
	return c;
}

DETOUR_HOOK static void *on_g_closure_ref(void *c)
{
	void *r = original.g_closure_ref(c);

	if (r)
		counted_incref((uintptr_t)c, count_of(c), COUNTED_CALLER);
	return r;
}

/* Its last reference gone, a closure is freed for certain: counts of its own end are left out. */
DETOUR_HOOK static void on_g_closure_unref(void *c)
{
	uintptr_t *scratch = counted_scratch();
	uintptr_t instance = scratch ? scratch[SCRATCH_DISCONNECTS] : 0;
	uint32_t count = c ? count_of(c) : 0;

	if (c && instance)
		counted_unedge(instance, (uintptr_t)c, COUNTED_CALLER);
	if (c)
		counted_decref((uintptr_t)c, count ? count - 1 : 0, COUNTED_CALLER);
	if (count != 1) {
		original.g_closure_unref(c);
		return;
	}
	/* What ends with it is no handler that is disconnected. */
	if (scratch)
		scratch[SCRATCH_DISCONNECTS] = 0;
	counted_ending((uintptr_t)c, COUNTED_ENDING_TOLD, COUNTED_CALLER);
	original.g_closure_unref(c);
	counted_ended((uintptr_t)c, COUNTED_CALLER);
	if (scratch)
		scratch[SCRATCH_DISCONNECTS] = instance;
}

DETOUR_HOOK static void on_g_closure_sink(void *c)
{
	if (c && bits(c) & CLOSURE_FLOATING)
		counted_note((uintptr_t)c, OURO_REFERENCE_SUNK, 0, COUNTED_CALLER);
	original.g_closure_sink(c);
}

/* --- what they hold ------------------------------------------------------------------ */

static __attribute__((noinline)) void holds_data(void *c, void *data, enum ouro_hold hold,
	COUNTED_PARAMS)
{
	if (!c || !gobject_is_address(data))
		return;
	if (!name_of_data)
		name_of_data = define_cstring("data");
	counted_edge((uintptr_t)c, (uintptr_t)data, name_of_data, hold, ip, sp, bp);
}

/* With a function that is to destroy the data, it is the closure's. */
DETOUR_HOOK static void *on_g_cclosure_new(void *call, void *data, void *destroy)
{
	void *c = original.g_cclosure_new(call, data, destroy);

	holds_data(c, data, destroy ? OURO_HOLD_OWNED : OURO_HOLD_BORROWED, COUNTED_CALLER);
	return c;
}

DETOUR_HOOK static void *on_g_cclosure_new_swap(void *call, void *data, void *destroy)
{
	void *c = original.g_cclosure_new_swap(call, data, destroy);

	holds_data(c, data, destroy ? OURO_HOLD_OWNED : OURO_HOLD_BORROWED, COUNTED_CALLER);
	return c;
}

DETOUR_HOOK static void *on_g_cclosure_new_object(void *call, void *object)
{
	void *c = original.g_cclosure_new_object(call, object);

	holds_data(c, object, OURO_HOLD_WEAK, COUNTED_CALLER);
	return c;
}

DETOUR_HOOK static void *on_g_cclosure_new_object_swap(void *call, void *object)
{
	void *c = original.g_cclosure_new_object_swap(call, object);

	holds_data(c, object, OURO_HOLD_WEAK, COUNTED_CALLER);
	return c;
}

DETOUR_HOOK static void *on_g_closure_new_object(unsigned size, void *object)
{
	void *c = original.g_closure_new_object(size, object);

	holds_data(c, object, OURO_HOLD_WEAK, COUNTED_CALLER);
	return c;
}

/* --- signal handlers ------------------------------------------------------------------ */

static __attribute__((noinline)) void holds_handler(void *instance, uintptr_t c,
	const char *signal, COUNTED_PARAMS)
{
	char text[128];
	struct strbuf t = strbuf_in(text, sizeof text);

	if (!__atomic_load_n(&recording, __ATOMIC_RELAXED))
		return;
	strbuf_add(&t, "signal ");
	strbuf_add(&t, signal ? signal : "?");
	counted_edge((uintptr_t)instance, c, define_cstring(text), OURO_HOLD_OWNED, ip, sp, bp);
}

DETOUR_HOOK static unsigned long on_g_signal_connect_data(void *instance, const char *signal,
	void *call, void *data, void *destroy, unsigned flags)
{
	uintptr_t *scratch = counted_scratch();
	unsigned long id;

	if (scratch)
		scratch[SCRATCH_MADE] = 0;
	id = original.g_signal_connect_data(instance, signal, call, data, destroy, flags);
	if (id && scratch && scratch[SCRATCH_MADE])
		holds_handler(instance, scratch[SCRATCH_MADE], signal, COUNTED_CALLER);
	return id;
}

DETOUR_HOOK static unsigned long on_g_signal_connect_closure(void *instance,
	const char *signal, void *c, int after)
{
	unsigned long id = original.g_signal_connect_closure(instance, signal, c, after);

	if (id)
		holds_handler(instance, (uintptr_t)c, signal, COUNTED_CALLER);
	return id;
}

DETOUR_HOOK static unsigned long on_g_signal_connect_closure_by_id(void *instance,
	unsigned signal, uint32_t detail, void *c, int after)
{
	unsigned long id = original.g_signal_connect_closure_by_id(instance, signal, detail, c,
		after);

	if (id)
		holds_handler(instance, (uintptr_t)c, signal_name ? signal_name(signal) : NULL,
			COUNTED_CALLER);
	return id;
}

DETOUR_HOOK static void on_g_signal_handler_disconnect(void *instance, unsigned long id)
{
	uintptr_t *scratch = counted_scratch(), outer = 0;

	if (scratch) {
		outer = scratch[SCRATCH_DISCONNECTS];
		scratch[SCRATCH_DISCONNECTS] = (uintptr_t)instance;
	}
	original.g_signal_handler_disconnect(instance, id);
	if (scratch)
		scratch[SCRATCH_DISCONNECTS] = outer;
}

DETOUR_HOOK static unsigned on_g_signal_handlers_disconnect_matched(void *instance,
	unsigned mask, unsigned signal, uint32_t detail, void *c, void *call, void *data)
{
	uintptr_t *scratch = counted_scratch(), outer = 0;
	unsigned n;

	if (scratch) {
		outer = scratch[SCRATCH_DISCONNECTS];
		scratch[SCRATCH_DISCONNECTS] = (uintptr_t)instance;
	}
	n = original.g_signal_handlers_disconnect_matched(instance, mask, signal, detail, c, call,
		data);
	if (scratch)
		scratch[SCRATCH_DISCONNECTS] = outer;
	return n;
}

const struct gobject_hook closures_hooks[] = {
	GOBJECT_HOOK(g_closure_new_simple), GOBJECT_HOOK(g_closure_ref),
	GOBJECT_HOOK(g_closure_unref), GOBJECT_HOOK(g_closure_sink),
	GOBJECT_HOOK(g_cclosure_new), GOBJECT_HOOK(g_cclosure_new_swap),
	GOBJECT_HOOK(g_cclosure_new_object), GOBJECT_HOOK(g_cclosure_new_object_swap),
	GOBJECT_HOOK(g_closure_new_object),
	GOBJECT_HOOK(g_signal_connect_data), GOBJECT_HOOK(g_signal_connect_closure),
	GOBJECT_HOOK(g_signal_connect_closure_by_id),
	GOBJECT_HOOK(g_signal_handler_disconnect),
	GOBJECT_HOOK(g_signal_handlers_disconnect_matched),
	{ 0 },
};

void closures_start(struct link_map *gobject)
{
	void *p = loader_symbol(gobject, "g_signal_name", NULL);

	memcpy(&signal_name, &p, sizeof p);
}
