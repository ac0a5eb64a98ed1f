/*
 * bits.h - a set of small numbers: one bit for each number below n
 *
 * A zeroed struct bits is the empty set of nothing and may be passed to
 * bits_fini.
 */
#ifndef OURO_BITS_H
#define OURO_BITS_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "mem.h"

struct bits {
	uint64_t *word;
	uint32_t n;		/* members are 0 to n - 1 */
};

static inline int bits_init(struct bits *b, uint32_t n)
{
	b->word = mem_array(((size_t)n + 63) / 64, sizeof(*b->word));
	b->n = b->word ? n : 0;
	return b->word ? 0 : -ENOMEM;
}

static inline void bits_fini(struct bits *b)
{
	mem_free(b->word);
	*b = (struct bits){0};
}

static inline bool bits_has(const struct bits *b, uint32_t i)
{
	return b->word[i / 64] >> (i % 64) & 1;
}

static inline void bits_add(struct bits *b, uint32_t i)
{
	b->word[i / 64] |= 1ull << (i % 64);
}

static inline void bits_del(struct bits *b, uint32_t i)
{
	b->word[i / 64] &= ~(1ull << (i % 64));
}

static inline uint32_t bits_count(const struct bits *b)
{
	uint32_t i, sum = 0;

	for (i = 0; i < (b->n + 63ull) / 64; i++)
		sum += __builtin_popcountll(b->word[i]);
	return sum;
}

#endif
