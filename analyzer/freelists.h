/*
 * freelists.h - memory that CPython keeps for the next object of a type
 *
 * An object whose memory comes from such a list is not counted as allocated by the
 * collector, and one whose memory goes there is not counted as gone: without
 * them, counts are off by a quarter.  How many of a kind a list keeps, and what a full
 * collection does with it, is CPython's source, 3.8 to 3.13 (Objects/ and
 * Python/context.c).
 */
#ifndef OURO_FREELISTS_H
#define OURO_FREELISTS_H

#include "defs.h"

enum {
	KIND_NONE = 0,			/* has no list                               */
	KIND_DICT = 2,
	KIND_FRAME = 4,			/* with more lists than one: what was recorded is used */
	KIND_TUPLE = 12,		/* ... + items - 1                           */
	KIND_TUPLE_MAX = 20,		/* items                                     */
	KINDS = KIND_TUPLE + KIND_TUPLE_MAX,
};
static_assert(KINDS <= 32, "a kind is five bits of the tape");

struct freelists {
	uint32_t room[KINDS];		/* 0: this version has no such list          */
	bool cleared[KINDS];		/* by a full collection                      */
	unsigned minor;			/* of Python 3                               */
};

/* False: this version of CPython is not known. */
bool freelists_init(struct freelists *f, unsigned minor);

/* What kind are objects of this type?  KIND_TUPLE: by their size, see below. */
uint8_t freelists_kind(const struct freelists *f, const struct def_type *type);

/* A tuple in a block of this size that begins `before` bytes before it. */
uint8_t freelists_tuple(const struct freelists *f, uint64_t size, uint64_t before);

#endif
