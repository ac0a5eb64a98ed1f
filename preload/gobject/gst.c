/*
 * GStreamer's mini-objects: { GType, count, lock, flags, copy, dispose, free, ... }.  Most are
 * freed with their last reference.  One with a `dispose` can say no: a buffer goes back
 * to its pool that way, its death is seen when its memory is given back (boxed.c).
 *
 * GstObject is a GObject, gst_object_ref calls g_object_ref.
 */
#include "gobject.h"

enum { MINI_COUNT = 8, MINI_DISPOSE = 32 };

static struct {
	void (*gst_mini_object_init)(void *o, unsigned flags, uintptr_t type, void *copy,
		void *dispose, void *free);
	void *(*gst_mini_object_ref)(void *o);
	void (*gst_mini_object_unref)(void *o);
	void *(*gst_static_caps_get)(void *holder);
} original;

static uint32_t count_of(const void *o)
{
	return word_at((uintptr_t)o, MINI_COUNT);
}

DETOUR_HOOK static void on_gst_mini_object_init(void *o, unsigned flags, uintptr_t type,
	void *copy, void *dispose, void *free)
{
	enum gtype_kind kind;
	uint32_t number = gtype_number(type, gst_number, &kind);

	original.gst_mini_object_init(o, flags, type, copy, dispose, free);
	counted_birth((uintptr_t)o, number, 1, COUNTED_CALLER);
}

DETOUR_HOOK static void *on_gst_mini_object_ref(void *o)
{
	void *r = original.gst_mini_object_ref(o);

	if (r)
		counted_incref((uintptr_t)o, count_of(o), COUNTED_CALLER);
	return r;
}

static bool can_be_kept(const void *o)
{
	return *(void *const *)((const char *)o + MINI_DISPOSE);
}

DETOUR_HOOK static void on_gst_mini_object_unref(void *o)
{
	uint32_t count = o ? count_of(o) : 0;

	if (o)
		counted_decref((uintptr_t)o, count ? count - 1 : 0, COUNTED_CALLER);
	if (count != 1) {
		original.gst_mini_object_unref(o);
		return;
	}
	counted_ending((uintptr_t)o,
		can_be_kept(o) ? COUNTED_ENDING_DROPPED : COUNTED_ENDING_TOLD, COUNTED_CALLER);
	original.gst_mini_object_unref(o);
	counted_ended((uintptr_t)o, COUNTED_CALLER);
}

/* Made when first asked for, and kept for good. */
DETOUR_HOOK static void *on_gst_static_caps_get(void *holder)
{
	void *was = holder ? *(void **)holder : NULL;
	void *caps = original.gst_static_caps_get(holder);

	if (caps && !was)
		counted_note((uintptr_t)caps, OURO_REFERENCE_STATIC, 0, COUNTED_CALLER);
	return caps;
}

const struct gobject_hook gst_hooks[] = {
	GOBJECT_HOOK(gst_mini_object_init), GOBJECT_HOOK(gst_mini_object_ref),
	GOBJECT_HOOK(gst_mini_object_unref), GOBJECT_HOOK(gst_static_caps_get),
	{ 0 },
};
