/*
 * code.c - x86-64 instructions, by Zydis; the only file that knows Zydis
 */
#include "code.h"

#include <errno.h>
#include <string.h>
#include <Zydis/Zydis.h>

/* One register file's worth of what code_first_tested knows. */
struct known {
	enum { ANYTHING, ADDRESS, LOADED } what;
	uintptr_t addr;		/* ADDRESS: the value; LOADED: where it was read from */
	uint16_t size;		/* LOADED: bytes read                                 */
};

/* A decoded instruction with its operands; the hidden ones (flags, rsp) come last. */
struct full {
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

static bool decode_full(const uint8_t *at, size_t room, struct full *f)
{
	ZydisDecoder d;

	return ZYAN_SUCCESS(ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64,
					     ZYDIS_STACK_WIDTH_64)) &&
	       ZYAN_SUCCESS(ZydisDecoderDecodeFull(&d, at, room, &f->insn, f->op));
}

static enum code_flow flow_of(const ZydisDecodedInstruction *z)
{
	bool direct = z->raw.imm[0].is_relative;

	/* Far branches change the code segment: nothing compiled does. */
	if (z->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		return CODE_ODD;
	switch (z->mnemonic) {
	case ZYDIS_MNEMONIC_INT3:
	case ZYDIS_MNEMONIC_INT1:
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2:
	case ZYDIS_MNEMONIC_HLT:
		return CODE_TRAP;
	case ZYDIS_MNEMONIC_XBEGIN:	/* its target is entered on abort */
	case ZYDIS_MNEMONIC_INT:
		return CODE_ODD;
	default:
		break;
	}
	switch (z->meta.category) {
	case ZYDIS_CATEGORY_COND_BR:
		return direct ? CODE_JCC : CODE_ODD;
	case ZYDIS_CATEGORY_UNCOND_BR:
		return direct ? CODE_JMP : CODE_JMP_ANY;
	case ZYDIS_CATEGORY_CALL:
		return direct ? CODE_CALL : CODE_CALL_ANY;
	case ZYDIS_CATEGORY_RET:
		return CODE_RET;
	default:
		return direct ? CODE_ODD : CODE_NEXT;
	}
}

/* mod 0, rm 5 is [rip+disp32] in every encoding that has a ModRM byte. */
static bool names_by_rip(const ZydisDecodedInstruction *z)
{
	return (z->attributes & ZYDIS_ATTRIB_HAS_MODRM) && z->raw.modrm.mod == 0 &&
	       z->raw.modrm.rm == 5 && z->raw.disp.size == 32;
}

int code_decode(const void *at, size_t room, struct code_insn *ret)
{
	ZydisDecoder d;
	ZydisDecodedInstruction z;
	struct code_insn i = { .at = at };
	ZyanStatus st;

	st = ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	if (ZYAN_SUCCESS(st))
		st = ZydisDecoderDecodeInstruction(&d, NULL, at, room, &z);
	if (ZYAN_FAILED(st))
		return st == ZYDIS_STATUS_NO_MORE_DATA ? -ENODATA : -EILSEQ;
	i.size = z.length;
	i.flow = flow_of(&z);
	i.landing = z.mnemonic == ZYDIS_MNEMONIC_ENDBR64;
	i.idle = z.mnemonic == ZYDIS_MNEMONIC_NOP;
	if (z.raw.imm[0].is_relative) {
		i.field = z.raw.imm[0].offset;
		i.field_size = z.raw.imm[0].size / 8;
		i.target = i.at + i.size + z.raw.imm[0].value.s;
	} else if (names_by_rip(&z)) {
		/* [eip+disp32] wraps at 4 GiB: no address that could be mended */
		if (z.address_width != 64)
			return -EILSEQ;
		i.field = z.raw.disp.offset;
		i.field_size = 4;
		i.target = i.at + i.size + z.raw.disp.value;
	}
	*ret = i;
	return 0;
}

void *code_first_call(const void *fn, size_t within)
{
	const uint8_t *at = fn, *end = at + within;
	struct code_insn i;

	for (; at < end; at += i.size) {
		if (code_decode(at, end - at, &i))
			return NULL;
		if (i.flow == CODE_CALL)
			return (void *)i.target;
		if (i.flow == CODE_JMP &&
		    (i.target < (const uint8_t *)fn || i.target >= end))
			return (void *)i.target;
	}
	return NULL;
}

void *code_behind_jump(const void *fn)
{
	enum { CHAIN_MAX = 8 };		/* a jump to itself must not hold us */
	const uint8_t *at = fn;
	struct code_insn i;

	for (int n = 0; n < CHAIN_MAX; n++) {
		const uint8_t *jump = at;

		/* A jump is followed by something, if only padding; 16 is a PLT entry. */
		if (code_decode(jump, 16, &i))
			break;
		if (i.landing && code_decode(jump += i.size, 12, &i))
			break;
		if (i.flow == CODE_JMP)
			at = i.target;
		else if (i.flow == CODE_JMP_ANY && i.target)
			memcpy(&at, i.target, sizeof(at));
		else
			break;
	}
	return (void *)at;
}

static bool is_test(const ZydisDecodedInstruction *z)
{
	return z->mnemonic == ZYDIS_MNEMONIC_TEST || z->mnemonic == ZYDIS_MNEMONIC_CMP;
}

/* 0 to 15 for any width of a general register; -1 for the others. */
static int general(ZydisRegister r)
{
	ZyanI8 id;

	r = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r);
	if (ZydisRegisterGetClass(r) != ZYDIS_REGCLASS_GPR64)
		return -1;
	id = ZydisRegisterGetId(r);
	return id >= 0 && id < 16 ? id : -1;
}

static bool tests_register(const uint8_t *at, size_t room, int reg)
{
	struct full f;

	if (reg < 0 || !decode_full(at, room, &f) || !is_test(&f.insn))
		return false;
	return f.op[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       general(f.op[0].reg.value) == reg;
}

static int written_register(const struct full *f)
{
	const ZydisDecodedOperand *o = &f->op[0];

	if (!f->insn.operand_count || o->type != ZYDIS_OPERAND_TYPE_REGISTER ||
	    !(o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
		return -1;
	return general(o->reg.value);
}

size_t code_rip_operands(const void *fn, size_t within, struct code_operand *ret,
			 size_t room)
{
	const uint8_t *at = fn, *end = at + within;
	struct full f;
	size_t n = 0;

	for (; at < end && n < room; at += f.insn.length) {
		const uint8_t *next;

		if (!decode_full(at, end - at, &f))
			break;
		if (!names_by_rip(&f.insn))
			continue;
		next = at + f.insn.length;
		for (int i = 0; i < f.insn.operand_count; i++) {
			const ZydisDecodedOperand *o = &f.op[i];
			struct code_operand c = { .at = at };

			if (o->type != ZYDIS_OPERAND_TYPE_MEMORY ||
			    o->mem.base != ZYDIS_REGISTER_RIP)
				continue;
			c.addr = (void *)(next + o->mem.disp.value);
			if (o->mem.type == ZYDIS_MEMOP_TYPE_MEM) {
				c.size = o->size / 8;
				c.load = o->actions & ZYDIS_OPERAND_ACTION_MASK_READ;
				c.store = o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
			}
			c.tested = is_test(&f.insn) ||
				   (c.load && tests_register(next, end - next,
							     written_register(&f)));
			ret[n++] = c;
			break;
		}
	}
	return n;
}

/* The address of a memory operand, where the known registers give one; or 0. */
static uintptr_t address_of(const ZydisDecodedOperand *o, const uint8_t *next,
			    const struct known regs[16])
{
	const struct known *k;
	uintptr_t base;
	int r;

	/* A segment is thread-local storage, an index is an array. */
	if (o->mem.index != ZYDIS_REGISTER_NONE || o->mem.segment == ZYDIS_REGISTER_FS ||
	    o->mem.segment == ZYDIS_REGISTER_GS)
		return 0;
	if (o->mem.base == ZYDIS_REGISTER_RIP)
		return (uintptr_t)next + o->mem.disp.value;
	if (o->mem.base == ZYDIS_REGISTER_NONE)
		return o->mem.disp.value;	/* an executable at a fixed address */
	r = general(o->mem.base);
	if (r < 0)
		return 0;
	k = &regs[r];
	if (k->what == ADDRESS)
		return k->addr + o->mem.disp.value;
	if (k->what != LOADED || k->size != sizeof(base))
		return 0;
	memcpy(&base, (const void *)k->addr, sizeof(base));
	return base ? base + o->mem.disp.value : 0;
}

/* Takes one instruction's effect into what is known of the registers. */
static void learn(const struct full *f, const uint8_t *next, struct known regs[16])
{
	const ZydisDecodedOperand *dst = &f->op[0], *src = &f->op[1];
	struct known k = { ANYTHING };
	int r = written_register(f);

	if (r >= 0 && f->insn.mnemonic == ZYDIS_MNEMONIC_LEA) {
		k.addr = address_of(src, next, regs);
		k.what = k.addr ? ADDRESS : ANYTHING;
	} else if (r >= 0 && f->insn.mnemonic == ZYDIS_MNEMONIC_MOV) {
		if (src->type == ZYDIS_OPERAND_TYPE_MEMORY && dst->size >= 32) {
			k.addr = address_of(src, next, regs);
			k.size = src->size / 8;
			k.what = k.addr ? LOADED : ANYTHING;
		} else if (src->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && dst->size >= 32) {
			k.addr = dst->size == 32 ? (uint32_t)src->imm.value.u
						 : src->imm.value.u;
			k.what = ADDRESS;
		} else if (src->type == ZYDIS_OPERAND_TYPE_REGISTER && dst->size == 64 &&
			   general(src->reg.value) >= 0) {
			k = regs[general(src->reg.value)];
		}
	}
	for (int i = 0; i < f->insn.operand_count; i++) {
		const ZydisDecodedOperand *o = &f->op[i];

		if (o->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    (o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) &&
		    general(o->reg.value) >= 0)
			regs[general(o->reg.value)].what = ANYTHING;
	}
	if (r >= 0)
		regs[r] = k;
}

void *code_first_tested(const void *fn, size_t within, size_t *ret_size)
{
	const uint8_t *at = fn, *end = at + within;
	struct known regs[16] = { 0 };
	struct full f;

	for (; at < end; at += f.insn.length) {
		const ZydisDecodedOperand *o = &f.op[0];
		uintptr_t addr = 0;
		uint16_t size = 0;

		if (!decode_full(at, end - at, &f))
			return NULL;
		if (!is_test(&f.insn)) {
			enum code_flow flow = flow_of(&f.insn);

			if (flow != CODE_NEXT && flow != CODE_JCC)
				return NULL;
			learn(&f, at + f.insn.length, regs);
			continue;
		}
		/* `cmp reg, mem` is turned round: what is asked about is the memory. */
		if (o->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    f.op[1].type == ZYDIS_OPERAND_TYPE_MEMORY)
			o = &f.op[1];
		if (o->type == ZYDIS_OPERAND_TYPE_MEMORY) {
			addr = address_of(o, at + f.insn.length, regs);
			size = o->size / 8;
		} else if (general(o->reg.value) >= 0 &&
			   regs[general(o->reg.value)].what == LOADED) {
			addr = regs[general(o->reg.value)].addr;
			size = regs[general(o->reg.value)].size;
		}
		if (addr && ret_size)
			*ret_size = size;
		return (void *)addr;
	}
	return NULL;
}
