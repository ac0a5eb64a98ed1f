/*
 * columns.h - a chunk with like things side by side, for a compressor
 *
 * What records consist of (heads, times, addresses, locations ...) stands in columns, and an
 * address as itself rather than as the way from the one before: the block that is
 * freed is then spelled as it was when it was allocated, which is what a
 * compressor can see.  Nothing is lost: joined, it is the same bytes.
 *
 * A record that makes no sense ends it: from there on the chunk stays as it is.
 */
#ifndef OURO_COLUMNS_H
#define OURO_COLUMNS_H

#include <ouro/trace.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COLUMNS 9

struct columns {
	uint8_t *column[COLUMNS];	/* columns.c's                               */
	size_t used[COLUMNS], room;
};

int columns_init(struct columns *c, uint32_t chunk_size);	/* 0 or -ENOMEM   */
void columns_fini(struct columns *c);

/* As many bytes as a chunk can have in columns. */
size_t columns_room(uint32_t chunk_size);

/*
 * The whole chunk, its head included, as columns; how many bytes that are in `ret`, which
 * has columns_room().  0: it is of no kind that gains by it.
 */
size_t columns_split(struct columns *c, const uint8_t *chunk, size_t size, uint8_t *ret);

/* Back: exactly `size` bytes, or -ENODATA. */
int columns_join(const uint8_t *in, size_t n, uint8_t *ret, size_t size);

#endif
