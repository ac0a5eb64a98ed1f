/*
 * snap_words.h - words of memory as a snapshot has them, for tests that draw who holds what
 */
#ifndef SNAP_WORDS_H
#define SNAP_WORDS_H

#include "snap.h"

#include <ouro/record.h>

/* A run of n words: the one at where[i] has the address held[i].  Where it ends. */
static inline uint8_t *snap_words(uint8_t *p, enum ouro_region region, const uint64_t *where,
	const uint64_t *held, unsigned n)
{
	uint64_t at = where[0] / 8, before = 0;

	p = ouro_put_varint(p, n);
	*p++ = (uint8_t)region;
	p = ouro_put_varint(p, at);
	for (unsigned i = 0; i < n; i++) {
		p = ouro_put_varint(p, where[i] / 8 - at);
		p = ouro_put_varint(p, ouro_zigzag((int64_t)(held[i] / 8 - before)));
		at = where[i] / 8;
		before = held[i] / 8;
	}
	return p;
}

/* A run of one. */
static inline void snap_word(struct snap_run *r, uint8_t room[64], enum ouro_region region,
	uint64_t where, uint64_t held)
{
	r->p = room;
	r->end = snap_words(room, region, &where, &held, 1);
}

#endif
