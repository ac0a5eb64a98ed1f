#include "gobject.h"

#include "../defs.h"
#include "../extent.h"
#include "../library.h"
#include "../loader.h"
#include "../sample.h"
#include "../strbuf.h"
#include "../sys.h"

unsigned gobject_number, gst_number;

/* What the trace is told of a runtime, which can be in several libraries. */
struct told {
	const char *name, *major;	/* major: version of the library, see find_version */
	unsigned *number;
	char version[32];
	char refused[1024];		/* functions that have no hook, and why      */
};

/* A library whose functions are hooked. */
struct hooked {
	const char *library;
	struct told *told;
	const struct gobject_hook *hooks[4];	/* lists, NULL at the end            */
	void (*start[5])(struct link_map *map);	/* the same                          */
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

/*
 * Both libraries are libNAME.so.0.N.P with N = 100 * minor + micro: 0.7400.6 and 0.2200.0
 * are 2.74.6 and 1.22.0.  (Their functions that tell it are not to be called before they run.)
 */
static void find_version(struct told *told, const struct link_map *map)
{
	static char path[512];		/* the name that was asked for leads here            */
	long n = sys_readlink(map->l_name, path, sizeof path - 1);
	struct strbuf v = strbuf_in(told->version, sizeof told->version);
	const char *p;
	unsigned number = 0, last = 0;

	path[n > 0 ? n : 0] = 0;
	p = strstr(path, ".so.0.");
	if (!p || told->version[0])
		return;
	for (p += strlen(".so.0."); *p >= '0' && *p <= '9'; p++)
		number = number * 10 + (unsigned)(*p - '0');
	for (p += *p == '.'; *p >= '0' && *p <= '9'; p++)
		last = last * 10 + (unsigned)(*p - '0');
	strbuf_add(&v, told->major);
	strbuf_add(&v, ".");
	strbuf_add_number(&v, number / 100, 10);
	strbuf_add(&v, ".");
	strbuf_add_number(&v, last ? last : number % 100, 10);
}

static void tell(struct told *told, const struct link_map *map)
{
	const char *why = sampling ? "objects are not sampled" : told->refused;

	find_version(told, map);
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
	tell(h->told, map);
}

/* --- which ----------------------------------------------------------------------------- */

static struct told gobject = { "gobject", "2", &gobject_number };
static struct told gstreamer = { "gstreamer", "1", &gst_number };

static struct hooked libraries[] = {
	{ "libgobject-2.0.so", &gobject, { objects_hooks, closures_hooks, data_hooks },
		{ gtypes_start, objects_start, closures_start, data_start } },
	{ "libglib-2.0.so", &gobject, { boxed_hooks, sources_hooks }, { boxed_start, data_names } },
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
