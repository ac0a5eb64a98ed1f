#include "text.h"

#include "dicts.h"
#include "layout.h"

#include <stdio.h>
#include <stdlib.h>

#define TUPLE_DEPTH 3		/* deeper ones are written (...) */

void text_init(struct text *t)
{
	t->n = 0;
	t->s[0] = 0;
}

void text_add_n(struct text *t, const char *s, size_t n)
{
	size_t room = TEXT_MAX - 4 - t->n;

	if (t->n >= TEXT_MAX - 4)
		return;
	if (n > room) {
		memcpy(t->s + t->n, s, room);
		memcpy(t->s + t->n + room, "...", 3);
		t->n = TEXT_MAX - 1;
	} else {
		memcpy(t->s + t->n, s, n);
		t->n += n;
	}
	t->s[t->n] = 0;
}

void text_add(struct text *t, const char *s)
{
	text_add_n(t, s, strlen(s));
}

void text_add_int(struct text *t, int64_t v)
{
	char number[24];

	text_add_n(t, number, (size_t)snprintf(number, sizeof number, "%lld", (long long)v));
}

static void add_char(struct text *t, uint32_t c)
{
	char u[4];
	size_t n = 0;

	if (c - 0xd800 < 0x800)		/* a lone surrogate has no UTF-8 */
		c = 0xfffd;
	if (c < 0x80) {
		u[n++] = (char)c;
	} else if (c < 0x800) {
		u[n++] = (char)(0xc0 | c >> 6);
		u[n++] = (char)(0x80 | (c & 63));
	} else if (c < 0x10000) {
		u[n++] = (char)(0xe0 | c >> 12);
		u[n++] = (char)(0x80 | (c >> 6 & 63));
		u[n++] = (char)(0x80 | (c & 63));
	} else {
		u[n++] = (char)(0xf0 | (c >> 18 & 7));
		u[n++] = (char)(0x80 | (c >> 12 & 63));
		u[n++] = (char)(0x80 | (c >> 6 & 63));
		u[n++] = (char)(0x80 | (c & 63));
	}
	if (t->n + n >= TEXT_MAX - 4)	/* whole characters only: end here */
		text_add_n(t, "....", 4);
	else
		text_add_n(t, u, n);
}

bool text_is_str(uintptr_t op)
{
	return py_ptr(py_ptr(op, OB_TYPE), TP_FLAGS) & PY_TPFLAGS_UNICODE_SUBCLASS;
}

/* interned:2 kind:3 compact:1 ascii:1, since 3.3; kind is bytes per character. */
struct characters {
	uintptr_t at;
	unsigned kind;
	size_t n;
};

static struct characters characters(uintptr_t str)
{
	uint32_t state = (uint32_t)py_int(str, py.str_state);
	struct characters c = { .kind = state >> 2 & 7, .n = (size_t)py_long(str, py.str_length) };
	bool compact = state >> 5 & 1, ascii = state >> 6 & 1;

	if (compact)
		c.at = str + (uintptr_t)(ascii ? py.str_ascii_data : py.str_compact_data);
	else
		c.at = py_ptr(str, py.str_data);
	if (!c.at || (c.kind != 1 && c.kind != 2 && c.kind != 4))
		c.n = 0;
	return c;
}

static uint32_t character(const struct characters *c, size_t i)
{
	if (c->kind == 1)
		return ((const uint8_t *)c->at)[i];
	return c->kind == 2 ? ((const uint16_t *)c->at)[i] : ((const uint32_t *)c->at)[i];
}

void text_add_str(struct text *t, uintptr_t str)
{
	struct characters c = characters(str);

	for (size_t i = 0; i < c.n && t->n < TEXT_MAX - 4; i++)
		add_char(t, character(&c, i));
}

static void add_quoted(struct text *t, uint32_t c, bool bytes)
{
	char escape[12];

	if (c == '\n' || c == '\t' || c == '\r' || c == '\\' || c == '\'') {
		escape[0] = '\\';
		escape[1] = c == '\n' ? 'n' : c == '\t' ? 't' : c == '\r' ? 'r' : (char)c;
		text_add_n(t, escape, 2);
	} else if (c < 32 || c == 127 || (bytes && c > 126)) {
		text_add_n(t, escape, (size_t)snprintf(escape, sizeof escape, "\\x%02x", c));
	} else {
		add_char(t, c);
	}
}

static void add_str_repr(struct text *t, uintptr_t str)
{
	struct characters c = characters(str);

	text_add(t, "'");
	for (size_t i = 0; i < c.n && t->n < TEXT_MAX - 4; i++)
		add_quoted(t, character(&c, i), false);
	text_add(t, "'");
}

static void add_bytes_repr(struct text *t, uintptr_t bytes)
{
	const uint8_t *at = (const uint8_t *)(bytes + (uintptr_t)py.bytes_data);
	int64_t n = py_long(bytes, OB_SIZE);

	text_add(t, "b'");
	for (int64_t i = 0; i < n && t->n < TEXT_MAX - 4; i++)
		add_quoted(t, at[i], true);
	text_add(t, "'");
}

/* Digits of 30 bits; what needs more than 64 bits is not written out. */
static void add_int_repr(struct text *t, uintptr_t op)
{
	int64_t n, sign = 1;
	uint64_t v = 0;

	if (py.int_tag >= 0) {
		uint64_t tag = py_ptr(op, py.int_tag);

		n = (int64_t)(tag >> 3);
		sign = 1 - (int64_t)(tag & 3);
	} else {
		n = py_long(op, OB_SIZE);
		sign = n < 0 ? -1 : 1;
		n = n < 0 ? -n : n;
	}
	if (n > 2) {
		text_add(t, "<int>");
		return;
	}
	for (int64_t i = n; i-- > 0; )
		v = v << 30 | (uint32_t)py_int(op, py.int_digits + (int32_t)i * 4);
	text_add_int(t, sign < 0 ? -(int64_t)v : (int64_t)v);
}

/* The shortest that reads back as the same number, as repr() does. */
static void add_float_repr(struct text *t, uintptr_t op)
{
	char number[40];
	double v;

	memcpy(&v, (const void *)(op + 16), sizeof v);
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(number, sizeof number, "%.*g", digits, v);
		if (strtod(number, 0) == v)
			break;
	}
	for (char *p = number; *p; p++)
		if (*p == ',')		/* the program's locale */
			*p = '.';
	text_add(t, number);
	if (!strpbrk(number, ".en"))
		text_add(t, ".0");
}

void text_add_type(struct text *t, uintptr_t type)
{
	const char *name = (const char *)py_ptr(type, TP_NAME);
	uintptr_t dict, qualname, module = 0;

	if (!(py_ptr(type, TP_FLAGS) & PY_TPFLAGS_HEAPTYPE)) {
		text_add(t, name ? name : "?");
		return;
	}
	dict = py_ptr(type, TP_DICT);
	qualname = py_ptr(type, py.heap_qualname);
	if (dict)
		module = dict_get(dict, "__module__");
	if (module && text_is_str(module)) {
		struct text m;

		text_init(&m);
		text_add_str(&m, module);
		if (strcmp(m.s, "builtins") != 0) {
			text_add_n(t, m.s, m.n);
			text_add(t, ".");
		}
	}
	if (qualname && text_is_str(qualname))
		text_add_str(t, qualname);
	else
		text_add(t, name ? name : "?");
}

static void add_repr(struct text *t, uintptr_t op, unsigned depth)
{
	uintptr_t type = py_ptr(op, OB_TYPE);
	uintptr_t flags = py_ptr(type, TP_FLAGS);
	const char *name = (const char *)py_ptr(type, TP_NAME);
	int64_t n;

	if (flags & PY_TPFLAGS_HEAPTYPE) {
		text_add(t, "<");
		text_add_type(t, type);
		text_add(t, ">");
	} else if (strcmp(name, "bool") == 0) {
		bool set = py.int_tag >= 0 ? !(py_ptr(op, py.int_tag) & 1) : py_long(op, OB_SIZE);

		text_add(t, set ? "True" : "False");
	} else if (strcmp(name, "NoneType") == 0) {
		text_add(t, "None");
	} else if (strcmp(name, "float") == 0) {
		add_float_repr(t, op);
	} else if (flags & PY_TPFLAGS_LONG_SUBCLASS) {
		add_int_repr(t, op);
	} else if (flags & PY_TPFLAGS_UNICODE_SUBCLASS) {
		add_str_repr(t, op);
	} else if (flags & PY_TPFLAGS_BYTES_SUBCLASS) {
		add_bytes_repr(t, op);
	} else if ((flags & PY_TPFLAGS_TUPLE_SUBCLASS) && depth == 0) {
		text_add(t, "(...)");
	} else if (flags & PY_TPFLAGS_TUPLE_SUBCLASS) {
		n = py_long(op, OB_SIZE);
		text_add(t, "(");
		for (int64_t i = 0; i < n && t->n < TEXT_MAX - 4; i++) {
			uintptr_t item = py_ptr(op, py.tuple_items + (int32_t)i * 8);

			if (item)
				add_repr(t, item, depth - 1);
			if (i + 1 < n || n == 1)
				text_add(t, i + 1 < n ? ", " : ",");
		}
		text_add(t, ")");
	} else {
		text_add(t, "<");
		text_add_type(t, type);
		text_add(t, ">");
	}
}

void text_add_repr(struct text *t, uintptr_t op)
{
	add_repr(t, op, TUPLE_DEPTH);
}
