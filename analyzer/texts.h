/*
 * texts.h - each text kept once, known by a number
 *
 * Names of types, keys, functions and files are few and met often: here two
 * texts are the same exactly when their numbers are.  0 is "none", and reads
 * as the empty text.  Numbers and pointers stay valid until texts_fini.
 */
#ifndef OURO_TEXTS_H
#define OURO_TEXTS_H

#include <stddef.h>
#include <stdint.h>

typedef uint32_t text_id;

struct interned;

struct texts {
	struct interned *table;	/* by content                      */
	struct interned **by_id;	/* by_id[0] is unused              */
	uint32_t n, cap;	/* numbers 1 to n are given        */
};

/* A zeroed struct texts is empty.  0 for the empty text, and when memory ends. */
text_id texts_add(struct texts *t, const char *s, size_t length);
text_id texts_add0(struct texts *t, const char *s);	/* NULL is none */

/* The number, if this text was ever added; else 0. */
text_id texts_find(const struct texts *t, const char *s);

const char *texts_get(const struct texts *t, text_id id);

void texts_fini(struct texts *t);

#endif
