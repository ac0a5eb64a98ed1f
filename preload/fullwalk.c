#include "fullwalk.h"
#include "bounds.h"
#include "dwarf.h"

#include <errno.h>

enum {
	FRAMES_MAX = 4096,		/* between us and the frame asked for               */
	STACK_MAX = 16,			/* of an expression                                 */
	OPS_MAX = 256,			/* executed by one expression: it may loop          */
	PAGE = 4096,
};

/* --- values --------------------------------------------------------------------------- */

/* Not memcpy: a sanitizer would look into it. */
static __attribute__((no_sanitize("address"))) uint64_t load_bytes(uintptr_t addr, unsigned n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | ((const uint8_t *)addr)[n];
	return v;
}

static bool peek(struct fullwalk *f, uint64_t addr, unsigned size, uint64_t *ret_value)
{
	uintptr_t first = addr & -(uintptr_t)PAGE, last = (addr + size - 1) & -(uintptr_t)PAGE;

	if (addr >> MACHINE_IP_BITS)
		return false;
	if (first != f->page && !bounds_readable(first))
		return false;
	if (last != first && !bounds_readable(last))
		return false;
	f->page = last;
	*ret_value = load_bytes(addr, size);
	return true;
}

static bool reg_value(const struct fullwalk *f, uint64_t reg, uint64_t *ret_value)
{
	if (reg >= MACHINE_NREGS || !(f->valid >> reg & 1))
		return false;
	*ret_value = f->reg[reg];
	return true;
}

/* --- expressions, DWARF 5 section 2.5 -------------------------------------------------- */

struct stack {
	uint64_t v[STACK_MAX];
	unsigned n;
	bool bad;
};

static void push(struct stack *s, uint64_t v)
{
	if (s->n == STACK_MAX)
		s->bad = true;
	else
		s->v[s->n++] = v;
}

static uint64_t pop(struct stack *s)
{
	if (!s->n) {
		s->bad = true;
		return 0;
	}
	return s->v[--s->n];
}

static void pick(struct stack *s, unsigned depth)
{
	if (depth >= s->n)
		s->bad = true;
	else
		push(s, s->v[s->n - 1 - depth]);
}

static void constant(struct stack *s, uint8_t op, struct dwarf_bytes *b)
{
	static const uint8_t size[] = { 1, 1, 2, 2, 4, 4, 8, 8 };

	if (op & 1)
		push(s, dwarf_signed(b, size[op - 0x08]));
	else
		push(s, dwarf_get(b, size[op - 0x08]));
}

static void binary(struct stack *s, uint8_t op)
{
	uint64_t y = pop(s), x = pop(s);
	int64_t sx = x, sy = y;

	switch (op) {
	case 0x1a: push(s, x & y); break;
	case 0x1b:
	case 0x1d:
		if (!y || (op == 0x1b && sy == -1))
			s->bad = true;
		else
			push(s, op == 0x1b ? (uint64_t)(sx / sy) : x % y);
		break;
	case 0x1c: push(s, x - y); break;
	case 0x1e: push(s, x * y); break;
	case 0x21: push(s, x | y); break;
	case 0x22: push(s, x + y); break;
	case 0x24: push(s, y < 64 ? x << y : 0); break;
	case 0x25: push(s, y < 64 ? x >> y : 0); break;
	case 0x26: push(s, sx >> (y < 63 ? y : 63)); break;
	case 0x27: push(s, x ^ y); break;
	case 0x29: push(s, sx == sy); break;
	case 0x2a: push(s, sx >= sy); break;
	case 0x2b: push(s, sx > sy); break;
	case 0x2c: push(s, sx <= sy); break;
	case 0x2d: push(s, sx < sy); break;
	case 0x2e: push(s, sx != sy); break;
	default: s->bad = true;
	}
}

static void rearrange(struct stack *s, uint8_t op)
{
	uint64_t a, b, c;

	switch (op) {
	case 0x12: pick(s, 0); break;			/* dup  */
	case 0x13: pop(s); break;			/* drop */
	case 0x14: pick(s, 1); break;			/* over */
	case 0x16:					/* swap */
		a = pop(s), b = pop(s);
		push(s, a), push(s, b);
		break;
	case 0x17:					/* rot  */
		a = pop(s), b = pop(s), c = pop(s);
		push(s, a), push(s, c), push(s, b);
		break;
	default: s->bad = true;
	}
}

static void jump(struct stack *s, struct dwarf_bytes *b, const uint8_t *start, bool taken)
{
	int64_t by = dwarf_signed(b, 2);

	if (!taken)
		return;
	if (by < start - b->at || by > b->end - b->at)
		s->bad = true;
	else
		b->at += by;
}

static void load(struct stack *s, struct fullwalk *f, unsigned size)
{
	uint64_t v = 0, addr = pop(s);

	if (size < 1 || size > 8 || !peek(f, addr, size, &v))
		s->bad = true;
	push(s, v);
}

static void from_reg(struct stack *s, struct fullwalk *f, uint64_t reg, int64_t n)
{
	uint64_t v = 0;

	if (!reg_value(f, reg, &v))
		s->bad = true;
	push(s, v + n);
}

static void operate(struct stack *s, struct fullwalk *f, uint8_t op, struct dwarf_bytes *b,
	const uint8_t *start)
{
	uint64_t reg;

	if (op >= 0x30 && op <= 0x4f) {
		push(s, op - 0x30);			/* lit */
		return;
	}
	if (op >= 0x70 && op <= 0x8f) {
		from_reg(s, f, op - 0x70, dwarf_sleb(b));
		return;
	}
	switch (op) {
	case 0x03: push(s, dwarf_get(b, 8)); break;	/* addr */
	case 0x06: load(s, f, 8); break;
	case 0x08: case 0x09: case 0x0a: case 0x0b:
	case 0x0c: case 0x0d: case 0x0e: case 0x0f: constant(s, op, b); break;
	case 0x10: push(s, dwarf_uleb(b)); break;
	case 0x11: push(s, dwarf_sleb(b)); break;
	case 0x15: pick(s, dwarf_get(b, 1)); break;
	case 0x19: reg = pop(s), push(s, (int64_t)reg < 0 ? -reg : reg); break;
	case 0x1f: push(s, -pop(s)); break;
	case 0x20: push(s, ~pop(s)); break;
	case 0x23: reg = dwarf_uleb(b), push(s, pop(s) + reg); break;
	case 0x28: jump(s, b, start, pop(s) != 0); break;
	case 0x2f: jump(s, b, start, true); break;
	case 0x92: reg = dwarf_uleb(b), from_reg(s, f, reg, dwarf_sleb(b)); break;
	case 0x94: load(s, f, dwarf_get(b, 1)); break;
	case 0x96: break;				/* nop */
	default:
		if (op >= 0x12 && op <= 0x17)
			rearrange(s, op);
		else
			binary(s, op);
	}
}

/* cfa: what expressions of registers start with; the one of the CFA itself has none. */
static bool evaluate(struct fullwalk *f, int64_t block, const uint8_t *end,
	const uint64_t *cfa, uint64_t *ret_value)
{
	struct dwarf_bytes b = { (const uint8_t *)(uintptr_t)block, end, false };
	uint64_t size = dwarf_uleb(&b);
	const uint8_t *start = b.at;
	struct stack s = { .n = 0 };
	unsigned ops = 0;

	if (b.bad || size > (uint64_t)(b.end - b.at))
		return false;
	b.end = b.at + size;
	if (cfa)
		push(&s, *cfa);
	while (b.at < b.end && !b.bad && !s.bad && ops++ < OPS_MAX)
		operate(&s, f, dwarf_get(&b, 1), &b, start);
	if (b.bad || s.bad || b.at < b.end || !s.n)
		return false;
	*ret_value = pop(&s);
	return true;
}

/* --- frames --------------------------------------------------------------------------- */

static bool caller_reg(struct fullwalk *f, const struct cfi_row *row, unsigned reg,
	uint64_t cfa, uint64_t *ret_value)
{
	int64_t v = row->value[reg];
	uint64_t at;

	switch (row->how[reg]) {
	case CFI_SAME:
		if (reg == MACHINE_SP) {
			*ret_value = cfa;
			return true;
		}
		return reg_value(f, reg, ret_value);
	case CFI_AT: return peek(f, cfa + v, 8, ret_value);
	case CFI_IS: *ret_value = cfa + v; return true;
	case CFI_REGISTER: return reg_value(f, v, ret_value);
	case CFI_IS_EXPRESSION: return evaluate(f, v, row->end, &cfa, ret_value);
	case CFI_AT_EXPRESSION:
		return evaluate(f, v, row->end, &cfa, &at) && peek(f, at, 8, ret_value);
	default: return false;
	}
}

static int step(struct fullwalk *f, struct cfi_work *w)
{
	uint64_t cfa, reg[MACHINE_NREGS] = { 0 };
	uint32_t valid = 0;
	const struct cfi_row *row = &w->row;
	struct cfi_section s;
	unsigned i;
	int err;

	err = cfi_section_of(f->reg[MACHINE_IP] - !f->exact, &s);
	if (!err)
		err = cfi_read(&s, f->reg[MACHINE_IP] - !f->exact, w);
	if (err)
		return err;
	if (row->how[MACHINE_IP] == CFI_UNDEFINED)
		return 0;
	if (row->cfa_expression) {
		if (!evaluate(f, row->cfa_value, row->end, NULL, &cfa))
			return -EFAULT;
	} else {
		if (!reg_value(f, row->cfa_reg, &cfa))
			return -EFAULT;
		cfa += row->cfa_value;
	}
	for (i = 0; i < MACHINE_NREGS; i++)
		if (caller_reg(f, row, i, cfa, &reg[i]))
			valid |= 1u << i;
	if (!(valid >> MACHINE_IP & 1) || !(valid >> MACHINE_SP & 1))
		return -EFAULT;
	f->exact = row->signal;
	f->valid = valid;
	memcpy(f->reg, reg, sizeof(reg));
	return f->reg[MACHINE_IP] ? 1 : 0;
}

static bool is_at(const struct fullwalk *f, uintptr_t ip, uintptr_t sp)
{
	return f->reg[MACHINE_IP] == ip && f->reg[MACHINE_SP] == sp;
}

int fullwalk_beyond(struct fullwalk *f, uintptr_t ip, uintptr_t sp, struct cfi_work *w)
{
	unsigned n = 0;
	int r;

	/* Our frame stays until the walk has left it, so what it saved is still there. */
	if (!f->started) {
		machine_registers(f->reg);
		f->valid = MACHINE_SAVED_REGS;
		f->started = f->exact = true;
		f->page = 0;
	}
	while (!is_at(f, ip, sp)) {
		if (n++ == FRAMES_MAX)
			return -ELOOP;
		r = step(f, w);
		if (r <= 0)
			return r ? r : -ESRCH;
	}
	return step(f, w);
}
