/*
 * Data that is attached to an object under a name, with a function that lets go of it:
 * what GTK programs keep of their own at a window, and so are in a circle with it.
 *
 * Data without such a function may be anybody's; words in memory have to do.  The object's end
 * ends its edges.  GLib's own entries (weak references and the like) do not pass here.
 */
#include "gobject.h"

#include "../defs.h"
#include "../loader.h"
#include "../strbuf.h"

#include <string.h>

static struct {
	void (*g_object_set_data)(void *o, const char *key, void *data);
	void (*g_object_set_data_full)(void *o, const char *key, void *data, void *destroy);
	void (*g_object_set_qdata)(void *o, uint32_t quark, void *data);
	void (*g_object_set_qdata_full)(void *o, uint32_t quark, void *data, void *destroy);
	void *(*g_object_steal_data)(void *o, const char *key);
	void *(*g_object_steal_qdata)(void *o, uint32_t quark);
	int (*g_object_replace_data)(void *o, const char *key, void *was, void *data, void *destroy,
		void *ret_destroy);
	int (*g_object_replace_qdata)(void *o, uint32_t quark, void *was, void *data, void *destroy,
		void *ret_destroy);
} original;

/* GLib's own, which take the lock that the hooked functions take next. */
static void *(*get_data)(void *o, const char *key);
static void *(*get_qdata)(void *o, uint32_t quark);
static const char *(*quark_name)(uint32_t quark);

static void *old_data(void *o, const char *key)
{
	return o && key && get_data && thr_here() ? get_data(o, key) : NULL;
}

static void *old_qdata(void *o, uint32_t quark)
{
	return o && quark && get_qdata && thr_here() ? get_qdata(o, quark) : NULL;
}

static const char *name_of(uint32_t quark)
{
	return quark && quark_name ? quark_name(quark) : NULL;
}

/* Before the change: its owner lets go of it in there. */
static __attribute__((noinline)) void loses(void *o, void *was, COUNTED_PARAMS)
{
	if (gobject_is_address(was))
		counted_unedge((uintptr_t)o, (uintptr_t)was, ip, sp, bp);
}

/* After it.  No more than six arguments: a hook that pushes one has no frame that COUNTED_CALLER understands. */
static __attribute__((noinline)) void gets(void *o, const char *key, void *data, COUNTED_PARAMS)
{
	char text[128];
	struct strbuf t = strbuf_in(text, sizeof text);

	if (!o || !gobject_is_address(data) || !thr_here())
		return;
	strbuf_add(&t, "data \"");
	strbuf_add_n(&t, key ? key : "?", strnlen(key ? key : "?", 100));
	strbuf_add(&t, "\"");
	counted_edge((uintptr_t)o, (uintptr_t)data, define_cstring(text), OURO_HOLD_OWNED, ip, sp,
		bp);
}

DETOUR_HOOK static void on_g_object_set_data(void *o, const char *key, void *data)
{
	loses(o, old_data(o, key), COUNTED_CALLER);
	original.g_object_set_data(o, key, data);
}

DETOUR_HOOK static void on_g_object_set_data_full(void *o, const char *key, void *data,
	void *destroy)
{
	loses(o, old_data(o, key), COUNTED_CALLER);
	original.g_object_set_data_full(o, key, data, destroy);
	if (destroy)
		gets(o, key, data, COUNTED_CALLER);
}

DETOUR_HOOK static void on_g_object_set_qdata(void *o, uint32_t quark, void *data)
{
	loses(o, old_qdata(o, quark), COUNTED_CALLER);
	original.g_object_set_qdata(o, quark, data);
}

DETOUR_HOOK static void on_g_object_set_qdata_full(void *o, uint32_t quark, void *data,
	void *destroy)
{
	loses(o, old_qdata(o, quark), COUNTED_CALLER);
	original.g_object_set_qdata_full(o, quark, data, destroy);
	if (destroy)
		gets(o, name_of(quark), data, COUNTED_CALLER);
}

DETOUR_HOOK static void *on_g_object_steal_data(void *o, const char *key)
{
	void *data = original.g_object_steal_data(o, key);

	loses(o, data, COUNTED_CALLER);
	return data;
}

DETOUR_HOOK static void *on_g_object_steal_qdata(void *o, uint32_t quark)
{
	void *data = original.g_object_steal_qdata(o, quark);

	loses(o, data, COUNTED_CALLER);
	return data;
}

/* The old one, without its end, is the caller's. */
DETOUR_HOOK static int on_g_object_replace_data(void *o, const char *key, void *was, void *data,
	void *destroy, void *ret_destroy)
{
	int done = original.g_object_replace_data(o, key, was, data, destroy, ret_destroy);

	if (done) {
		loses(o, was, COUNTED_CALLER);
		if (destroy)
			gets(o, key, data, COUNTED_CALLER);
	}
	return done;
}

DETOUR_HOOK static int on_g_object_replace_qdata(void *o, uint32_t quark, void *was, void *data,
	void *destroy, void *ret_destroy)
{
	int done = original.g_object_replace_qdata(o, quark, was, data, destroy, ret_destroy);

	if (done) {
		loses(o, was, COUNTED_CALLER);
		if (destroy)
			gets(o, name_of(quark), data, COUNTED_CALLER);
	}
	return done;
}

const struct gobject_hook data_hooks[] = {
	GOBJECT_HOOK(g_object_set_data), GOBJECT_HOOK(g_object_set_data_full),
	GOBJECT_HOOK(g_object_set_qdata), GOBJECT_HOOK(g_object_set_qdata_full),
	GOBJECT_HOOK(g_object_steal_data), GOBJECT_HOOK(g_object_steal_qdata),
	GOBJECT_HOOK(g_object_replace_data), GOBJECT_HOOK(g_object_replace_qdata),
	{ 0 },
};

void data_start(struct link_map *gobject)
{
	void *data = loader_symbol(gobject, "g_object_get_data", NULL);
	void *qdata = loader_symbol(gobject, "g_object_get_qdata", NULL);

	memcpy(&get_data, &data, sizeof data);
	memcpy(&get_qdata, &qdata, sizeof qdata);
}

void data_names(struct link_map *glib)
{
	void *name = loader_symbol(glib, "g_quark_to_string", NULL);

	memcpy(&quark_name, &name, sizeof name);
}
