#include "names.h"

#include "layout.h"
#include "opcodes_data.h"

#define STEPS 16			/* instructions followed                       */

static const struct py_opcode *const opcodes[] = {
	opcodes_308, opcodes_309, opcodes_310, opcodes_311, opcodes_312, opcodes_313,
};

struct cursor {
	const struct py_opcode *table;
	const uint8_t *code;
	size_t units, at;
};

/* The next instruction, EXTENDED_ARG folded in.  OP_UNKNOWN at the end. */
static enum op_kind next(struct cursor *c, uint32_t *ret_arg)
{
	uint32_t arg = 0;

	while (c->at < c->units) {
		struct py_opcode op = c->table[c->code[2 * c->at]];

		arg = arg << 8 | c->code[2 * c->at + 1];
		c->at += 1u + op.cells;
		if (op.kind != OP_EXTEND) {
			*ret_arg = arg;
			return op.kind;
		}
	}
	return OP_UNKNOWN;
}

/*
 * Only counting from the start tells an instruction from the bytes of a cache.
 * False when `at` lies beyond, or behind something that hides its length.
 */
static bool seek(struct cursor *c, size_t at)
{
	while (c->at < c->units) {
		struct py_opcode op = c->table[c->code[2 * c->at]];

		if (op.kind == OP_UNKNOWN)
			return false;
		if (at < c->at + 1u + op.cells)
			return true;
		c->at += 1u + op.cells;
	}
	return false;
}

/* [1, 2, 3] is BUILD_LIST 0, LOAD_CONST, LIST_EXTEND 1. */
static void skip_filling(struct cursor *c)
{
	struct cursor ahead = *c;
	uint32_t arg;

	if (next(&ahead, &arg) == OP_LOAD_CONST && next(&ahead, &arg) == OP_EXTEND_LITERAL &&
	    arg == 1)
		*c = ahead;
}

/* Past the instruction that makes the value; false when it makes none. */
static bool pass_maker(struct cursor *c)
{
	uint32_t arg;

	switch (next(c, &arg)) {
	case OP_MAKE:
	case OP_MAKE_NEXT:
	case OP_LOAD_ATTRIBUTE:
		return true;
	case OP_MAKE_LITERAL:
		skip_filling(c);
		return true;
	case OP_MAKE_PRECALL:		/* its other half comes next */
		return next(c, &arg) == OP_MAKE;
	default:
		return false;
	}
}

static bool base(struct py_result *r, unsigned kind, uint32_t index)
{
	if (r->base)
		return false;
	r->base = kind;
	r->index = index;
	return true;
}

static bool attribute(struct py_result *r, uint32_t index)
{
	if (!r->base || r->attributes == sizeof r->attribute / sizeof *r->attribute)
		return false;
	r->attribute[r->attributes++] = index;
	return true;
}

bool names_find(int minor, const uint8_t *code, size_t units, size_t at, struct py_result *ret)
{
	struct py_result r = { 0 };
	struct cursor c = { .code = code, .units = units };

	if (minor < 8 || minor > 13)
		return false;
	c.table = opcodes[minor - 8];
	if (!seek(&c, at) || !pass_maker(&c))
		return false;
	for (int n = 0; n < STEPS; n++) {
		uint32_t arg;
		enum op_kind kind = next(&c, &arg);

		switch (kind) {
		case OP_SKIP:
			continue;
		case OP_DUPLICATE:	/* COPY 2 would be another value's */
			if (r.base || (minor >= 11 && arg != 1))
				return false;
			continue;
		case OP_LOAD_LOCAL:
			if (!base(&r, RESULT_LOCAL, arg))
				return false;
			continue;
		case OP_LOAD_NAME:
			if (!base(&r, RESULT_GLOBAL, arg))
				return false;
			continue;
		case OP_LOAD_GLOBAL:	/* bit 0: pushes a NULL for a call as well */
			if (minor >= 11 ? arg & 1 : 0)
				return false;
			if (!base(&r, RESULT_GLOBAL, minor >= 11 ? arg >> 1 : arg))
				return false;
			continue;
		case OP_LOAD_CELL:
			if (!base(&r, RESULT_CELL, arg))
				return false;
			continue;
		case OP_LOAD_ATTRIBUTE:	/* bit 0: a method to be called */
			if (minor >= 12 ? arg & 1 : 0)
				return false;
			if (!attribute(&r, minor >= 12 ? arg >> 1 : arg))
				return false;
			continue;
		case OP_STORE_ATTRIBUTE:
			if (!attribute(&r, arg))
				return false;
			*ret = r;
			return true;
		case OP_STORE_LOCAL:
		case OP_STORE_FIRST:
			arg = kind == OP_STORE_FIRST ? arg >> 4 : arg;
			if (!base(&r, RESULT_LOCAL, arg))
				return false;
			*ret = r;
			return true;
		case OP_STORE_GLOBAL:
			if (!base(&r, RESULT_GLOBAL, arg))
				return false;
			*ret = r;
			return true;
		case OP_STORE_CELL:
			if (!base(&r, RESULT_CELL, arg))
				return false;
			*ret = r;
			return true;
		default:
			return false;
		}
	}
	return false;
}

static uintptr_t tuple_item(uintptr_t tuple, size_t i)
{
	if (!tuple || i >= (size_t)py_long(tuple, OB_SIZE))
		return 0;
	return py_ptr(tuple, py.tuple_items + (int32_t)(8 * i));
}

/* Cells are counted through: those of the function, then those it closes over (to 3.10). */
static uintptr_t variable(uintptr_t code, const struct py_result *r)
{
	uintptr_t cells;
	size_t n;

	if (r->base == RESULT_GLOBAL)
		return tuple_item(py_ptr(code, py.code_names), r->index);
	if (py.code_localsplusnames >= 0)
		return tuple_item(py_ptr(code, py.code_localsplusnames), r->index);
	if (r->base == RESULT_LOCAL)
		return tuple_item(py_ptr(code, py.code_varnames), r->index);
	cells = py_ptr(code, py.code_cellvars);
	n = (size_t)py_long(cells, OB_SIZE);
	return r->index < n ? tuple_item(cells, r->index)
			    : tuple_item(py_ptr(code, py.code_freevars), r->index - n);
}

static bool instructions(uintptr_t code, const uint8_t **ret, size_t *ret_units)
{
	if (py.code_adaptive >= 0) {
		*ret = (const uint8_t *)code + py.code_adaptive;
		*ret_units = (size_t)py_long(code, OB_SIZE);
		return true;
	}
	code = py_ptr(code, py.code_code);
	if (!code || !(py_ptr(py_ptr(code, OB_TYPE), TP_FLAGS) & PY_TPFLAGS_BYTES_SUBCLASS))
		return false;
	*ret = (const uint8_t *)code + py.bytes_data;
	*ret_units = (size_t)py_long(code, OB_SIZE) / 2;
	return true;
}

bool names_text(uintptr_t code, size_t at, struct text *t)
{
	const uint8_t *bytes;
	struct py_result r;
	uintptr_t word;
	size_t units;

	if (!instructions(code, &bytes, &units) || !names_find(py.minor, bytes, units, at, &r))
		return false;
	word = variable(code, &r);
	for (uint32_t i = 0; word && text_is_str(word); i++) {
		text_add_str(t, word);
		if (i == r.attributes)
			return true;
		text_add(t, ".");
		word = tuple_item(py_ptr(code, py.code_names), r.attribute[i]);
	}
	return false;
}
