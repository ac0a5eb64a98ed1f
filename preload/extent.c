/*
 * extent.c - the bounds of functions, out of .eh_frame_hdr and .dynsym
 *
 * The tables are the loader's own view of mapped modules, so they are trusted to be well
 * formed, as the C++ runtime trusts them; encodings that linkers don't produce are
 * answered with "not known".
 */
#include "extent.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>

/* DW_EH_PE_*: the low four bits are the format, the next three what it is relative to. */
enum {
	PE_ABSPTR = 0x00, PE_UDATA4 = 0x03, PE_UDATA8 = 0x04, PE_SDATA4 = 0x0b,
	PE_SDATA8 = 0x0c, PE_PCREL = 0x10, PE_DATAREL = 0x30, PE_OMIT = 0xff,
};

/* The search table of .eh_frame_hdr in the one form that linkers write. */
struct hdr_entry {
	int32_t pc, fde;	/* both relative to the header */
};

static uint64_t uleb(const uint8_t **p)
{
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t b;

	do {
		b = *(*p)++;
		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		shift += 7;
	} while (b & 0x80);
	return v;
}

/* Bytes of an encoded pointer; 0: not known. */
static size_t encoded_size(uint8_t enc)
{
	switch (enc & 0x0f) {
	case PE_UDATA4:
	case PE_SDATA4:
		return 4;
	case PE_ABSPTR:
	case PE_UDATA8:
	case PE_SDATA8:
		return 8;
	default:
		return 0;
	}
}

static uint64_t encoded(const uint8_t *p, uint8_t enc)
{
	uint64_t v8;
	uint32_t v4;

	if (encoded_size(enc) == 8) {
		memcpy(&v8, p, 8);
		return v8;
	}
	memcpy(&v4, p, 4);
	return (enc & 0x0f) == PE_SDATA4 ? (uint64_t)(int64_t)(int32_t)v4 : v4;
}

/* How the FDEs of this CIE write addresses; PE_OMIT: not known. */
static uint8_t cie_encoding(const uint8_t *cie)
{
	const uint8_t *p = cie + 8;
	const char *aug;
	uint8_t version = *p++;

	aug = (const char *)p;
	p += strlen(aug) + 1;
	if (aug[0] != 'z')
		return aug[0] ? PE_OMIT : PE_ABSPTR;
	uleb(&p);			/* code alignment */
	uleb(&p);			/* data alignment: signed, but as long */
	if (version == 1)
		p++;			/* return address register */
	else
		uleb(&p);
	uleb(&p);			/* size of what follows */
	for (aug++; *aug; aug++) {
		switch (*aug) {
		case 'R':
			return *p;
		case 'L':
			p++;
			break;
		case 'P':
			if (!encoded_size(*p))
				return PE_OMIT;
			p += 1 + encoded_size(*p);
			break;
		case 'S':
		case 'B':
			break;
		default:
			return PE_OMIT;
		}
	}
	return PE_ABSPTR;
}

/* The last entry that begins at or before pc; NULL: none. */
static const struct hdr_entry *hdr_search(const uint8_t *hdr, const uint8_t *pc)
{
	const struct hdr_entry *table;
	size_t lo = 0, hi, skip;
	uint32_t n;

	if (hdr[0] != 1 || hdr[2] != PE_UDATA4 || hdr[3] != (PE_DATAREL | PE_SDATA4))
		return NULL;
	skip = encoded_size(hdr[1]);
	if (!skip)
		return NULL;
	memcpy(&n, hdr + 4 + skip, 4);
	table = (const void *)(hdr + 4 + skip + 4);
	for (hi = n; lo < hi; ) {
		size_t mid = lo + (hi - lo) / 2;

		if (hdr + table[mid].pc <= pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? &table[lo - 1] : NULL;
}

static int look_into(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct dl_find_object *o = arg;
	uintptr_t pc = (uintptr_t)o->dlfo_map_start, start = UINTPTR_MAX, end = 0;
	void *table = NULL;
	bool in = false;

	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t at = info->dlpi_addr + p->p_vaddr;

		if (p->p_type == PT_GNU_EH_FRAME)
			table = (void *)at;
		if (p->p_type != PT_LOAD)
			continue;
		in |= pc - at < p->p_memsz;
		start = at < start ? at : start;
		end = at + p->p_memsz > end ? at + p->p_memsz : end;
	}
	if (!in)
		return 0;
	o->dlfo_map_start = (void *)start;
	o->dlfo_map_end = (void *)end;
	o->dlfo_eh_frame = table;
	return 1;
}

int extent_module(const void *pc, struct dl_find_object *ret)
{
	struct dl_find_object o = { .dlfo_map_start = (void *)pc };

	if (!_dl_find_object((void *)pc, ret))
		return 0;
	if (!dl_iterate_phdr(look_into, &o))
		return -ENOENT;
	*ret = o;
	return 0;
}

int extent_by_cfi(const void *pc, struct extent *ret)
{
	const struct hdr_entry *e;
	struct dl_find_object module;
	const uint8_t *hdr, *fde, *begin;
	uint32_t length, back;
	uint64_t range;
	uint8_t enc;

	if (extent_module(pc, &module) || !module.dlfo_eh_frame)
		return -ENOENT;
	hdr = module.dlfo_eh_frame;
	e = hdr_search(hdr, pc);
	if (!e)
		return -ENOENT;
	fde = hdr + e->fde;
	memcpy(&length, fde, 4);
	if (length == UINT32_MAX)	/* the 64-bit form: nobody has that much code */
		return -ENOENT;
	memcpy(&back, fde + 4, 4);
	enc = cie_encoding(fde + 4 - back);
	if (!encoded_size(enc))
		return -ENOENT;
	begin = hdr + e->pc;
	/* A length is not relative to anything, and has no sign. */
	range = encoded(fde + 8 + encoded_size(enc),
			encoded_size(enc) == 4 ? PE_UDATA4 : PE_UDATA8);
	if ((uintptr_t)pc - (uintptr_t)begin >= range)
		return -ENOENT;
	*ret = (struct extent){ .begin = begin, .end = begin + range };
	return 0;
}

int extent_of(const void *pc, struct extent *ret)
{
	struct extent x = { 0 };
	const ElfW(Sym) *sym = NULL;
	Dl_info info;
	bool named;

	named = dladdr1(pc, &info, (void **)&sym, RTLD_DL_SYMENT) && sym &&
		info.dli_saddr == pc;
	if (extent_by_cfi(pc, &x)) {
		if (!named || !sym->st_size)
			return -ENOENT;
		x.begin = pc;
		x.end = x.begin + sym->st_size;
	}
	x.resolver = named && ELF64_ST_TYPE(sym->st_info) == STT_GNU_IFUNC;
	*ret = x;
	return 0;
}
