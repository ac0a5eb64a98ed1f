/*
 * native_types.h - what variables and blocks consist of, by DWARF
 *
 * A type is known by where its description stands, and good until native_close.  Only what
 * is certain is told: in a union, behind a void pointer, in what is declared and not
 * defined nothing has a name.
 */
#ifndef OURO_NATIVE_TYPES_H
#define OURO_NATIVE_TYPES_H

#include "buf.h"
#include "native.h"

struct native_type {
	void *die[4];			/* libdw's; die[0] is NULL: no type is known */
};

/* The type of the variable that an address of the file lies in, and where in it; false: not known. */
bool native_variable_type(struct native *n, uint64_t address, struct native_type *ret,
	uint64_t *ret_offset);

/*
 * Is there a pointer at this byte?  Then the way to it is added to path (".table[3].next";
 * nothing for a variable that is one), and what it points to is told, if that is known.
 */
bool native_pointer_at(const struct native_type *t, uint64_t offset, struct buf *path,
	struct native_type *ret_target);

/* "struct node", "char *"; false: it has no name. */
bool native_type_name(const struct native_type *t, struct buf *ret);

/* Does it end with an array without a bound, so that a block of it may have any size above? */
bool native_type_is_open(const struct native_type *t);

/* Bytes; 0: not known, as of what is only declared. */
uint64_t native_type_size(const struct native_type *t);

#endif
