#include "locals.h"

#include "layout.h"

#include <string.h>

uintptr_t frame_code(uintptr_t frame)
{
	uintptr_t code = py_ptr(frame, py.frame_code), type;

	if (py.minor < 13 || !code)
		return code;
	/* 3.13: what is executed may be None, for frames that only mark an entry from C */
	type = py_ptr(code, OB_TYPE);
	return strcmp((const char *)py_ptr(type, TP_NAME), "code") == 0 ? code : 0;
}

static int64_t tuple_length(uintptr_t tuple)
{
	return tuple ? py_long(tuple, OB_SIZE) : 0;
}

static uintptr_t tuple_item(uintptr_t tuple, int64_t i)
{
	return py_ptr(tuple, py.tuple_items + (int32_t)i * 8);
}

int64_t code_nlocals(uintptr_t code)
{
	if (py.code_nlocalsplus >= 0)
		return py_int(code, py.code_nlocalsplus);
	return py_int(code, py.code_nlocals) + tuple_length(py_ptr(code, py.code_cellvars)) +
	       tuple_length(py_ptr(code, py.code_freevars));
}

uintptr_t code_local_name(uintptr_t code, int64_t i)
{
	int32_t parts[] = { py.code_varnames, py.code_cellvars, py.code_freevars };

	if (py.code_localsplusnames >= 0) {
		uintptr_t names = py_ptr(code, py.code_localsplusnames);

		return i < tuple_length(names) ? tuple_item(names, i) : 0;
	}
	for (int part = 0; part < 3; part++) {
		uintptr_t names = py_ptr(code, parts[part]);

		if (i < tuple_length(names))
			return tuple_item(names, i);
		i -= tuple_length(names);
	}
	return 0;
}

int64_t frame_depth(uintptr_t frame, uintptr_t code)
{
	int64_t n;

	if (py.frame_stackdepth >= 0)
		return py_int(frame, py.frame_stackdepth);
	if (py.minor >= 11) {
		n = py_int(frame, py.frame_stacktop);
		return n < 0 ? -1 : n - code_nlocals(code);
	}
	if (!py_ptr(frame, py.frame_stacktop))
		return -1;
	return (int64_t)(py_ptr(frame, py.frame_stacktop) - py_ptr(frame, py.frame_valuestack)) / 8;
}

/* --- lines --------------------------------------------------------------------------- */

/* Pairs of (bytes of code, lines), in 3.10 -128 lines for "none". */
static uint32_t line_of_pairs(const uint8_t *p, int64_t n, int64_t at, int64_t line)
{
	int64_t address = 0, here = line;

	for (int64_t i = 0; i + 1 < n; i += 2) {
		int8_t delta = (int8_t)p[i + 1];

		if (py.minor >= 10) {	/* a pair says the lines of the code it covers */
			if (delta != -128)
				line += delta;
			here = delta == -128 ? 0 : line;
			address += p[i];
			if (address > at)
				return (uint32_t)here;
		} else {		/* ... of what comes after it */
			address += p[i];
			if (address > at)
				return (uint32_t)line;
			line += delta;
		}
	}
	return (uint32_t)(py.minor >= 10 ? here : line);
}

static const uint8_t *varint6(const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; p < end && shift < 60; shift += 6) {
		v |= (uint64_t)(*p & 63) << shift;
		if (!(*p++ & 64))
			break;
	}
	*ret = v;
	return p;
}

/* 3.11 on: first byte 1kkkknnn covers n + 1 units; kind 15 none, 14 long, 13 no column, ... */
static uint32_t line_of_table(const uint8_t *p, int64_t n, int64_t at, int64_t line)
{
	const uint8_t *end = p + n;
	int64_t address = 0;

	while (p < end) {
		unsigned kind = *p >> 3 & 15;
		uint64_t v;

		address += ((*p & 7) + 1) * 2;
		p++;
		if (kind == 14 || kind == 13) {
			varint6(p, end, &v);
			line += v & 1 ? -(int64_t)(v >> 1) : (int64_t)(v >> 1);
		} else if (kind >= 10 && kind <= 12) {
			line += kind - 10;
		}
		if (address > at)
			return kind == 15 ? 0 : (uint32_t)line;
		while (p < end && !(*p & 128))
			p++;
	}
	return 0;
}

uint32_t frame_line(uintptr_t frame, uintptr_t code)
{
	uintptr_t lines = py_ptr(code, py.code_lines);
	int64_t first = py_int(code, py.code_firstlineno), at;

	if (!lines)
		return 0;
	if (py.minor >= 11) {
		at = (int64_t)(py_ptr(frame, py.frame_instr) - code) - py.code_adaptive;
		/* 3.13 points at the call itself or, when it is not the top, behind it */
		if (at < 0)
			return (uint32_t)first;
		return line_of_table((const uint8_t *)lines + py.bytes_data, py_long(lines, OB_SIZE),
			at, first);
	}
	at = py_int(frame, py.frame_lasti);
	if (at < 0)
		return (uint32_t)first;
	return line_of_pairs((const uint8_t *)lines + py.bytes_data, py_long(lines, OB_SIZE),
		py.minor == 10 ? at * 2 : at, first);
}

/* --- edges --------------------------------------------------------------------------- */

void frame_edges(struct walk *w, uintptr_t frame)
{
	uintptr_t code = frame_code(frame), stack;
	int64_t n, depth;

	if (!code)
		return;
	if (py.minor >= 11) {
		heap_name(w, py_ptr(frame, py.frame_object), OURO_EDGE_FIELD,
			heap_cstring(w, "frame"));
		heap_name(w, py_ptr(frame, py.frame_locals), OURO_EDGE_FIELD,
			heap_cstring(w, "f_locals"));
		heap_name(w, py_ptr(frame, py.frame_func), OURO_EDGE_FIELD,
			heap_cstring(w, "function"));
		heap_name(w, code, OURO_EDGE_FIELD, heap_cstring(w, "code"));
	}
	n = code_nlocals(code);
	for (int64_t i = 0; i < n; i++) {
		uintptr_t value = py_ptr(frame, py.frame_localsplus + (int32_t)i * 8);
		uintptr_t name = code_local_name(code, i);

		if (value)
			heap_name(w, value, OURO_EDGE_LOCAL, name ? heap_str(w, name) : 0);
	}
	depth = frame_depth(frame, code);
	stack = frame + (uintptr_t)py.frame_localsplus + (uintptr_t)n * 8;
	for (int64_t i = 0; i < depth; i++)
		heap_name(w, py_ptr(stack, (int32_t)i * 8), OURO_EDGE_STACK, (uint64_t)i);
}
