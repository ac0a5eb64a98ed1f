/*
 * buf.h - a text that grows
 *
 * Appending never fails at the call: when memory ends the buffer remembers
 * it, and who wants the result asks once, at the end.
 */
#ifndef OURO_BUF_H
#define OURO_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *s;		/* terminated; NULL while nothing was added */
	size_t n, cap;
	bool failed;		/* something was left out: no memory        */
};

/* A zeroed struct buf is empty. */
void buf_add(struct buf *b, const char *s, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
__attribute__((format(printf, 2, 3)))
void buf_printf(struct buf *b, const char *format, ...);

/* "1,234,567" */
void buf_number(struct buf *b, unsigned long long v);

/* "912 bytes", "14.2 KiB" */
void buf_bytes(struct buf *b, unsigned long long bytes);

static inline const char *buf_text(const struct buf *b)
{
	return b->s ? b->s : "";
}

void buf_reset(struct buf *b);	/* to empty, memory kept */

/* The text, the caller's to free with mem_free; NULL when memory ended.  The buffer is empty after. */
char *buf_take(struct buf *b);
void buf_fini(struct buf *b);

#endif
