/*
 * GLib's own counted structures.  Each has its functions to ref and unref; all but
 * GDateTime start to count by g_atomic_ref_count_init, which is also called from code
 * that is not exported: which structure it is about is told by where it is called from.
 *
 * GTimeZone is made by one function, or taken out of a table there.
 *
 * Each is freed for certain when its last reference is taken away.
 */
#include "gobject.h"

#include "../defs.h"
#include "../hooks_own.h"

#include <string.h>

enum kind { NO_KIND, ARRAY, PTR_ARRAY, BYTES, HASH_TABLE, VARIANT, DATE_TIME, RC_BOX,
	ATOMIC_RC_BOX, TIME_ZONE, KINDS };
enum { VARIANT_FLOATING = 8 };

/*
 * Where the count is in the structure, which is GLib's secret, is read off the function that
 * takes a reference.  Other GLibs may make a kind elsewhere: then its births are not seen,
 * and nothing else is told of it, so `type` is looked at first.
 */
static struct {
	const char *name, *ref;
	int offset;			/* of the count; 0: not known                */
	uint32_t type;			/* number in the trace; 0: none was born yet */
} kinds[KINDS] = {
	[ARRAY] = { "GArray", "g_array_ref" }, [PTR_ARRAY] = { "GPtrArray", "g_ptr_array_ref" },
	[BYTES] = { "GBytes", "g_bytes_ref" }, [HASH_TABLE] = { "GHashTable", "g_hash_table_ref" },
	[VARIANT] = { "GVariant", "g_variant_ref" }, [DATE_TIME] = { "GDateTime", "g_date_time_ref" },
	[RC_BOX] = { "GRcBox", "g_rc_box_acquire" },
	[ATOMIC_RC_BOX] = { "GAtomicRcBox", "g_atomic_rc_box_acquire" },
	[TIME_ZONE] = { "GTimeZone", "g_time_zone_ref" },
};

static struct {
	void (*g_atomic_ref_count_init)(int *count);
	void *(*g_slice_alloc)(size_t size);
	void (*g_slice_free1)(size_t size, void *p);
	void (*g_slice_free_chain_with_offset)(size_t size, void *chain, size_t next);
	void (*g_free)(void *p);
	void *(*g_array_ref)(void *p), *(*g_ptr_array_ref)(void *p), *(*g_bytes_ref)(void *p),
		*(*g_hash_table_ref)(void *p), *(*g_variant_ref)(void *p),
		*(*g_date_time_ref)(void *p), *(*g_time_zone_ref)(void *p);
	void (*g_array_unref)(void *p), (*g_ptr_array_unref)(void *p),
		(*g_bytes_unref)(void *p), (*g_hash_table_unref)(void *p),
		(*g_variant_unref)(void *p), (*g_date_time_unref)(void *p),
		(*g_time_zone_unref)(void *p);
	void *(*g_time_zone_new_identifier)(const char *name);
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

/* Flags of a GVariant, which stand before its count. */
static uint32_t state_of(const void *variant)
{
	return word_at((uintptr_t)variant, (size_t)kinds[VARIANT].offset - 4);
}

static __attribute__((noinline)) void born(enum kind k, void *p, COUNTED_PARAMS)
{
	if (!p || !kinds[k].offset || !__atomic_load_n(&recording, __ATOMIC_RELAXED))
		return;
	if (!kinds[k].type)
		kinds[k].type = define_type(gobject_number, define_cstring(kinds[k].name), 0);
	counted_birth((uintptr_t)p, kinds[k].type, 1, ip, sp, bp);
}

/* True: that was its last reference; counted_ended is to follow. */
static __attribute__((noinline)) bool released(enum kind k, const void *p, COUNTED_PARAMS)
{
	uint32_t count;

	if (!p || !kinds[k].type)
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
}, date_time = { "g_date_time_ref", "g_date_time_format", DATE_TIME },
	time_zone = { "g_time_zone_new_identifier", NULL, TIME_ZONE };

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
	if (!k || !kinds[k].offset)
		return;
	born(k, p, COUNTED_CALLER);
	if (k == VARIANT && state_of(p) & VARIANT_FLOATING)
		counted_note((uintptr_t)p, OURO_REFERENCE_FLOATING, 0, 0, 0, 0);
}

/*
 * Up to GLib 2.74 objects, list nodes and the like come out of slabs that g_slice takes
 * from malloc, shares out itself and keeps for the next one.  Who sees slabs alone sees nothing
 * leak, and one object in a slab keeps all of its neighbours: so every slice is a block.
 * Later ones pass on to malloc; that call is the inner one then, and not recorded.
 */
#define SLICE_ENTER() hooks_own_enter((uintptr_t)__builtin_frame_address(0))
#define SLICE_ENDED(p) hooks_own_ended(p, (uintptr_t)__builtin_frame_address(0))

#define ZONE_REFERENCED 1

/* The first slice that its maker takes is the time zone. */
static void note_zone(void *p, uintptr_t ip)
{
	uintptr_t *scratch = range_has(&time_zone.range, ip) ? counted_scratch() : NULL;

	if (scratch && !scratch[SCRATCH_ZONE])
		scratch[SCRATCH_ZONE] = (uintptr_t)p;
}

/* GDateTime. */
DETOUR_HOOK static void *on_g_slice_alloc(size_t size)
{
	struct thr *t = SLICE_ENTER();
	void *p = original.g_slice_alloc(size);

	hooks_own_taken(t, p, size, COUNTED_CALLER);
	if (range_has(&date_time.range, (uintptr_t)__builtin_return_address(0)))
		born(DATE_TIME, p, COUNTED_CALLER);
	note_zone(p, (uintptr_t)__builtin_return_address(0));
	return p;
}

/*
 * The instances of GObject.  A call stands in the first bytes of this one, so it is replaced for
 * good, as GLib has it.
 */
DETOUR_HOOK static void *on_g_slice_alloc0(size_t size)
{
	struct thr *t = SLICE_ENTER();
	void *p = original.g_slice_alloc(size);

	hooks_own_taken(t, p, size, COUNTED_CALLER);
	if (p)
		memset(p, 0, size);
	if (objects_make_at((uintptr_t)__builtin_return_address(0)))
		counted_making_in((uintptr_t)p, size);
	note_zone(p, (uintptr_t)__builtin_return_address(0));
	return p;
}

/* Deaths of what can be kept at its last reference: GStreamer's buffers. */
DETOUR_HOOK static void on_g_slice_free1(size_t size, void *p)
{
	struct thr *t;

	if (counted_any_ending())
		counted_freed((uintptr_t)p, COUNTED_CALLER);
	SLICE_ENDED(p);
	t = SLICE_ENTER();
	original.g_slice_free1(size, p);
	hooks_own_leave(t);
}

/* Slices linked by a word at `next` in each. */
DETOUR_HOOK static void on_g_slice_free_chain_with_offset(size_t size, void *chain, size_t next)
{
	struct thr *t;

	for (char *p = chain; p; p = *(char **)(p + next))
		SLICE_ENDED(p);
	t = SLICE_ENTER();
	original.g_slice_free_chain_with_offset(size, chain, next);
	hooks_own_leave(t);
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
		if (p && kinds[kind].type) \
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
UNREF(TIME_ZONE, g_time_zone_unref)

FREE(ARRAY, g_array_free)
FREE(PTR_ARRAY, g_ptr_array_free)

DETOUR_HOOK static void *on_g_time_zone_ref(void *p)
{
	uintptr_t *scratch = counted_scratch();
	void *r = original.g_time_zone_ref(p);

	if (p && kinds[TIME_ZONE].type)
		counted_incref((uintptr_t)p, count_of(TIME_ZONE, p), COUNTED_CALLER);
	if (scratch && range_has(&time_zone.range, (uintptr_t)__builtin_return_address(0)))
		scratch[SCRATCH_ZONE] = ZONE_REFERENCED;
	return r;
}

/* New, referenced by the hook above, or taken out of GLib's table; one that is the default has a second reference from the start. */
DETOUR_HOOK static void *on_g_time_zone_new_identifier(const char *name)
{
	uintptr_t *scratch = counted_scratch(), outer = 0, made = 0;
	uint32_t count;
	void *p;

	if (scratch) {
		outer = scratch[SCRATCH_ZONE];
		scratch[SCRATCH_ZONE] = 0;
	}
	p = original.g_time_zone_new_identifier(name);
	if (scratch) {
		made = scratch[SCRATCH_ZONE];
		scratch[SCRATCH_ZONE] = outer;
	}
	if (!p || !kinds[TIME_ZONE].offset)
		return p;
	count = count_of(TIME_ZONE, p);
	if ((uintptr_t)p == made)
		born(TIME_ZONE, p, COUNTED_CALLER);
	if (kinds[TIME_ZONE].type && count > 1 && made != ZONE_REFERENCED)
		counted_incref((uintptr_t)p, count, COUNTED_CALLER);
	return p;
}

/* What was floating is owned now, by the same count. */
#define SINK(name) \
	DETOUR_HOOK static void *on_##name(void *p) \
	{ \
		bool floated = p && kinds[VARIANT].type && state_of(p) & VARIANT_FLOATING; \
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
	GOBJECT_HOOK(g_slice_free_chain_with_offset),
	GOBJECT_HOOK(g_array_ref), GOBJECT_HOOK(g_array_unref), GOBJECT_HOOK(g_array_free),
	GOBJECT_HOOK(g_ptr_array_ref), GOBJECT_HOOK(g_ptr_array_unref),
	GOBJECT_HOOK(g_ptr_array_free),
	GOBJECT_HOOK(g_bytes_ref), GOBJECT_HOOK(g_bytes_unref),
	GOBJECT_HOOK(g_hash_table_ref), GOBJECT_HOOK(g_hash_table_unref),
	GOBJECT_HOOK(g_variant_ref), GOBJECT_HOOK(g_variant_unref),
	GOBJECT_HOOK(g_variant_ref_sink), GOBJECT_HOOK(g_variant_take_ref),
	GOBJECT_HOOK(g_date_time_ref), GOBJECT_HOOK(g_date_time_unref),
	GOBJECT_HOOK(g_time_zone_new_identifier),
	GOBJECT_HOOK(g_time_zone_ref), GOBJECT_HOOK(g_time_zone_unref),
	GOBJECT_HOOK(g_rc_box_alloc), GOBJECT_HOOK(g_rc_box_alloc0),
	GOBJECT_HOOK(g_rc_box_dup), GOBJECT_HOOK(g_rc_box_acquire), GOBJECT_HOOK(g_rc_box_release_full),
	GOBJECT_HOOK(g_atomic_rc_box_alloc), GOBJECT_HOOK(g_atomic_rc_box_alloc0),
	GOBJECT_HOOK(g_atomic_rc_box_dup), GOBJECT_HOOK(g_atomic_rc_box_acquire), GOBJECT_HOOK(g_atomic_rc_box_release_full),
	{ 0 },
};

/*
 * `lea offset(%rdi), %rdi` before g_atomic_ref_count_inc(), or `lock addl $1, offset(%rdi)` where
 * that is done in place.  0: neither; no structure begins with its count.
 */
static int offset_in(const uint8_t *code, size_t size)
{
	for (size_t i = 0; i + 5 <= size; i++) {
		if (!memcmp(code + i, "\x48\x8d\x7f", 3))
			return (int8_t)code[i + 3];
		if (!memcmp(code + i, "\xf0\x83\x47", 3) && code[i + 4] == 1)
			return (int8_t)code[i + 3];
	}
	return 0;
}

static void find_offset(struct link_map *glib, enum kind k)
{
	struct code_range r = range_of(glib, kinds[k].ref);
	const size_t most = 96;		/* such functions are short                  */

	kinds[k].offset = offset_in((const uint8_t *)r.begin,
		r.end - r.begin < most ? r.end - r.begin : most);
}

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
	find_range(glib, &time_zone);
	for (enum kind k = NO_KIND + 1; k < KINDS; k++)
		find_offset(glib, k);
}
