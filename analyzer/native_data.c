/*
 * native_data.c - where a variable is declared, by DWARF
 *
 * Variables have no index by address: compilation units are gone through, their
 * variables at the top and those declared static in functions.
 */
#include "native_private.h"

#include <dwarf.h>

#define DEPTH 64			/* of blocks in blocks; what is deeper is not found */

/* Is this a variable that lies at a fixed address, this one? */
static bool is_at(Dwarf_Die *die, uint64_t address)
{
	Dwarf_Attribute at;
	Dwarf_Op *op;
	size_t n;

	return dwarf_tag(die) == DW_TAG_variable && dwarf_attr(die, DW_AT_location, &at) &&
		!dwarf_getlocation(&at, &op, &n) && n == 1 && op[0].atom == DW_OP_addr &&
		op[0].number == address;
}

/* One with an address may say where it is declared by another that it specifies. */
static bool take_place(Dwarf_Die *die, const char **ret_file, uint32_t *ret_line)
{
	Dwarf_Attribute at;
	Dwarf_Word line = 0;

	*ret_file = dwarf_decl_file(die);
	if (dwarf_attr_integrate(die, DW_AT_decl_line, &at))
		dwarf_formudata(&at, &line);
	*ret_line = (uint32_t)line;
	return *ret_file;
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

static bool search_unit(Dwarf_Die *unit, uint64_t address, const char **ret_file, uint32_t *ret_line)
{
	Dwarf_Die at[DEPTH];
	unsigned depth = 0;

	if (dwarf_child(unit, &at[0]))
		return false;
	for (;;) {
		if (is_at(&at[depth], address))
			return take_place(&at[depth], ret_file, ret_line);
		if (depth + 1 < DEPTH && has_children_of_interest(&at[depth]) &&
		    !dwarf_child(&at[depth], &at[depth + 1])) {
			depth++;
			continue;
		}
		while (dwarf_siblingof(&at[depth], &at[depth])) {
			if (!depth)
				return false;
			depth--;
		}
	}
}

bool native_variable(struct native *n, uint64_t address, const char **ret_file, uint32_t *ret_line)
{
	Dwarf_Die *unit = NULL;
	Dwarf_Addr bias;
	uint64_t offset;

	/* Its own address; what was asked for may lie within it. */
	if (!n->module || !native_symbol(n, address, &offset))
		return false;
	while ((unit = dwfl_module_nextcu(n->module, unit, &bias)))
		if (search_unit(unit, address - offset - bias, ret_file, ret_line))
			return true;
	return false;
}
