#include "intern.h"

#include "sys.h"

#include <stdbool.h>
#include <string.h>

/*
 * Tables of growing size, each made when the one before had no room within
 * PROBES of a text's place.  Slots are never freed: so a free slot among the
 * probed ones says that no later table has the text.
 */
#define TABLES 8
#define FIRST  (1u << 14)
#define PROBES 16

static struct intern_slot *tables[TABLES];

static size_t slots(unsigned table)
{
	return (size_t)FIRST << 2 * table;
}

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93;
	return h ^ h >> 32;
}

static uint64_t hash_of(const char *p, size_t n)
{
	uint64_t h = mix(n + 0x9e3779b97f4a7c15), w;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&w, p, 8);
		h = mix(h ^ w);
	}
	w = 0;
	memcpy(&w, p, n);
	h = mix(mix(h ^ w));
	return h ? h : 1;
}

static struct intern_slot *table_at(unsigned i)
{
	struct intern_slot *t = __atomic_load_n(&tables[i], __ATOMIC_ACQUIRE), *fresh;

	if (t)
		return t;
	fresh = sys_memory(slots(i) * sizeof *t);
	if (!fresh)
		return NULL;
	if (__atomic_compare_exchange_n(&tables[i], &t, fresh, false, __ATOMIC_ACQ_REL,
			__ATOMIC_ACQUIRE))
		return fresh;
	sys_unmap(fresh, slots(i) * sizeof *t);
	return t;
}

uint32_t intern_find(const char *text, size_t length, struct intern_slot **ret_slot)
{
	uint64_t h = hash_of(text, length);

	*ret_slot = NULL;
	for (unsigned i = 0; i < TABLES; i++) {
		struct intern_slot *t = table_at(i);

		if (!t)
			return 0;
		for (unsigned k = 0; k < PROBES; k++) {
			struct intern_slot *s = &t[(h + k) & (slots(i) - 1)];
			uint64_t there = 0;

			if (__atomic_compare_exchange_n(&s->hash, &there, h, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
				*ret_slot = s;
				return 0;
			}
			if (there == h)
				return __atomic_load_n(&s->id, __ATOMIC_ACQUIRE);
		}
	}
	return 0;
}

void intern_publish(struct intern_slot *slot, uint32_t id)
{
	if (slot)
		__atomic_store_n(&slot->id, id, __ATOMIC_RELEASE);
}
