/*
 * extent.h - where a function begins and where it ends
 *
 * Asks the unwind tables (.eh_frame), which know every function that was compiled,
 * exported or not and stripped or not; then the dynamic symbols.  May take the loader's
 * lock: for start-up and the loading of libraries, never for the recording of events.
 */
#ifndef OURO_EXTENT_H
#define OURO_EXTENT_H

#include <stdbool.h>
#include <stdint.h>

struct extent {
	const uint8_t *begin, *end;	/* [begin, end) is all of the function */
	bool resolver;			/* a symbol says: chooses a function (ifunc) */
};

/*
 * The file that pc is in: where it is mapped, and its unwind table.  Unlike the loader's own
 * answer also while it is being loaded; takes the loader's lock then.  0 or -ENOENT.
 */
struct dl_find_object;
int extent_module(const void *pc, struct dl_find_object *ret);

/* 0, or -ENOENT when nobody knows the end of the function at pc. */
int extent_of(const void *pc, struct extent *ret);

/* The same by the unwind tables alone: knows no resolvers. */
int extent_by_cfi(const void *pc, struct extent *ret);

#endif
