/*
 * native_data.c - variables at fixed addresses, by DWARF
 *
 * They have no index by address: compilation units are gone through once, their
 * variables at the top and those declared static in functions.
 */
#include "native_private.h"

#include "mem.h"

#include <dwarf.h>
#include <stdlib.h>

#define DEPTH 64			/* of blocks in blocks; what is deeper is not found */

struct native_data {
	struct variable {
		uint64_t address;	/* of the file                               */
		Dwarf_Die die;
	} *variable;			/* by address                                */
	uint32_t n, cap;
};

/* Is this a variable that lies at a fixed address? */
static bool is_fixed(Dwarf_Die *die, uint64_t *ret_address)
{
	Dwarf_Attribute at;
	Dwarf_Op *op;
	size_t n;

	if (dwarf_tag(die) != DW_TAG_variable || !dwarf_attr(die, DW_AT_location, &at) ||
	    dwarf_getlocation(&at, &op, &n) || n != 1 || op[0].atom != DW_OP_addr)
		return false;
	*ret_address = op[0].number;
	return true;
}

static bool has_children_of_interest(Dwarf_Die *die)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_subprogram:
	case DW_TAG_lexical_block:
	case DW_TAG_namespace:
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
		return dwarf_haschildren(die);
	default:
		return false;
	}
}

static int take(struct native_data *d, Dwarf_Die *die, uint64_t bias)
{
	uint64_t address;

	if (!is_fixed(die, &address))
		return 0;
	if (mem_room(&d->variable, d->n, &d->cap, sizeof(*d->variable)))
		return -1;
	d->variable[d->n++] = (struct variable){ address + bias, *die };
	return 0;
}

/* -1: no memory. */
static int search_unit(struct native_data *d, Dwarf_Die *unit, uint64_t bias)
{
	Dwarf_Die at[DEPTH];
	unsigned depth = 0;

	if (dwarf_child(unit, &at[0]))
		return 0;
	for (;;) {
		if (take(d, &at[depth], bias))
			return -1;
		if (depth + 1 < DEPTH && has_children_of_interest(&at[depth]) &&
		    !dwarf_child(&at[depth], &at[depth + 1])) {
			depth++;
			continue;
		}
		while (dwarf_siblingof(&at[depth], &at[depth])) {
			if (!depth)
				return 0;
			depth--;
		}
	}
}

static int by_address(const void *a, const void *b)
{
	const struct variable *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static const struct native_data *load(struct native *n)
{
	Dwarf_Die *unit = NULL;
	Dwarf_Addr bias;

	if (n->data)
		return n->data;
	n->data = calloc(1, sizeof(*n->data));
	while (n->data && (unit = dwfl_module_nextcu(n->module, unit, &bias)))
		if (search_unit(n->data, unit, bias))
			break;
	if (n->data && n->data->n)
		qsort(n->data->variable, n->data->n, sizeof(*n->data->variable), by_address);
	return n->data;
}

void native_data_free(struct native_data *d)
{
	if (d)
		mem_free(d->variable);
	free(d);
}

bool native_variable_die(struct native *n, uint64_t address, Dwarf_Die *ret, uint64_t *ret_offset)
{
	const struct native_data *d;
	uint32_t lo = 0, hi;

	/* Its own address; what was asked for may lie within it. */
	if (!n->module || !native_symbol(n, address, ret_offset))
		return false;
	address -= *ret_offset;
	d = load(n);
	for (hi = d ? d->n : 0; lo < hi; ) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (d->variable[mid].address < address)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!d || lo == d->n || d->variable[lo].address != address)
		return false;
	*ret = d->variable[lo].die;
	return true;
}

/* One with an address may say where it is declared by another that it specifies. */
bool native_variable(struct native *n, uint64_t address, const char **ret_file, uint32_t *ret_line)
{
	Dwarf_Attribute at;
	Dwarf_Word line = 0;
	Dwarf_Die die;
	uint64_t offset;

	if (!native_variable_die(n, address, &die, &offset))
		return false;
	*ret_file = dwarf_decl_file(&die);
	if (dwarf_attr_integrate(&die, DW_AT_decl_line, &at))
		dwarf_formudata(&at, &line);
	*ret_line = (uint32_t)line;
	return *ret_file;
}
