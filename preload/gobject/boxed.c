/*
 * GLib's own counted structures.  Each has its functions to ref and unref; all but
 * GDateTime start to count by g_atomic_ref_count_init, which is also called from code
 * that is not exported: which structure it is about is told by where it is called from.
 *
 * Each is freed for certain when its last reference is taken away.
 */
#include "gobject.h"

#include "../defs.h"

#include <string.h>

enum kind { NO_KIND, ARRAY, PTR_ARRAY, BYTES, HASH_TABLE, VARIANT, DATE_TIME, RC_BOX,
	ATOMIC_RC_BOX, KINDS };
enum { VARIANT_STATE = 0x30, VARIANT_FLOATING = 8 };

/* offset: of the count in the structure. */
static struct {
	const char *name;
	int offset;
	uint32_t type;			/* number in the trace; 0: not needed yet    */
} kinds[KINDS] = {
	[ARRAY] = { "GArray", 0x18 }, [PTR_ARRAY] = { "GPtrArray", 0x10 },
	[BYTES] = { "GBytes", 0x10 }, [HASH_TABLE] = { "GHashTable", 0x48 },
	[VARIANT] = { "GVariant", 0x34 }, [DATE_TIME] = { "GDateTime", 0x18 },
	[RC_BOX] = { "GRcBox", -0x20 }, [ATOMIC_RC_BOX] = { "GAtomicRcBox", -0x20 },
};

static struct {
	void (*g_atomic_ref_count_init)(int *count);
	void *(*g_slice_alloc)(size_t size);
	void (*g_slice_free1)(size_t size, void *p);
	void (*g_free)(void *p);
	void *(*g_array_ref)(void *p), *(*g_ptr_array_ref)(void *p), *(*g_bytes_ref)(void *p),
		*(*g_hash_table_ref)(void *p), *(*g_variant_ref)(void *p),
		*(*g_date_time_ref)(void *p);
	void (*g_array_unref)(void *p), (*g_ptr_array_unref)(void *p),
		(*g_bytes_unref)(void *p), (*g_hash_table_unref)(void *p),
		(*g_variant_unref)(void *p), (*g_date_time_unref)(void *p);
	void *(*g_array_free)(void *p, int segment), *(*g_ptr_array_free)(void *p, int segment);
	void *(*g_variant_ref_sink)(void *p), *(*g_variant_take_ref)(void *p);
	void *(*g_rc_box_alloc)(size_t n), *(*g_rc_box_alloc0)(size_t n),
		*(*g_rc_box_dup)(size_t n, const void *from), *(*g_rc_box_acquire)(void *p);
	void (*g_rc_box_release_full)(void *p, void *clear);
	void *(*g_atomic_rc_box_alloc)(size_t n), *(*g_atomic_rc_box_alloc0)(size_t n),
		*(*g_atomic_rc_box_dup)(size_t n, const void *from),
		*(*g_atomic_rc_box_acquire)(void *p);
	void (*g_atomic_rc_box_release_full)(void *p, void *clear);
} original;

/* GRcBox counts downward. */
static uint32_t count_of(enum kind k, const void *p)
{
	uint32_t n = word_at((uintptr_t)p + (uintptr_t)kinds[k].offset, 0);

	return k == RC_BOX ? -n : n;
}

static __attribute__((noinline)) void born(enum kind k, void *p, COUNTED_PARAMS)
{
	if (!p || !__atomic_load_n(&recording, __ATOMIC_RELAXED))
		return;
	if (!kinds[k].type)
		kinds[k].type = define_type(gobject_number, define_cstring(kinds[k].name), 0);
	counted_birth((uintptr_t)p, kinds[k].type, 1, ip, sp, bp);
}

/* True: that was its last reference; counted_ended is to follow. */
static __attribute__((noinline)) bool released(enum kind k, const void *p, COUNTED_PARAMS)
{
	uint32_t count;

	if (!p)
		return false;
	count = count_of(k, p);
	counted_decref((uintptr_t)p, count ? count - 1 : 0, ip, sp, bp);
	if (count != 1)
		return false;
	counted_ending((uintptr_t)p, COUNTED_ENDING_TOLD, ip, sp, bp);
	return true;
}

/* --- births ---------------------------------------------------------------------------- */

/* Code by what it makes, the first that fits. */
static struct maker {
	const char *first, *last;	/* functions: this one, or from here to there */
	enum kind kind;
	struct code_range range;
} makers[] = {
	{ "g_array_sized_new", NULL, ARRAY }, { "g_ptr_array_new", NULL, PTR_ARRAY },
	{ "g_ptr_array_copy", NULL, PTR_ARRAY }, { "g_ptr_array_sized_new", NULL, PTR_ARRAY },
	{ "g_ptr_array_new_with_free_func", NULL, PTR_ARRAY },
	{ "g_ptr_array_new_full", NULL, PTR_ARRAY },
	{ "g_ptr_array_new_null_terminated", NULL, PTR_ARRAY },
	{ "g_bytes_new_with_free_func", NULL, BYTES },
	{ "g_hash_table_new_full", NULL, HASH_TABLE },
	/* gvariant-core.c, whose functions that make variants are its own */
	{ "g_variant_new_from_bytes", "g_variant_get_child_value", VARIANT },
}, date_time = { "g_date_time_ref", "g_date_time_format", DATE_TIME };

static enum kind made_at(uintptr_t ip)
{
	for (unsigned i = 0; i < sizeof makers / sizeof *makers; i++)
		if (range_has(&makers[i].range, ip))
			return makers[i].kind;
	return NO_KIND;
}

DETOUR_HOOK static void on_g_atomic_ref_count_init(int *count)
{
	enum kind k = made_at((uintptr_t)__builtin_return_address(0));
	char *p = (char *)count - kinds[k].offset;

	original.g_atomic_ref_count_init(count);
	if (!k)
		return;
	born(k, p, COUNTED_CALLER);
	if (k == VARIANT && word_at((uintptr_t)p, VARIANT_STATE) & VARIANT_FLOATING)
		counted_note((uintptr_t)p, OURO_REFERENCE_FLOATING, 0, 0, 0, 0);
}

/* GDateTime. */
DETOUR_HOOK static void *on_g_slice_alloc(size_t size)
{
	void *p = original.g_slice_alloc(size);

	if (range_has(&date_time.range, (uintptr_t)__builtin_return_address(0)))
		born(DATE_TIME, p, COUNTED_CALLER);
	return p;
}

/*
 * The instances of GObject.  A call stands in the first bytes of this one, so it is replaced for
 * good, as GLib has it.
 */
DETOUR_HOOK static void *on_g_slice_alloc0(size_t size)
{
	void *p = original.g_slice_alloc(size);

	if (p)
		memset(p, 0, size);
	if (objects_make_at((uintptr_t)__builtin_return_address(0)))
		counted_making_in((uintptr_t)p, size);
	return p;
}

/* Deaths of what can be kept at its last reference: GStreamer's buffers. */
DETOUR_HOOK static void on_g_slice_free1(size_t size, void *p)
{
	if (counted_any_ending())
		counted_freed((uintptr_t)p, COUNTED_CALLER);
	original.g_slice_free1(size, p);
}

DETOUR_HOOK static void on_g_free(void *p)
{
	if (counted_any_ending())
		counted_freed((uintptr_t)p, COUNTED_CALLER);
	original.g_free(p);
}

/* --- references ------------------------------------------------------------------------ */

#define REF(kind, name) \
	DETOUR_HOOK static void *on_##name(void *p) \
	{ \
		void *r = original.name(p); \
		\
		if (p) \
			counted_incref((uintptr_t)p, count_of(kind, p), COUNTED_CALLER); \
		return r; \
	}

#define UNREF(kind, name) \
	DETOUR_HOOK static void on_##name(void *p) \
	{ \
		bool last = released(kind, p, COUNTED_CALLER); \
		\
		original.name(p); \
		if (last) \
			counted_ended((uintptr_t)p, COUNTED_CALLER); \
	}

/* Takes a reference away, and frees what it points to in any case. */
#define FREE(kind, name) \
	DETOUR_HOOK static void *on_##name(void *p, int segment) \
	{ \
		bool last = released(kind, p, COUNTED_CALLER); \
		void *r = original.name(p, segment); \
		\
		if (last) \
			counted_ended((uintptr_t)p, COUNTED_CALLER); \
		return r; \
	}

REF(ARRAY, g_array_ref)
REF(PTR_ARRAY, g_ptr_array_ref)
REF(BYTES, g_bytes_ref)
REF(HASH_TABLE, g_hash_table_ref)
REF(VARIANT, g_variant_ref)
REF(DATE_TIME, g_date_time_ref)
REF(RC_BOX, g_rc_box_acquire)
REF(ATOMIC_RC_BOX, g_atomic_rc_box_acquire)

UNREF(ARRAY, g_array_unref)
UNREF(PTR_ARRAY, g_ptr_array_unref)
UNREF(BYTES, g_bytes_unref)
UNREF(HASH_TABLE, g_hash_table_unref)
UNREF(VARIANT, g_variant_unref)
UNREF(DATE_TIME, g_date_time_unref)

FREE(ARRAY, g_array_free)
FREE(PTR_ARRAY, g_ptr_array_free)

/* What was floating is owned now, by the same count. */
#define SINK(name) \
	DETOUR_HOOK static void *on_##name(void *p) \
	{ \
		bool floated = p && word_at((uintptr_t)p, VARIANT_STATE) & VARIANT_FLOATING; \
		void *r = original.name(p); \
		\
		if (floated) \
			counted_note((uintptr_t)p, OURO_REFERENCE_SUNK, 0, COUNTED_CALLER); \
		return r; \
	}
SINK(g_variant_ref_sink)
SINK(g_variant_take_ref)

/* --- boxes of the program's own structures ---------------------------------------------- */

#define BOX(kind, alloc, alloc0, dup, release) \
	DETOUR_HOOK static void *on_##alloc(size_t n) \
	{ \
		void *p = original.alloc(n); \
		\
		born(kind, p, COUNTED_CALLER); \
		return p; \
	} \
	DETOUR_HOOK static void *on_##alloc0(size_t n) \
	{ \
		void *p = original.alloc0(n); \
		\
		born(kind, p, COUNTED_CALLER); \
		return p; \
	} \
	DETOUR_HOOK static void *on_##dup(size_t n, const void *from) \
	{ \
		void *p = original.dup(n, from); \
		\
		born(kind, p, COUNTED_CALLER); \
		return p; \
	} \
	DETOUR_HOOK static void on_##release(void *p, void *clear) \
	{ \
		bool last = released(kind, p, COUNTED_CALLER); \
		\
		original.release(p, clear); \
		if (last) \
			counted_ended((uintptr_t)p, COUNTED_CALLER); \
	}
BOX(RC_BOX, g_rc_box_alloc, g_rc_box_alloc0, g_rc_box_dup, g_rc_box_release_full)
BOX(ATOMIC_RC_BOX, g_atomic_rc_box_alloc, g_atomic_rc_box_alloc0, g_atomic_rc_box_dup,
	g_atomic_rc_box_release_full)

const struct gobject_hook boxed_hooks[] = {
	GOBJECT_HOOK(g_slice_alloc), { "g_slice_alloc0", (void *)on_g_slice_alloc0, NULL },
	GOBJECT_HOOK(g_atomic_ref_count_init), GOBJECT_HOOK(g_slice_free1), GOBJECT_HOOK(g_free),
	GOBJECT_HOOK(g_array_ref), GOBJECT_HOOK(g_array_unref), GOBJECT_HOOK(g_array_free),
	GOBJECT_HOOK(g_ptr_array_ref), GOBJECT_HOOK(g_ptr_array_unref),
	GOBJECT_HOOK(g_ptr_array_free),
	GOBJECT_HOOK(g_bytes_ref), GOBJECT_HOOK(g_bytes_unref),
	GOBJECT_HOOK(g_hash_table_ref), GOBJECT_HOOK(g_hash_table_unref),
	GOBJECT_HOOK(g_variant_ref), GOBJECT_HOOK(g_variant_unref),
	GOBJECT_HOOK(g_variant_ref_sink), GOBJECT_HOOK(g_variant_take_ref),
	GOBJECT_HOOK(g_date_time_ref), GOBJECT_HOOK(g_date_time_unref),
	GOBJECT_HOOK(g_rc_box_alloc), GOBJECT_HOOK(g_rc_box_alloc0),
	GOBJECT_HOOK(g_rc_box_dup), GOBJECT_HOOK(g_rc_box_acquire), GOBJECT_HOOK(g_rc_box_release_full),
	GOBJECT_HOOK(g_atomic_rc_box_alloc), GOBJECT_HOOK(g_atomic_rc_box_alloc0),
	GOBJECT_HOOK(g_atomic_rc_box_dup), GOBJECT_HOOK(g_atomic_rc_box_acquire), GOBJECT_HOOK(g_atomic_rc_box_release_full),
	{ 0 },
};

static void find_range(struct link_map *glib, struct maker *m)
{
	m->range = range_of(glib, m->first);
	if (m->last && m->range.end)
		m->range.end = range_of(glib, m->last).end;
}

void boxed_start(struct link_map *glib)
{
	for (unsigned i = 0; i < sizeof makers / sizeof *makers; i++)
		find_range(glib, &makers[i]);
	find_range(glib, &date_time);
}
