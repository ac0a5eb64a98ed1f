/*
 * A GType is a small number for the few fundamental types and an address for all
 * others; it stays for good, also when a plug-in that brought it is unloaded.
 *
 * A slot is taken by setting its type (compare-and-swap); its number follows, and
 * who comes between defines the type a second time, as the format allows.
 */
#include "gobject.h"

#include "../defs.h"
#include "../loader.h"

#include <string.h>

enum { SLOTS = 8192, PROBES = 32 };
enum { FUNDAMENTAL_PARAM = 19 << 2, FUNDAMENTAL_OBJECT = 20 << 2 };

static struct slot {
	uintptr_t gtype;		/* 0: free                                   */
	uint32_t number;		/* 0: not yet                                */
	uint32_t kind;			/* valid when number is                      */
} slots[SLOTS];

static const char *(*type_name)(uintptr_t gtype);
static uintptr_t (*type_fundamental)(uintptr_t gtype);

void gtypes_start(struct link_map *gobject)
{
	void *name = loader_symbol(gobject, "g_type_name", NULL);
	void *fundamental = loader_symbol(gobject, "g_type_fundamental", NULL);

	memcpy(&type_name, &name, sizeof name);
	memcpy(&type_fundamental, &fundamental, sizeof fundamental);
}

static enum gtype_kind kind_of(uintptr_t gtype)
{
	uintptr_t f = type_fundamental ? type_fundamental(gtype) : 0;

	return f == FUNDAMENTAL_OBJECT ? GTYPE_OBJECT
		: f == FUNDAMENTAL_PARAM ? GTYPE_PARAM : GTYPE_OTHER;
}

static uint32_t define(uintptr_t gtype, unsigned runtime)
{
	const char *name = type_name ? type_name(gtype) : NULL;

	return define_type(runtime, name ? define_cstring(name) : 0, gtype);
}

static struct slot *slot_of(uintptr_t gtype)
{
	size_t at = (gtype >> 3) * 0x9e3779b97f4a7c15u >> 40;

	for (unsigned i = 0; i < PROBES; i++) {
		struct slot *s = &slots[(at + i) % SLOTS];
		uintptr_t there = __atomic_load_n(&s->gtype, __ATOMIC_RELAXED);

		if (there == gtype)
			return s;
		if (!there && __atomic_compare_exchange_n(&s->gtype, &there, gtype, false,
				__ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return s;
		if (there == gtype)
			return s;
	}
	return NULL;
}

uint32_t gtype_number(uintptr_t gtype, unsigned runtime, enum gtype_kind *ret_kind)
{
	struct slot *s = gtype ? slot_of(gtype) : NULL;
	uint32_t number = s ? __atomic_load_n(&s->number, __ATOMIC_ACQUIRE) : 0;

	if (__builtin_expect(number, 1)) {
		*ret_kind = (enum gtype_kind)s->kind;
		return number;
	}
	*ret_kind = gtype ? kind_of(gtype) : GTYPE_OTHER;
	if (!gtype || !__atomic_load_n(&recording, __ATOMIC_RELAXED))
		return 0;
	number = define(gtype, runtime);
	if (s) {
		s->kind = *ret_kind;
		__atomic_store_n(&s->number, number, __ATOMIC_RELEASE);
	}
	return number;
}
