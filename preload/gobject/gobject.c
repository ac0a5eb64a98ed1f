#include "gobject.h"

#include "../defs.h"
#include "../extent.h"
#include "../library.h"
#include "../loader.h"
#include "../sample.h"
#include "../strbuf.h"

unsigned gobject_number, gst_number;

/* What the trace is told of a runtime, which can be in several libraries. */
struct told {
	const char *name, *version_prefix;
	unsigned *number;
	char version[32];
	char refused[1024];		/* functions that have no hook, and why      */
};

/* A library whose functions are hooked. */
struct hooked {
	const char *library;
	struct told *told;
	const struct gobject_hook *hooks[4];	/* lists, NULL at the end            */
	void (*start[4])(struct link_map *map);
	struct link_map *map;		/* as it is loaded now; NULL: not            */
};

struct code_range range_of(struct link_map *map, const char *name)
{
	void *p = loader_symbol(map, name, NULL);
	struct extent x;

	if (!p || extent_of(p, &x))
		return (struct code_range){ 0 };
	return (struct code_range){ (uintptr_t)x.begin, (uintptr_t)x.end };
}

/* --- placing ------------------------------------------------------------------------- */

static void refuse(struct told *told, const char *function, const char *why)
{
	struct strbuf t = strbuf_in(told->refused, sizeof told->refused);

	t.length = strlen(told->refused);
	strbuf_add(&t, t.length ? ", " : "calls are not seen of ");
	strbuf_add(&t, function);
	strbuf_add(&t, " (");
	strbuf_add(&t, why);
	strbuf_add(&t, ")");
}

static void place(struct link_map *map, const struct gobject_hook *h, struct told *told)
{
	for (; h->name; h++) {
		void *target = loader_symbol(map, h->name, NULL);
		int r = target ? library_detour(h->name, target, h->hook, h->original) : 0;

		if (r)
			refuse(told, h->name, detour_refusal_name(r));
	}
}

/* GLib has its version in three variables; nothing else that can be asked before it runs. */
static void find_version(struct told *told)
{
	static const char *const parts[] = { "major_version", "minor_version", "micro_version" };
	struct strbuf v = strbuf_in(told->version, sizeof told->version);

	for (unsigned i = 0; i < 3 && told->version_prefix; i++) {
		char name[64];
		struct strbuf n = strbuf_in(name, sizeof name);
		const unsigned *part;

		strbuf_add(&n, told->version_prefix);
		strbuf_add(&n, parts[i]);
		part = loader_lookup(loader_first(), name, NULL);
		if (!part)
			return;
		strbuf_add(&v, i ? "." : "");
		strbuf_add_number(&v, *part, 10);
	}
}

static void tell(struct told *told)
{
	const char *why = sampling ? "objects are not sampled" : told->refused;

	find_version(told);
	define_runtime(*told->number, told->name, told->version[0] ? told->version : NULL,
		*why ? OURO_RUNTIME_PARTIAL : OURO_RUNTIME_ACTIVE, *why ? why : NULL);
}

static void hook(struct hooked *h, struct link_map *map)
{
	h->map = map;
	if (!*h->told->number)
		*h->told->number = runtime_number();
	for (unsigned i = 0; h->start[i]; i++)
		h->start[i](map);
	for (unsigned i = 0; h->hooks[i]; i++)
		place(map, h->hooks[i], h->told);
	tell(h->told);
}

/* --- which ----------------------------------------------------------------------------- */

static struct told gobject = { "gobject", "glib_", &gobject_number };
static struct told gstreamer = { "gstreamer", NULL, &gst_number };

static struct hooked libraries[] = {
	{ "libgobject-2.0.so", &gobject, { objects_hooks, closures_hooks },
		{ gtypes_start, objects_start, closures_start } },
	{ "libglib-2.0.so", &gobject, { boxed_hooks }, { boxed_start } },
	{ "libgstreamer-1.0.so", &gstreamer, { gst_hooks } },
};

static bool is_loaded(const struct link_map *map)
{
	for (struct link_map *m = loader_first(); m; m = m->l_next)
		if (m == map)
			return true;
	return false;
}

/*
 * The originals are called through one pointer each: so of two libraries of one name (a
 * program brings its own, and a plug-in the system's) the first is followed.
 */
static void library_came(struct link_map *map)
{
	for (unsigned i = 0; i < sizeof libraries / sizeof *libraries; i++) {
		struct hooked *h = &libraries[i];

		if (!library_is(map, h->library))
			continue;
		if (!h->map || !is_loaded(h->map))
			hook(h, map);
		else
			define_note(OURO_NOTE_WARNING, "GLib or GStreamer is loaded a second time: "
				"objects of the second one are not seen");
	}
}

const struct runtime gobject_runtime = {
	.name = "gobject",
	.library = library_came,
};
