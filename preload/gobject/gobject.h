/*
 * gobject.h - what the parts of the GObject guest share
 *
 *   gobject.c    which functions of which library have a hook, and what is said when not
 *   gtypes.c     a number for each GType
 *   objects.c    instances: GObject, GParamSpec; floating, toggle and weak references
 *   closures.c   GClosure, and signal handlers as edges
 *   data.c       what is attached to an object under a name, as edges
 *   boxed.c      GVariant, GBytes, GHashTable, arrays, GDateTime, reference-counted boxes
 *   gst.c        GStreamer's mini-objects: buffers, caps, events, messages
 *
 * Every hook is placed by detour (detour.h), as the libraries call themselves directly.
 * The layout of the few public structures that are looked into has not changed since
 * GLib 2.0 and GStreamer 1.0 and cannot: programs are compiled against it.
 */
#ifndef GOBJECT_GOBJECT_H
#define GOBJECT_GOBJECT_H

#include "../counted.h"
#include "../detour.h"

#include <stddef.h>

/* A function that has a hook; original: what to call it through, NULL where it has none. */
struct gobject_hook {
	const char *name;
	void *hook, *original;		/* original: address of a pointer; NULL: not needed */
};
#define GOBJECT_HOOK(name) { #name, (void *)on_##name, &original.name }

extern const struct gobject_hook objects_hooks[], closures_hooks[], data_hooks[], boxed_hooks[],
	sources_hooks[], gst_hooks[];

/* The numbers of the runtimes in the trace: "glib" (GObject, closures, boxed) and "gstreamer". */
extern unsigned gobject_number, gst_number;

/* Code of a function: is a return address in it? */
struct code_range {
	uintptr_t begin, end;
};
static inline bool range_has(const struct code_range *r, uintptr_t ip)
{
	return ip - r->begin < r->end - r->begin;
}
struct code_range range_of(struct link_map *map, const char *name);	/* {0}: none    */

/* What hooks leave for one another in counted_scratch(). */
enum {
	SCRATCH_MADE,			/* the closure made last                     */
	SCRATCH_DISCONNECTS,		/* the instance whose handlers go            */
	SCRATCH_ZONE,			/* the time zone made last, or ZONE_REFERENCED */
};

/* gtypes.c.  The runtime is that of the type's first definition. */
enum gtype_kind {
	GTYPE_OTHER,			/* counts by functions that have no hook     */
	GTYPE_OBJECT, GTYPE_PARAM,
};
void gtypes_start(struct link_map *gobject);
uint32_t gtype_number(uintptr_t gtype, unsigned runtime, enum gtype_kind *ret_kind);

void objects_start(struct link_map *gobject);
bool objects_make_at(uintptr_t ip);	/* is this code of g_type_create_instance?   */
void closures_start(struct link_map *gobject);
void data_start(struct link_map *gobject);
void data_names(struct link_map *glib);
void boxed_start(struct link_map *glib);

/* Small numbers are passed as data, too. */
static inline bool gobject_is_address(const void *p)
{
	return (uintptr_t)p >= 4096 && !((uintptr_t)p & 7);
}

static inline uint32_t word_at(uintptr_t object, size_t offset)
{
	return __atomic_load_n((const uint32_t *)(object + offset), __ATOMIC_RELAXED);
}

#endif
