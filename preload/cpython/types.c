/*
 * A number for each type object, by address.
 *
 * Entries are only written by a thread that makes an object, so with the GIL;
 * interpreters with a GIL of their own may race for a slot, hence the claim.
 * An address changes its meaning only when another type is made there: that
 * birth retires the entry, so no death of a type has to be noticed.  While samples are
 * taken not every birth is told, and the name is compared instead.
 */
#include "live.h"

#include "../defs.h"
#include "../runtime.h"

#include <ouro/define.h>
#include <sys/mman.h>

enum {
	PROBES = 64,
	EMPTY = 0, CLAIMED = 1, RETIRED = 2,	/* no type has these addresses */
	NAME_BITS = (1 << 24) - 1,
};

struct type_slot *types_slots;

uintptr_t types_of_code, types_of_modules;

void types_start(void)
{
	void *p = mmap(NULL, TYPES_SLOTS * sizeof *types_slots, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	types_slots = p == MAP_FAILED ? NULL : p;
	types_of_code = (uintptr_t)cpython_find("PyCode_Type");
	types_of_modules = (uintptr_t)cpython_find("PyModule_Type");
}

static unsigned flags_of(uintptr_t type)
{
	const char *name = (const char *)py_ptr(type, TP_NAME);

	return types_kind(type) | (name && deaths_hidden(name) ? TYPE_TO_WATCH : 0);
}

static uint16_t about(uintptr_t type)
{
	uintptr_t flags = py_ptr(type, TP_FLAGS);

	return (uint16_t)((flags & PY_TPFLAGS_HAVE_GC ? OURO_TYPE_COLLECTED : 0) |
			  (flags & PY_TPFLAGS_HEAPTYPE ? 0 : OURO_TYPE_STATIC));
}

static uint32_t name_of(uintptr_t type)
{
	const char *name = (const char *)py_ptr(type, TP_NAME);

	return name ? define_cstring(name) : 0;
}

static uint32_t add(uintptr_t type, unsigned *ret_flags)
{
	uint32_t name = name_of(type);
	uint32_t number = define_type(RUNTIME_CPYTHON | about(type), name, type);
	size_t at = types_home(type);

	*ret_flags = flags_of(type);
	for (unsigned n = 0; n < PROBES; n++, at = (at + 1) % TYPES_SLOTS) {
		uintptr_t was = __atomic_load_n(&types_slots[at].type, __ATOMIC_RELAXED);

		if (was != EMPTY && was != RETIRED)
			continue;
		if (!__atomic_compare_exchange_n(&types_slots[at].type, &was, CLAIMED, false,
						 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			continue;
		types_slots[at].number = number;
		types_slots[at].flags = *ret_flags & 0xff;
		types_slots[at].name = name & NAME_BITS;
		__atomic_store_n(&types_slots[at].type, type, __ATOMIC_RELEASE);
		break;
	}
	return number;		/* without a slot: defined again next time, which is legal */
}

static struct type_slot *look(uintptr_t type)
{
	size_t at = types_home(type);

	for (unsigned n = 0; n < PROBES; n++, at = (at + 1) % TYPES_SLOTS) {
		uintptr_t is = __atomic_load_n(&types_slots[at].type, __ATOMIC_ACQUIRE);

		if (is == type)
			return &types_slots[at];
		if (is == EMPTY)
			return NULL;
	}
	return NULL;
}

uint32_t types_number_slowly(uintptr_t type, unsigned *ret_flags)
{
	struct type_slot *s;

	*ret_flags = 0;
	if (!types_slots)
		return 0;
	s = look(type);
	if (!s)
		return add(type, ret_flags);
	*ret_flags = s->flags;
	return s->number;
}

void types_retire(uintptr_t type)
{
	struct type_slot *s = types_slots ? look(type) : NULL;

	if (s)
		__atomic_store_n(&s->type, RETIRED, __ATOMIC_RELEASE);
}

void types_confirm(uintptr_t type)
{
	struct type_slot *s = types_slots ? look(type) : NULL;

	if (s && s->name != (name_of(type) & NAME_BITS))
		__atomic_store_n(&s->type, RETIRED, __ATOMIC_RELEASE);
}

void types_forget(void)
{
	if (types_slots)
		madvise(types_slots, TYPES_SLOTS * sizeof *types_slots, MADV_DONTNEED);
}
