/*
 * strbuf.h - strings in storage of fixed size, without libc's formatting
 *
 * printf may allocate and take locks.  What does not fit is cut, and
 * strbuf_whole says so.
 */
#ifndef STRBUF_H
#define STRBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct strbuf {
	char *start;
	size_t length, room;	/* room counts the terminating 0             */
	bool cut;
};

static inline struct strbuf strbuf_in(char *storage, size_t room)
{
	storage[0] = 0;
	return (struct strbuf){ .start = storage, .room = room };
}

static inline void strbuf_add_n(struct strbuf *t, const char *s, size_t n)
{
	if (n > t->room - 1 - t->length) {
		n = t->room - 1 - t->length;
		t->cut = true;
	}
	memcpy(t->start + t->length, s, n);
	t->length += n;
	t->start[t->length] = 0;
}

static inline void strbuf_add(struct strbuf *t, const char *s)
{
	strbuf_add_n(t, s, strlen(s));
}

static inline void strbuf_add_number(struct strbuf *t, uint64_t n, unsigned base)
{
	char digits[65], *p = digits + sizeof digits;

	do {
		*--p = "0123456789abcdef"[n % base];
		n /= base;
	} while (n);
	strbuf_add_n(t, p, (size_t)(digits + sizeof digits - p));
}

#endif
