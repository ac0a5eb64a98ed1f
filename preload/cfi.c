#include "cfi.h"
#include "dwarf.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>

/* Weak: the library also loads where the C library is older than 2.35, and finds no rules. */
#pragma weak _dl_find_object

static uintptr_t loader_base;

void cfi_setup(void)
{
	loader_base = getauxval(AT_BASE);
}

/* --- where a module keeps it ---------------------------------------------------------- */

/*
 * The loaded segment around s->hdr, out of the module's own program headers, which every
 * linker puts into its first page; between segments there may be holes.  Of a module with
 * other things in its holes (node moves its code to huge pages) the loader itself tells
 * the segments apart; then what it says about the place of the tables has to do.
 */
static void find_segment(struct dl_find_object *o, struct cfi_section *s)
{
	const uint8_t *start = o->dlfo_map_start;
	const Elf64_Ehdr *eh;
	const Elf64_Phdr *ph, *end;
	uintptr_t bias = 0, at = (uintptr_t)s->hdr;
	bool first = true;

	if (at - (uintptr_t)start >= (size_t)((uint8_t *)o->dlfo_map_end - start)
			&& _dl_find_object((void *)at, o))
		return;
	start = o->dlfo_map_start;
	eh = o->dlfo_map_start;
	s->lo = start;
	s->hi = o->dlfo_map_end;
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) || eh->e_phentsize != sizeof(*ph))
		return;
	if (eh->e_phoff > 4096 || eh->e_phoff + eh->e_phnum * sizeof(*ph) > 4096)
		return;
	ph = (const void *)(start + eh->e_phoff);
	for (end = ph + eh->e_phnum; ph < end; ph++) {
		if (ph->p_type != PT_LOAD)
			continue;
		if (first)
			bias = (uintptr_t)start - (ph->p_vaddr & -4096ul);
		first = false;
		if (at - (bias + ph->p_vaddr) >= ph->p_filesz)
			continue;
		s->lo = (const uint8_t *)(bias + ph->p_vaddr);
		s->hi = s->lo + ph->p_filesz;
		return;
	}
}

int cfi_section_of(uintptr_t pc, struct cfi_section *ret_section)
{
	struct dl_find_object o;

	if (!_dl_find_object || _dl_find_object((void *)pc, &o))
		return -ENOENT;
	ret_section->loader = (uintptr_t)o.dlfo_map_start == loader_base;
	ret_section->hdr = ret_section->lo = ret_section->hi = o.dlfo_eh_frame;
	if (!o.dlfo_eh_frame)
		return -ENODATA;
	find_segment(&o, ret_section);
	return 0;
}

/* --- entries -------------------------------------------------------------------------- */

enum { ENC_OMIT = 0xff, ENC_PCREL = 0x10, ENC_DATAREL = 0x30, ENC_INDIRECT = 0x80 };

/* A pointer as DW_EH_PE_* encodes it; of an indirect one, the address of the pointer. */
static uintptr_t get_encoded(struct dwarf_bytes *b, uint8_t enc, uintptr_t datarel)
{
	uintptr_t here = (uintptr_t)b->at, v;

	switch (enc & 15) {
	case 0: v = dwarf_get(b, 8); break;
	case 1: v = dwarf_uleb(b); break;
	case 2: v = dwarf_get(b, 2); break;
	case 3: v = dwarf_get(b, 4); break;
	case 4: v = dwarf_get(b, 8); break;
	case 9: v = dwarf_sleb(b); break;
	case 10: v = dwarf_signed(b, 2); break;
	case 11: v = dwarf_signed(b, 4); break;
	case 12: v = dwarf_get(b, 8); break;
	default: b->bad = true; return 0;
	}
	switch (enc & 0x70) {
	case 0: return v;
	case ENC_PCREL: return here + v;
	case ENC_DATAREL: return datarel + v;
	default: b->bad = true; return 0;
	}
}

/* One entry of .eh_frame, its length taken off: either kind. */
struct entry {
	struct dwarf_bytes body;		/* after the id                                     */
	const uint8_t *cie;		/* an FDE's CIE; NULL: is a CIE itself              */
};

/* Leaves b after the entry.  False at the end of .eh_frame, or with b->bad. */
static bool next_entry(struct dwarf_bytes *b, struct entry *e)
{
	uint64_t length = dwarf_get(b, 4);
	const uint8_t *id_at;
	uint32_t id;

	if (length == 0xffffffff)
		length = dwarf_get(b, 8);
	if (length < 4 || length > (uint64_t)(b->end - b->at)) {
		b->bad |= length != 0;
		return false;
	}
	id_at = b->at;
	id = dwarf_get(b, 4);
	e->body = (struct dwarf_bytes){ b->at, id_at + length, false };
	e->cie = id ? id_at - id : NULL;
	b->at = id_at + length;
	return true;
}

static bool read_augmentation(struct dwarf_bytes *b, const uint8_t *text, struct cfi_cie *c)
{
	uint64_t size;
	const uint8_t *end;

	if (!*text)
		return true;
	if (*text != 'z')
		return false;	/* gcc 2's "eh" and unknown ones: no size to skip them by */
	c->has_size = true;
	size = dwarf_uleb(b);
	if (b->bad || size > (uint64_t)(b->end - b->at))
		return false;
	end = b->at + size;
	for (text++; *text; text++) {
		if (*text == 'R') {
			c->fde_enc = dwarf_get(b, 1);
		} else if (*text == 'P') {
			uint8_t enc = dwarf_get(b, 1);
			get_encoded(b, enc & ~ENC_INDIRECT, 0);
		} else if (*text == 'L') {
			dwarf_get(b, 1);
		} else if (*text == 'S') {
			c->signal = true;
		} else if (*text != 'B') {
			break;		/* its size is known, its meaning can wait */
		}
	}
	b->at = end;
	return true;
}

static bool read_cie(const struct cfi_section *s, const uint8_t *at, struct cfi_cie *c)
{
	struct dwarf_bytes b = { at, s->hi, false };
	struct entry e;
	const uint8_t *text;
	uint8_t version;
	uint64_t ra;

	if (at < s->lo || at >= s->hi || !next_entry(&b, &e) || e.cie)
		return false;
	b = e.body;
	*c = (struct cfi_cie){ 0 };
	version = dwarf_get(&b, 1);
	text = b.at;
	while (dwarf_get(&b, 1))
		;
	if (version == 4) {
		if (dwarf_get(&b, 1) != 8 || dwarf_get(&b, 1) != 0)
			return false;	/* size of an address; of a segment selector */
	} else if (version != 1 && version != 3) {
		return false;
	}
	c->code_align = dwarf_uleb(&b);
	c->data_align = dwarf_sleb(&b);
	ra = version == 1 ? dwarf_get(&b, 1) : dwarf_uleb(&b);
	if (b.bad || ra != MACHINE_IP || !read_augmentation(&b, text, c))
		return false;
	c->program = b;
	return !b.bad;
}

static bool read_fde(const struct cfi_section *s, const struct entry *e, struct cfi_fde *f)
{
	struct dwarf_bytes b = e->body;
	uintptr_t hdr = (uintptr_t)s->hdr;

	if (!read_cie(s, e->cie, &f->cie))
		return false;
	f->start = get_encoded(&b, f->cie.fde_enc, hdr);
	f->size = get_encoded(&b, f->cie.fde_enc & 15, 0);
	if (f->cie.has_size)
		dwarf_skip(&b, dwarf_uleb(&b));
	f->program = b;
	return !b.bad;
}

/* --- finding one ---------------------------------------------------------------------- */

/* The table of the header: sorted pairs of 32-bit offsets from the header, the usual form. */
static const uint8_t *search_table(const struct cfi_section *s, struct dwarf_bytes b, uint64_t n,
	uintptr_t pc)
{
	uint64_t lo = 0, hi = n, mid;
	int64_t want = pc - (uintptr_t)s->hdr;
	int32_t pair[2];

	if (n > (uint64_t)(b.end - b.at) / sizeof(pair))
		return NULL;
	while (lo < hi) {
		mid = (lo + hi) / 2;
		memcpy(pair, b.at + mid * sizeof(pair), sizeof(pair));
		if (pair[0] <= want)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return NULL;
	memcpy(pair, b.at + (lo - 1) * sizeof(pair), sizeof(pair));
	return s->hdr + pair[1];
}

static __attribute__((noinline)) int search_all(const struct cfi_section *s, const uint8_t *at, uintptr_t pc,
	struct cfi_fde *f)
{
	struct dwarf_bytes b = { at, s->hi, false };
	struct entry e;

	if (at < s->lo || at >= s->hi)
		return -EINVAL;
	while (next_entry(&b, &e))
		if (e.cie && read_fde(s, &e, f) && pc - f->start < f->size)
			return 0;
	return b.bad ? -EINVAL : -ENODATA;
}

static int find_fde(const struct cfi_section *s, uintptr_t pc, struct cfi_fde *f)
{
	struct dwarf_bytes b = { s->hdr, s->hi, false };
	uint8_t version = dwarf_get(&b, 1), frame_enc = dwarf_get(&b, 1);
	uint8_t count_enc = dwarf_get(&b, 1), table_enc = dwarf_get(&b, 1);
	uintptr_t hdr = (uintptr_t)s->hdr, frame;
	const uint8_t *at;
	struct entry e;
	uint64_t n;

	if (version != 1)
		return -EINVAL;
	frame = get_encoded(&b, frame_enc, hdr);
	if (table_enc != 0x3b || count_enc == ENC_OMIT)
		return b.bad ? -EINVAL : search_all(s, (const uint8_t *)frame, pc, f);
	n = get_encoded(&b, count_enc, hdr);
	if (b.bad)
		return -EINVAL;
	at = search_table(s, b, n, pc);
	if (!at)
		return -ENODATA;
	b = (struct dwarf_bytes){ at, s->hi, false };
	if (at < s->lo || at >= s->hi || !next_entry(&b, &e) || !e.cie || !read_fde(s, &e, f))
		return -EINVAL;
	return pc - f->start < f->size ? 0 : -ENODATA;
}

/* --- running its program -------------------------------------------------------------- */

struct run {
	struct cfi_work *w;
	const struct cfi_cie *cie;
	uintptr_t loc, pc;
	unsigned nested;
	bool bad;
};

/* Registers beyond ours (the vector ones) are taken note of by nobody. */
static void set(struct run *r, uint64_t reg, enum cfi_how how, int64_t value)
{
	if (reg >= MACHINE_NREGS)
		return;
	r->w->row.how[reg] = how;
	r->w->row.value[reg] = value;
}

static void restore(struct run *r, uint64_t reg)
{
	if (reg < MACHINE_NREGS)
		set(r, reg, r->w->initial.how[reg], r->w->initial.value[reg]);
}

static void set_cfa(struct run *r, uint64_t reg, int64_t value)
{
	r->bad |= reg >= MACHINE_NREGS;
	r->w->row.cfa_reg = reg;
	r->w->row.cfa_value = value;
	r->w->row.cfa_expression = false;
}

static int64_t expression(struct dwarf_bytes *b)
{
	const uint8_t *at = b->at;

	dwarf_skip(b, dwarf_uleb(b));
	return (int64_t)(uintptr_t)at;
}

static void remember(struct run *r)
{
	if (r->nested == CFI_NESTED)
		r->bad = true;
	else
		r->w->saved[r->nested++] = r->w->row;
}

static void recall(struct run *r)
{
	if (!r->nested)
		r->bad = true;
	else
		r->w->row = r->w->saved[--r->nested];
}

/* The instructions that are not packed into the two top bits, by their DWARF numbers. */
static void run_extended(struct run *r, uint8_t op, struct dwarf_bytes *b)
{
	struct cfi_row *row = &r->w->row;
	int64_t factor = r->cie->data_align;
	uint64_t reg;

	switch (op) {
	case 0x00: break;						/* nop */
	case 0x01: r->loc = get_encoded(b, r->cie->fde_enc, 0); break;	/* set_loc */
	case 0x02: r->loc += dwarf_get(b, 1) * r->cie->code_align; break;	/* advance_loc1 */
	case 0x03: r->loc += dwarf_get(b, 2) * r->cie->code_align; break;
	case 0x04: r->loc += dwarf_get(b, 4) * r->cie->code_align; break;
	case 0x05:							/* offset_extended */
		reg = dwarf_uleb(b);
		set(r, reg, CFI_AT, (int64_t)dwarf_uleb(b) * factor);
		break;
	case 0x06: restore(r, dwarf_uleb(b)); break;			/* restore_extended */
	case 0x07: set(r, dwarf_uleb(b), CFI_UNDEFINED, 0); break;
	case 0x08: set(r, dwarf_uleb(b), CFI_SAME, 0); break;
	case 0x09:							/* register */
		reg = dwarf_uleb(b);
		set(r, reg, CFI_REGISTER, dwarf_uleb(b));
		break;
	case 0x0a: remember(r); break;
	case 0x0b: recall(r); break;
	case 0x0c:							/* def_cfa */
		reg = dwarf_uleb(b);
		set_cfa(r, reg, dwarf_uleb(b));
		break;
	case 0x0d: set_cfa(r, dwarf_uleb(b), row->cfa_value); break;	/* def_cfa_register */
	case 0x0e: set_cfa(r, row->cfa_reg, dwarf_uleb(b)); break;	/* def_cfa_offset */
	case 0x0f:							/* def_cfa_expression */
		row->cfa_expression = true;
		row->cfa_value = expression(b);
		break;
	case 0x10:							/* expression */
		reg = dwarf_uleb(b);
		set(r, reg, CFI_AT_EXPRESSION, expression(b));
		break;
	case 0x11:							/* offset_extended_sf */
		reg = dwarf_uleb(b);
		set(r, reg, CFI_AT, dwarf_sleb(b) * factor);
		break;
	case 0x12:							/* def_cfa_sf */
		reg = dwarf_uleb(b);
		set_cfa(r, reg, dwarf_sleb(b) * factor);
		break;
	case 0x13: set_cfa(r, row->cfa_reg, dwarf_sleb(b) * factor); break;
	case 0x14:							/* val_offset */
		reg = dwarf_uleb(b);
		set(r, reg, CFI_IS, (int64_t)dwarf_uleb(b) * factor);
		break;
	case 0x15:							/* val_offset_sf */
		reg = dwarf_uleb(b);
		set(r, reg, CFI_IS, dwarf_sleb(b) * factor);
		break;
	case 0x16:							/* val_expression */
		reg = dwarf_uleb(b);
		set(r, reg, CFI_IS_EXPRESSION, expression(b));
		break;
	case 0x2e: dwarf_uleb(b); break;					/* GNU_args_size */
	case 0x2f:					/* GNU_negative_offset_extended */
		reg = dwarf_uleb(b);
		set(r, reg, CFI_AT, -(int64_t)dwarf_uleb(b) * factor);
		break;
	default: r->bad = true;
	}
}

/* Up to the row of r->pc, or the end. */
static bool run(struct run *r, struct dwarf_bytes b)
{
	uint8_t op, low;

	while (b.at < b.end && !b.bad && !r->bad) {
		op = dwarf_get(&b, 1);
		low = op & 63;
		switch (op >> 6) {
		case 1: r->loc += low * r->cie->code_align; break;
		case 2: set(r, low, CFI_AT, (int64_t)dwarf_uleb(&b) * r->cie->data_align); break;
		case 3: restore(r, low); break;
		default: run_extended(r, low, &b);
		}
		if (r->loc > r->pc)
			break;
	}
	return !b.bad && !r->bad;
}

int cfi_read(const struct cfi_section *s, uintptr_t pc, struct cfi_work *w)
{
	struct cfi_fde *f = &w->fde;
	struct run r = { w, &f->cie, 0, pc, 0, false };
	int err = find_fde(s, pc, f);

	if (err)
		return err;
	memset(&w->row, 0, sizeof(w->row));
	w->initial = w->row;
	if (!run(&r, f->cie.program))
		return -EINVAL;
	w->initial = w->row;
	r.loc = f->start;
	if (!run(&r, f->program))
		return -EINVAL;
	w->row.signal = f->cie.signal;
	w->row.end = s->hi;
	w->row.start = f->start;
	return 0;
}
