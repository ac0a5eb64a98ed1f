/*
 * A number for each type object, by address.
 *
 * Entries are only written by a thread that makes an object, so with the GIL;
 * interpreters with a GIL of their own may race for a slot, hence the claim.
 * An address changes its meaning only when another type is made there: that
 * birth retires the entry, so no death of a type has to be noticed.
 */
#include "live.h"

#include "../defs.h"
#include "../runtime.h"

#include <ouro/define.h>
#include <sys/mman.h>

enum {
	SLOTS = 1 << 14, PROBES = 64,
	EMPTY = 0, CLAIMED = 1, RETIRED = 2,	/* no type has these addresses */
};

static struct slot {
	uintptr_t type;			/* released last                               */
	uint32_t number, flags;
} *slots;

uintptr_t types_of_code, types_of_modules;

void types_start(void)
{
	void *p = mmap(NULL, SLOTS * sizeof *slots, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	slots = p == MAP_FAILED ? NULL : p;
	types_of_code = (uintptr_t)cpython_find("PyCode_Type");
	types_of_modules = (uintptr_t)cpython_find("PyModule_Type");
}

static inline size_t home(uintptr_t type)
{
	return (size_t)((type >> 4) * 0x9e3779b97f4a7c15u >> 50);
}
static_assert(SLOTS == 1 << (64 - 50), "home() gives 14 bits");

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

static uint32_t add(uintptr_t type, unsigned *ret_flags)
{
	const char *name = (const char *)py_ptr(type, TP_NAME);
	uint32_t number = define_type(RUNTIME_CPYTHON | about(type),
				      name ? define_cstring(name) : 0, type);
	size_t at = home(type);

	*ret_flags = flags_of(type);
	for (unsigned n = 0; n < PROBES; n++, at = (at + 1) % SLOTS) {
		uintptr_t was = __atomic_load_n(&slots[at].type, __ATOMIC_RELAXED);

		if (was != EMPTY && was != RETIRED)
			continue;
		if (!__atomic_compare_exchange_n(&slots[at].type, &was, CLAIMED, false,
						 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			continue;
		slots[at].number = number;
		slots[at].flags = *ret_flags;
		__atomic_store_n(&slots[at].type, type, __ATOMIC_RELEASE);
		break;
	}
	return number;		/* without a slot: defined again next time, which is legal */
}

static struct slot *look(uintptr_t type)
{
	size_t at = home(type);

	for (unsigned n = 0; n < PROBES; n++, at = (at + 1) % SLOTS) {
		uintptr_t is = __atomic_load_n(&slots[at].type, __ATOMIC_ACQUIRE);

		if (is == type)
			return &slots[at];
		if (is == EMPTY)
			return NULL;
	}
	return NULL;
}

uint32_t types_number(uintptr_t type, unsigned *ret_flags)
{
	struct slot *s;

	*ret_flags = 0;
	if (!slots)
		return 0;
	s = look(type);
	if (!s)
		return add(type, ret_flags);
	*ret_flags = s->flags;
	return s->number;
}

void types_retire(uintptr_t type)
{
	struct slot *s = slots ? look(type) : NULL;

	if (s)
		__atomic_store_n(&s->type, RETIRED, __ATOMIC_RELEASE);
}

void types_forget(void)
{
	if (slots)
		madvise(slots, SLOTS * sizeof *slots, MADV_DONTNEED);
}
