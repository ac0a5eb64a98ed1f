#include "native_types.h"

#include "native_private.h"

#include <dwarf.h>
#include <string.h>

#define NESTED_MOST 64			/* levels of members, of names               */

static_assert(sizeof(struct native_type) == sizeof(Dwarf_Die), "it is one");

static Dwarf_Die die_of(const struct native_type *t)
{
	Dwarf_Die d;

	memcpy(&d, t, sizeof(d));
	return d;
}

static bool type_of(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute at;

	return dwarf_attr_integrate(die, DW_AT_type, &at) && dwarf_formref_die(&at, ret);
}

/* Without typedefs, const and the like. */
static bool peel(Dwarf_Die *die)
{
	Dwarf_Die bare;

	if (dwarf_peel_type(die, &bare))
		return false;
	*die = bare;
	return true;
}

static uint64_t size_of(Dwarf_Die *die)
{
	Dwarf_Word n;

	return dwarf_hasattr(die, DW_AT_declaration) || dwarf_aggregate_size(die, &n) ? 0 : n;
}

uint64_t native_type_size(const struct native_type *t)
{
	Dwarf_Die d = die_of(t);

	return t->die[0] && peel(&d) ? size_of(&d) : 0;
}

bool native_variable_type(struct native *n, uint64_t address, struct native_type *ret,
	uint64_t *ret_offset)
{
	Dwarf_Die variable, type;

	if (!native_variable_die(n, address, &variable, ret_offset) || !type_of(&variable, &type))
		return false;
	memcpy(ret, &type, sizeof(type));
	return true;
}

/* --- members -------------------------------------------------------------------------- */

static bool number(Dwarf_Die *die, unsigned name, uint64_t *ret)
{
	Dwarf_Attribute at;
	Dwarf_Word n;

	if (!dwarf_attr_integrate(die, name, &at) || dwarf_formudata(&at, &n))
		return false;
	*ret = n;
	return true;
}

/* One that stands at a fixed place in each object. */
static bool is_member(Dwarf_Die *die, uint64_t *ret_at)
{
	int tag = dwarf_tag(die);

	if (tag != DW_TAG_member && tag != DW_TAG_inheritance)
		return false;
	return !dwarf_hasattr(die, DW_AT_bit_size) && !dwarf_hasattr(die, DW_AT_data_bit_offset) &&
		number(die, DW_AT_data_member_location, ret_at);
}

/* An array without a bound goes on to the end of its block. */
static bool is_endless(Dwarf_Die *type)
{
	Dwarf_Die bare = *type;

	return peel(&bare) && dwarf_tag(&bare) == DW_TAG_array_type && !size_of(&bare);
}

bool native_type_is_open(const struct native_type *t)
{
	Dwarf_Die d = die_of(t), member, type;
	bool open = false;

	if (!t->die[0] || !peel(&d) || dwarf_tag(&d) != DW_TAG_structure_type || dwarf_child(&d, &member))
		return false;
	do {
		if (dwarf_tag(&member) == DW_TAG_member)
			open = type_of(&member, &type) && is_endless(&type);
	} while (!dwarf_siblingof(&member, &member));
	return open;
}

static bool step_into_struct(Dwarf_Die *die, uint64_t *offset, struct buf *path)
{
	Dwarf_Die member, type;
	uint64_t at;

	if (dwarf_child(die, &member))
		return false;
	do {
		const char *name;

		if (!is_member(&member, &at) || *offset < at || !type_of(&member, &type))
			continue;
		if (*offset - at >= size_of(&type) && !is_endless(&type))
			continue;
		name = dwarf_tag(&member) == DW_TAG_member ? dwarf_diename(&member) : NULL;
		if (name)
			buf_printf(path, ".%s", name);
		*offset -= at;
		*die = type;
		return true;
	} while (!dwarf_siblingof(&member, &member));
	return false;
}

/* Of one dimension. */
static bool step_into_array(Dwarf_Die *die, uint64_t *offset, struct buf *path)
{
	Dwarf_Die range, next, element;
	uint64_t bytes;

	if (dwarf_child(die, &range) || !dwarf_siblingof(&range, &next) || !type_of(die, &element))
		return false;
	bytes = size_of(&element);
	if (!bytes)
		return false;
	buf_printf(path, "[%llu]", (unsigned long long)(*offset / bytes));
	*offset %= bytes;
	*die = element;
	return true;
}

bool native_pointer_at(const struct native_type *t, uint64_t offset, struct buf *path,
	struct native_type *ret_target)
{
	Dwarf_Die d = die_of(t), target;

	*ret_target = (struct native_type){ { NULL } };
	for (int level = 0; level < NESTED_MOST && t->die[0] && peel(&d); level++)
		switch (dwarf_tag(&d)) {
		case DW_TAG_structure_type:
		case DW_TAG_class_type:
			if (!step_into_struct(&d, &offset, path))
				return false;
			break;
		case DW_TAG_array_type:
			if (!step_into_array(&d, &offset, path))
				return false;
			break;
		case DW_TAG_pointer_type:
		case DW_TAG_reference_type:
		case DW_TAG_rvalue_reference_type:
			if (offset)
				return false;
			if (type_of(&d, &target))
				memcpy(ret_target, &target, sizeof(target));
			return true;
		default:
			return false;
		}
	return false;
}

/* --- names ---------------------------------------------------------------------------- */

static bool is_c(Dwarf_Die *die)
{
	Dwarf_Die unit;

	if (!dwarf_diecu(die, &unit, NULL, NULL))
		return false;
	switch (dwarf_srclang(&unit)) {
	case DW_LANG_C89:
	case DW_LANG_C:
	case DW_LANG_C99:
	case DW_LANG_C11:
		return true;
	default:
		return false;
	}
}

/* What has no name of its own goes by that of its typedef. */
bool native_type_name(const struct native_type *t, struct buf *ret)
{
	Dwarf_Die d = die_of(t), next;
	const char *alias = NULL, *name;
	unsigned pointers = 0;

	for (int level = 0; level < NESTED_MOST && t->die[0]; level++) {
		int tag = dwarf_tag(&d);

		if (tag == DW_TAG_typedef) {
			alias = alias ? alias : dwarf_diename(&d);
		} else if (tag == DW_TAG_pointer_type) {
			pointers++;
			alias = NULL;
		} else if (tag != DW_TAG_const_type && tag != DW_TAG_volatile_type &&
			   tag != DW_TAG_restrict_type && tag != DW_TAG_atomic_type) {
			name = dwarf_diename(&d);
			if (!name && !alias)
				return false;
			if (name && tag == DW_TAG_structure_type && is_c(&d))
				buf_puts(ret, "struct ");
			buf_puts(ret, name ? name : alias);
			buf_puts(ret, pointers ? " " : "");
			while (pointers--)
				buf_putc(ret, '*');
			return true;
		}
		if (!type_of(&d, &next))
			return false;
		d = next;
	}
	return false;
}
