/*
 * native_symbols.c - the symbols of one file, sorted
 */
#include "native.h"

#include "native_private.h"

#include <stdlib.h>
#include <string.h>

/* Those of one address: the name that others link with first, then that with an extent. */
static int by_address(const void *a, const void *b)
{
	const struct native_row *p = a, *q = b;

	if (p->address != q->address)
		return p->address < q->address ? -1 : 1;
	if (p->rank != q->rank)
		return p->rank > q->rank ? -1 : 1;
	if (p->size != q->size)
		return p->size > q->size ? -1 : 1;
	return strcmp(p->name, q->name);
}

static int rank_of(const GElf_Sym *s)
{
	switch (GELF_ST_BIND(s->st_info)) {
	case STB_GLOBAL:
		return 2;
	case STB_WEAK:
		return 1;
	default:
		return 0;
	}
}

static void add_symbol(struct native *n, int i)
{
	struct native_row *row = &n->symbol[n->symbols];
	GElf_Sym symbol;
	GElf_Addr address;
	const char *name =
		dwfl_module_getsym_info(n->module, i, &symbol, &address, NULL, NULL, NULL);
	int type = GELF_ST_TYPE(symbol.st_info);

	if (!name || !*name || symbol.st_shndx == SHN_UNDEF || symbol.st_shndx == SHN_ABS ||
	    type == STT_SECTION || type == STT_FILE || type == STT_TLS)
		return;
	*row = (struct native_row){ .address = address, .size = symbol.st_size, .name = name,
		.rank = rank_of(&symbol), .datum = type == STT_OBJECT };
	n->symbols++;
}

/* libdw looks at every symbol for each address: here they are sorted, once. */
static bool has_symbols(struct native *n)
{
	int count = n->module && !n->symbol ? dwfl_module_getsymtab(n->module) : 0;

	if (count > 0)
		n->symbol = calloc((size_t)count, sizeof(*n->symbol));
	if (!n->symbol)
		return false;
	for (int i = 1; i < count; i++)
		add_symbol(n, i);
	if (count > 0)
		qsort(n->symbol, n->symbols, sizeof(*n->symbol), by_address);
	return n->symbols;
}

/* The first of those that begin last at the address or before; `symbols`: there is none. */
static uint32_t find_symbol(const struct native *n, uint64_t address)
{
	uint32_t low = 0, high = n->symbols;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (n->symbol[mid].address <= address)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return n->symbols;
	low--;
	while (low && n->symbol[low - 1].address == n->symbol[low].address)
		low--;
	return low;
}

/*
 * What an address is beyond the end of is not its name, however near; of symbols without
 * an extent (assembler's) the one right before it is.
 */
#define AROUND 16			/* symbols may lie within others: look back so far */

const char *native_symbol(struct native *n, uint64_t address, uint64_t *ret_offset)
{
	uint32_t at = has_symbols(n) ? find_symbol(n, address) : 0;

	if (!n->symbols || at == n->symbols)
		return NULL;
	for (uint32_t i = at + 1, back = 0; i-- > 0 && back < AROUND; back++) {
		const struct native_row *row = &n->symbol[i];

		if (address - row->address < row->size || (i == at && !row->size)) {
			*ret_offset = address - row->address;
			return row->name;
		}
	}
	return NULL;
}

void native_each_datum(struct native *n,
	void (*each)(void *arg, const char *name, uint64_t address, uint64_t size), void *arg)
{
	if (!has_symbols(n))
		return;
	for (uint32_t i = 0; i < n->symbols; i++)
		if (n->symbol[i].datum)
			each(arg, n->symbol[i].name, n->symbol[i].address, n->symbol[i].size);
}
