/*
 * Instances: what g_type_create_instance makes.  GObject: { class, count, qdata };
 * GParamSpec: count at 64.  The low bits of qdata are flags, one of which says floating.
 *
 * The last g_object_unref disposes of the object while it still counts 1, and takes that
 * away at the end of it: see counted_ending.  A GParamSpec counts 0 first.
 */
#include "gobject.h"

enum { OBJECT_COUNT = 8, OBJECT_QDATA = 16, PARAM_QDATA = 56, PARAM_COUNT = 64 };
enum { FLOATING_BIT = 2 };

static struct {
	void *(*g_type_create_instance)(uintptr_t gtype);
	void (*g_type_free_instance)(void *instance);
	void *(*g_object_ref)(void *o);
	void (*g_object_unref)(void *o);
	void *(*g_object_ref_sink)(void *o);
	void *(*g_object_take_ref)(void *o);
	void (*g_object_force_floating)(void *o);
	void (*g_object_add_toggle_ref)(void *o, void *notify, void *data);
	void (*g_object_remove_toggle_ref)(void *o, void *notify, void *data);
	void (*g_object_weak_ref)(void *o, void *notify, void *data);
	void (*g_object_weak_unref)(void *o, void *notify, void *data);
	void (*g_weak_ref_set)(void *ref, void *o);
	void (*g_object_run_dispose)(void *o);
	void *(*g_param_spec_ref)(void *p);
	void (*g_param_spec_unref)(void *p);
	void (*g_param_spec_sink)(void *p);
	void *(*g_param_spec_ref_sink)(void *p);
} original;

static struct code_range create_instance;

static uint32_t count_of(const void *o)
{
	return word_at((uintptr_t)o, OBJECT_COUNT);
}

static uint32_t param_count_of(const void *p)
{
	return word_at((uintptr_t)p, PARAM_COUNT);
}

/* --- births and deaths ------------------------------------------------------------- */

/*
 * Constructors run in the original, and may take references and become floating: so its
 * memory is looked out for (boxed.c).
 */
DETOUR_HOOK static void *on_g_type_create_instance(uintptr_t gtype)
{
	enum gtype_kind kind;
	uint32_t type = gtype_number(gtype, gobject_number, &kind);
	uint64_t count = kind != GTYPE_OTHER;
	void *o;

	counted_making(type, count, COUNTED_CALLER);
	o = original.g_type_create_instance(gtype);
	counted_made((uintptr_t)o, count, COUNTED_CALLER);
	if (o && kind == GTYPE_PARAM && word_at((uintptr_t)o, PARAM_QDATA) & FLOATING_BIT)
		counted_note((uintptr_t)o, OURO_REFERENCE_FLOATING, 0, 0, 0, 0);
	return o;
}

bool objects_make_at(uintptr_t ip)
{
	return range_has(&create_instance, ip);
}

DETOUR_HOOK static void on_g_type_free_instance(void *instance)
{
	if (instance)
		counted_death((uintptr_t)instance, COUNTED_CALLER);
	original.g_type_free_instance(instance);
}

/* --- GObject ------------------------------------------------------------------------ */

DETOUR_HOOK static void *on_g_object_ref(void *o)
{
	void *r = original.g_object_ref(o);

	if (r)
		counted_incref((uintptr_t)o, count_of(o), COUNTED_CALLER);
	return r;
}

/* A count of 0: one release too many, which GLib would complain about and do nothing. */
DETOUR_HOOK static void on_g_object_unref(void *o)
{
	uint32_t count;

	if (!o) {
		original.g_object_unref(o);
		return;
	}
	count = count_of(o);
	counted_decref((uintptr_t)o, count ? count - 1 : 0, COUNTED_CALLER);
	if (count != 1) {
		original.g_object_unref(o);
		return;
	}
	counted_ending((uintptr_t)o, COUNTED_ENDING_HELD, COUNTED_CALLER);
	original.g_object_unref(o);
	counted_ended((uintptr_t)o, COUNTED_CALLER);
}

static bool is_floating(const void *o)
{
	return o && word_at((uintptr_t)o, OBJECT_QDATA) & FLOATING_BIT;
}

/* Counts by g_object_ref and, when it was floating, g_object_unref. */
DETOUR_HOOK static void *on_g_object_ref_sink(void *o)
{
	bool floated = is_floating(o);
	void *r = original.g_object_ref_sink(o);

	if (floated)
		counted_note((uintptr_t)o, OURO_REFERENCE_SUNK, 0, COUNTED_CALLER);
	return r;
}

DETOUR_HOOK static void *on_g_object_take_ref(void *o)
{
	bool floated = is_floating(o);
	void *r = original.g_object_take_ref(o);

	if (floated)
		counted_note((uintptr_t)o, OURO_REFERENCE_SUNK, 0, COUNTED_CALLER);
	return r;
}

DETOUR_HOOK static void on_g_object_force_floating(void *o)
{
	original.g_object_force_floating(o);
	if (is_floating(o))
		counted_note((uintptr_t)o, OURO_REFERENCE_FLOATING, 0, COUNTED_CALLER);
}

DETOUR_HOOK static void on_g_object_run_dispose(void *o)
{
	if (o)
		counted_note((uintptr_t)o, OURO_REFERENCE_DISPOSED, 0, COUNTED_CALLER);
	original.g_object_run_dispose(o);
}

/* --- other references ---------------------------------------------------------------- */

DETOUR_HOOK static void on_g_object_add_toggle_ref(void *o, void *notify, void *data)
{
	original.g_object_add_toggle_ref(o, notify, data);
	if (o)
		counted_note((uintptr_t)o, OURO_REFERENCE_TOGGLE_ADD, (uintptr_t)data,
			COUNTED_CALLER);
}

DETOUR_HOOK static void on_g_object_remove_toggle_ref(void *o, void *notify, void *data)
{
	if (o)
		counted_note((uintptr_t)o, OURO_REFERENCE_TOGGLE_REMOVE, (uintptr_t)data,
			COUNTED_CALLER);
	original.g_object_remove_toggle_ref(o, notify, data);
}

/* Weak pointers are these, too, with the pointer's address for the data. */
DETOUR_HOOK static void on_g_object_weak_ref(void *o, void *notify, void *data)
{
	original.g_object_weak_ref(o, notify, data);
	if (o)
		counted_note((uintptr_t)o, OURO_REFERENCE_WEAK_ADD, (uintptr_t)data,
			COUNTED_CALLER);
}

DETOUR_HOOK static void on_g_object_weak_unref(void *o, void *notify, void *data)
{
	if (o)
		counted_note((uintptr_t)o, OURO_REFERENCE_WEAK_REMOVE, (uintptr_t)data,
			COUNTED_CALLER);
	original.g_object_weak_unref(o, notify, data);
}

/* GWeakRef: init and clear go through set. */
DETOUR_HOOK static void on_g_weak_ref_set(void *ref, void *o)
{
	void *was = ref ? *(void **)ref : NULL;

	original.g_weak_ref_set(ref, o);
	if (was == o)
		return;
	if (was)
		counted_note((uintptr_t)was, OURO_REFERENCE_WEAK_REMOVE, (uintptr_t)ref,
			COUNTED_CALLER);
	if (o)
		counted_note((uintptr_t)o, OURO_REFERENCE_WEAK_ADD, (uintptr_t)ref,
			COUNTED_CALLER);
}

/* --- GParamSpec ---------------------------------------------------------------------- */

DETOUR_HOOK static void *on_g_param_spec_ref(void *p)
{
	void *r = original.g_param_spec_ref(p);

	if (r)
		counted_incref((uintptr_t)p, param_count_of(p), COUNTED_CALLER);
	return r;
}

DETOUR_HOOK static void on_g_param_spec_unref(void *p)
{
	uint32_t count = p ? param_count_of(p) : 0;

	if (p)
		counted_decref((uintptr_t)p, count ? count - 1 : 0, COUNTED_CALLER);
	original.g_param_spec_unref(p);
}

static bool param_is_floating(const void *p)
{
	return p && word_at((uintptr_t)p, PARAM_QDATA) & FLOATING_BIT;
}

/* The floating count is taken away: it may have been the last. */
DETOUR_HOOK static void on_g_param_spec_sink(void *p)
{
	if (param_is_floating(p))
		counted_note((uintptr_t)p, OURO_REFERENCE_SUNK, 0, COUNTED_CALLER);
	original.g_param_spec_sink(p);
}

/* ... is taken over: the count stays. */
DETOUR_HOOK static void *on_g_param_spec_ref_sink(void *p)
{
	bool floated = param_is_floating(p);
	void *r = original.g_param_spec_ref_sink(p);

	if (floated)
		counted_note((uintptr_t)p, OURO_REFERENCE_SUNK, 0, COUNTED_CALLER);
	return r;
}

const struct gobject_hook objects_hooks[] = {
	GOBJECT_HOOK(g_type_create_instance), GOBJECT_HOOK(g_type_free_instance),
	GOBJECT_HOOK(g_object_ref), GOBJECT_HOOK(g_object_unref),
	GOBJECT_HOOK(g_object_ref_sink), GOBJECT_HOOK(g_object_take_ref),
	GOBJECT_HOOK(g_object_force_floating), GOBJECT_HOOK(g_object_run_dispose),
	GOBJECT_HOOK(g_object_add_toggle_ref), GOBJECT_HOOK(g_object_remove_toggle_ref),
	GOBJECT_HOOK(g_object_weak_ref), GOBJECT_HOOK(g_object_weak_unref),
	GOBJECT_HOOK(g_weak_ref_set),
	GOBJECT_HOOK(g_param_spec_ref), GOBJECT_HOOK(g_param_spec_unref),
	GOBJECT_HOOK(g_param_spec_sink), GOBJECT_HOOK(g_param_spec_ref_sink),
	{ 0 },
};

void objects_start(struct link_map *gobject)
{
	create_instance = range_of(gobject, "g_type_create_instance");
}
