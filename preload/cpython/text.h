/*
 * text.h - words for objects, read from their memory: no code of the program runs
 */
#ifndef CPYTHON_TEXT_H
#define CPYTHON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_MAX 512		/* bytes of one text; longer ones are cut and end in "..." */

struct text {
	size_t n;
	char s[TEXT_MAX];
};

void text_init(struct text *t);
void text_add(struct text *t, const char *s);
void text_add_n(struct text *t, const char *s, size_t n);
void text_add_int(struct text *t, int64_t v);

bool text_is_str(uintptr_t op);			/* a str, or of a subclass            */
void text_add_str(struct text *t, uintptr_t str);	/* its characters, as UTF-8   */

/* The type as the language writes it: __main__.Node, dict, collections.deque. */
void text_add_type(struct text *t, uintptr_t type);

/* repr() of numbers, str, bytes, None and tuples of them; of others <type>. */
void text_add_repr(struct text *t, uintptr_t op);

#endif
