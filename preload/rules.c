#include "rules.h"
#include "unwind.h"

#include <sys/mman.h>

_Atomic(struct rules *) rules_table;
_Atomic uint64_t rules_tag;

static uint32_t (*location_of)(uintptr_t ip);
static atomic_flag growing = ATOMIC_FLAG_INIT;

enum {
	PROBES = 32,			/* slots looked at before a table counts as full    */
};
#define CLAIMED	(~0ull)			/* key of a slot whose word is being written        */
#define DEAD	(~0ull - 1)		/* key of a slot of a generation long gone          */
#define GENERATIONS (~0ull & ~(RULES_GENERATION - 1))

static struct rules *table_new(uint32_t bits)
{
	size_t size = sizeof(struct rules) + (sizeof(struct rule_slot) << bits)
		+ sizeof(struct rule_slot);	/* rules_peek looks there; nothing is put there */
	long at = machine_syscall(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct rules *t = (struct rules *)at;

	if (at < 0 && at > -4096)
		return NULL;
	t->mask = ((1u << bits) - 1) << 1;
	return t;
}

bool rules_setup(uint32_t (*loc_of)(uintptr_t ip))
{
	struct rules *t;

	location_of = loc_of;
	if (atomic_load(&rules_table))
		return true;
	t = table_new(RULES_FIRST_BITS);
	atomic_store_explicit(&rules_table, t, memory_order_release);
	return t;
}

static uint64_t mask_of(const struct rules *t)
{
	return t->mask >> 1;
}

static uint32_t bits_of(const struct rules *t)
{
	return __builtin_popcount(t->mask);
}

/* The tag has 16 bits.  Before it comes round, nothing that old may be left. */
static void bury(struct rules *t, uint64_t tag)
{
	uint64_t i, key, mask = mask_of(t);

	for (i = 0; i <= mask; i++) {
		key = atomic_load_explicit(&t->slot[i].key, memory_order_relaxed);
		if (key && key < DEAD && (key & GENERATIONS) != tag)
			atomic_compare_exchange_strong(&t->slot[i].key, &key, DEAD);
	}
}

void rules_new_generation(void)
{
	uint64_t tag = atomic_fetch_add(&rules_tag, RULES_GENERATION) + RULES_GENERATION;
	struct rules *t = atomic_load_explicit(&rules_table, memory_order_acquire);

	/* All ones is what CLAIMED and DEAD are made of: no generation. */
	if (tag == GENERATIONS)
		tag = atomic_fetch_add(&rules_tag, RULES_GENERATION) + RULES_GENERATION;
	if (t && (tag / RULES_GENERATION) % 8192 == 0)
		bury(t, tag);
	unwind_count(UNWIND_GENERATIONS);
}

/* The slot of key, or -1: not there within PROBES. */
static int64_t find(struct rules *t, uint64_t key)
{
	uint64_t i = rules_hash(key, t->mask) / 2, mask = mask_of(t), n;

	for (n = 0; n < PROBES; n++, i++) {
		uint64_t k = atomic_load_explicit(&t->slot[i & mask].key, memory_order_acquire);

		if (k == key)
			return i & mask;
		if (!k)
			return -1;
	}
	return -1;
}

/* A slot to claim: never used, or of another generation.  Two threads may both put one key in. */
static bool put(struct rules *t, uint64_t key, uint64_t word)
{
	uint64_t i = rules_hash(key, t->mask) / 2, mask = mask_of(t), n, k;
	struct rule_slot *s;

	for (n = 0; n < PROBES; n++, i++) {
		s = &t->slot[i & mask];
		k = atomic_load_explicit(&s->key, memory_order_relaxed);
		if (k == CLAIMED || (k && k != DEAD && !((k ^ key) & GENERATIONS)))
			continue;
		if (!atomic_compare_exchange_strong(&s->key, &k, CLAIMED))
			continue;
		if (!k)
			atomic_fetch_add_explicit(&t->used, 1, memory_order_relaxed);
		atomic_store_explicit(&s->word, word, memory_order_release);
		atomic_store_explicit(&s->key, key, memory_order_release);
		return true;
	}
	return false;
}

/* Whoever comes second goes on with the old table: what he adds there is read once more later. */
static struct rules *grow(struct rules *old)
{
	uint64_t i, key, word, tag = atomic_load(&rules_tag), mask = mask_of(old);
	struct rules *t = old;

	if (bits_of(old) >= RULES_LAST_BITS || atomic_flag_test_and_set(&growing))
		return old;
	if (atomic_load(&rules_table) == old)
		t = table_new(bits_of(old) + 2);
	if (t && t != old) {
		for (i = 0; i <= mask; i++) {
			key = atomic_load_explicit(&old->slot[i].key, memory_order_acquire);
			word = atomic_load_explicit(&old->slot[i].word, memory_order_acquire);
			if (key && key < DEAD && (key & GENERATIONS) == tag
					&& atomic_load(&old->slot[i].key) == key)
				put(t, key, word);
		}
		atomic_store_explicit(&rules_table, t, memory_order_release);
	}
	atomic_flag_clear(&growing);
	return t ? t : old;
}

static uint64_t read_rule(uint64_t key, struct cfi_work *w)
{
	uintptr_t ip = key & (RULES_EXACT - 1);
	bool exact = key & RULES_EXACT;
	uint32_t loc = location_of(exact ? ip + 1 : ip);
	uint32_t rule = cfi_rule_at(ip, exact, w);

	unwind_count(UNWIND_RULES_READ);
	if (exact)
		rule |= CFI_RULE_EXACT;
	return (uint64_t)rule << 32 | loc;
}

uint64_t rules_miss(uint64_t key, struct cfi_work *w)
{
	struct rules *t = atomic_load_explicit(&rules_table, memory_order_acquire);
	int64_t i = find(t, key);
	uint64_t word;

	if (i >= 0) {
		word = atomic_load_explicit(&t->slot[i].word, memory_order_acquire);
		if (atomic_load_explicit(&t->slot[i].key, memory_order_relaxed) == key)
			return word;
	}
	word = read_rule(key, w);
	if (atomic_load_explicit(&t->used, memory_order_relaxed) > mask_of(t) / 2)
		t = grow(t);
	if (!put(t, key, word)) {
		t = grow(t);
		if (!put(t, key, word))
			unwind_count(UNWIND_TABLE_FULL);
	}
	return word;
}
