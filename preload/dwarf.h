/*
 * dwarf.h - the encodings DWARF is written in, read without trust
 */
#ifndef DWARF_H
#define DWARF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Past its end it reads zeroes and says so once, in `bad`. */
struct dwarf_bytes {
	const uint8_t *at, *end;
	bool bad;
};

static inline uint64_t dwarf_get(struct dwarf_bytes *b, size_t size)
{
	uint64_t v = 0;

	if ((size_t)(b->end - b->at) < size) {
		b->bad = true;
		b->at = b->end;
		return 0;
	}
	memcpy(&v, b->at, size);
	b->at += size;
	return v;
}

static inline int64_t dwarf_signed(struct dwarf_bytes *b, size_t size)
{
	unsigned shift = 64 - 8 * size;

	return (int64_t)(dwarf_get(b, size) << shift) >> shift;
}

static inline uint64_t dwarf_uleb(struct dwarf_bytes *b)
{
	uint64_t v = 0, byte;
	unsigned shift = 0;

	do {
		byte = dwarf_get(b, 1);
		if (shift < 64)
			v |= (byte & 127) << shift;
		shift += 7;
	} while (byte & 128);
	return v;
}

static inline int64_t dwarf_sleb(struct dwarf_bytes *b)
{
	uint64_t v = 0, byte;
	unsigned shift = 0;

	do {
		byte = dwarf_get(b, 1);
		if (shift < 64)
			v |= (byte & 127) << shift;
		shift += 7;
	} while (byte & 128);
	if (shift < 64 && byte & 64)
		v |= -1ull << shift;
	return v;
}

static inline void dwarf_skip(struct dwarf_bytes *b, uint64_t n)
{
	if ((uint64_t)(b->end - b->at) < n) {
		b->bad = true;
		n = b->end - b->at;
	}
	b->at += n;
}

#endif
