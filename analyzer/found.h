/*
 * found.h - words of memory that look like addresses, as a snapshot lists them
 */
#ifndef FOUND_H
#define FOUND_H

#include <ouro/snapshot.h>
#include <stdint.h>

struct found {
	uint32_t n;			/* 1 to OURO_SNAP_WORDS_MAX                  */
	uint8_t region;			/* enum ouro_region                          */
	uint64_t where[OURO_SNAP_WORDS_MAX];	/* ascending                         */
	uint64_t held[OURO_SNAP_WORDS_MAX];	/* multiples of 8: rounded down      */
};

/* One OURO_SNAP_WORDS, behind its kind byte.  The byte after it; NULL: it makes no sense. */
const uint8_t *found_read(const uint8_t *p, const uint8_t *end, struct found *ret);

#endif
