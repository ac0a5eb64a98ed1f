/*
 * rules.h - instruction address -> unwind rule and location, for all threads, without a lock
 *
 * Open addressing in mapped memory that starts small and is replaced by one four times the
 * size when half full; old tables stay mapped, since nobody knows who still reads them.
 *
 *            written by                    read by     ordered by
 *   key      who claims the slot, by CAS   everyone    acquire / release
 *   word     who claimed it                everyone    key, read before and after
 *
 * Keys carry the generation, that is how often the set of modules has changed.  A slot of
 * an older generation matches nothing and may be claimed again; so a rule can't outlive
 * the code it was read for, and changing modules costs nothing by itself.
 */
#ifndef RULES_H
#define RULES_H

#include "cfi.h"

#include <stdatomic.h>

struct rule_slot {
	_Atomic uint64_t key;
	_Atomic uint64_t word;		/* rule << 32 | location                            */
};

struct rules {
	uint32_t mask;			/* of a hash, leaving twice the slot's number       */
	_Atomic uint32_t used;		/* slots that were ever claimed                     */
	struct rule_slot slot[];
};

extern _Atomic(struct rules *) rules_table;
extern _Atomic uint64_t rules_tag;	/* the generation, where keys have it               */

#define RULES_EXACT	(1ull << MACHINE_IP_BITS)
#define RULES_GENERATION (RULES_EXACT << 1)
#define RULES_FIRST_BITS 14
#define RULES_LAST_BITS	20

/* False: no memory. */
bool rules_setup(uint32_t (*loc_of)(uintptr_t ip));

/* From now on every address is looked up anew. */
void rules_new_generation(void);

/* Reads the rule and, if there is room, keeps it.  Counts in unwind_stats. */
uint64_t rules_miss(uint64_t key, struct cfi_work *w);

/* Each operation here is waited for once per frame of every walk. */
static inline uint64_t rules_hash(uint64_t key, uint32_t mask)
{
	return key * 0x9e3779b97f4a7c15ull >> 32 & mask;
}

static inline struct rule_slot *rules_slot(const struct rules *t, uint64_t hash)
{
	return (struct rule_slot *)((uint64_t *)t->slot + hash);
}

/*
 * key: the address (below RULES_EXACT) + RULES_EXACT if it is no return address + rules_tag.
 * False: it is not known yet.
 */
static inline bool rules_peek(const struct rules *t, uint64_t key, uint64_t *ret_word)
{
	const struct rule_slot *s = rules_slot(t, rules_hash(key, t->mask));

	/* In its place, or in the next one: there is one behind the last. */
	if (__builtin_expect(atomic_load_explicit(&s->key, memory_order_acquire) != key, 0)
	    && atomic_load_explicit(&(++s)->key, memory_order_acquire) != key)
		return false;
	*ret_word = atomic_load_explicit(&s->word, memory_order_acquire);
	/* Still ours?  Generations only grow, so equal twice is equal between. */
	return atomic_load_explicit(&s->key, memory_order_relaxed) == key;
}

static inline uint64_t rules_get(struct rules *t, uint64_t key, struct cfi_work *w)
{
	uint64_t word;

	return rules_peek(t, key, &word) ? word : rules_miss(key, w);
}

#endif
