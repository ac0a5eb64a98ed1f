#include "buf.h"

#include "mem.h"

#include <stdio.h>
#include <string.h>

/* Room for n more and the terminator. */
static bool room(struct buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 64;
	char *s;

	if (b->failed)
		return false;
	if (n < b->cap - b->n)
		return true;
	while (cap - b->n <= n)
		cap *= 2;
	s = mem_array(cap, 1);
	if (!s) {
		b->failed = true;
		return false;
	}
	if (b->s)
		memcpy(s, b->s, b->n);
	mem_free(b->s);
	b->s = s;
	b->cap = cap;
	return true;
}

void buf_add(struct buf *b, const char *s, size_t n)
{
	if (!room(b, n))
		return;
	memcpy(b->s + b->n, s, n);
	b->n += n;
	b->s[b->n] = 0;
}

void buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0 || !room(b, (size_t)n))
		return;
	va_start(args, format);
	vsnprintf(b->s + b->n, (size_t)n + 1, format, args);
	va_end(args);
	b->n += (size_t)n;
}

void buf_number(struct buf *b, unsigned long long v)
{
	char digits[24];
	int i, n = snprintf(digits, sizeof(digits), "%llu", v);

	for (i = 0; i < n; i++) {
		buf_putc(b, digits[i]);
		if (i + 1 < n && (n - i - 1) % 3 == 0)
			buf_putc(b, ',');
	}
}

void buf_bytes(struct buf *b, unsigned long long bytes)
{
	static const char *const unit[] = { "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes / 1024;
	unsigned i = 0;

	if (bytes < 10000) {
		buf_number(b, bytes);
		buf_puts(b, bytes == 1 ? " byte" : " bytes");
		return;
	}
	for (; v >= 1023.95 && i < 3; i++)
		v /= 1024;
	buf_printf(b, "%.1f %s", v, unit[i]);
}

void buf_reset(struct buf *b)
{
	b->n = 0;
	if (b->s)
		b->s[0] = 0;
}

char *buf_take(struct buf *b)
{
	char *s;

	room(b, 0);
	s = b->s;
	if (b->failed) {
		mem_free(s);
		s = NULL;
	}
	*b = (struct buf){0};
	return s;
}

void buf_fini(struct buf *b)
{
	mem_free(b->s);
	*b = (struct buf){0};
}
