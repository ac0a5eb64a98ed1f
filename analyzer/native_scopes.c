/*
 * native_scopes.c - from an address to the functions around it, without a walk for each
 *
 * libdw finds the scopes of an address by going through its compilation unit from
 * the start, and the unit itself only where the compiler wrote .debug_aranges (clang and
 * rustc do not).  Here units are listed once, functions of a unit when it is first
 * asked for, and what was inlined into a function when that is.
 */
#include "native.h"

#include "mem.h"
#include "native_private.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

/* Code that belongs to row `of` of some list. */
struct range {
	uint64_t low, high;
	uint32_t of;
};

struct ranges {
	struct range *range;
	uint32_t n, room;
};

struct inlined {
	uint64_t low, high;
	uint32_t depth;
	Dwarf_Die die;
};

struct function {
	Dwarf_Die die;
	struct inlined *inlined;
	uint32_t count, room;
	bool known;
};

struct unit {
	Dwarf_Die die;
	uint64_t bias;
	struct ranges ranges;		/* of functions                                  */
	struct function *function;
	uint32_t functions, room;
	bool known;
};

struct native_scopes {
	struct unit *unit;
	uint32_t units, room;
	struct ranges ranges;		/* of units                                      */
};

/* --- ranges ------------------------------------------------------------------------- */

static int by_low(const void *a, const void *b)
{
	const struct range *p = a, *q = b;

	return p->low < q->low ? -1 : p->low > q->low;
}

/* All that a die covers. */
static int add_ranges(struct ranges *r, Dwarf_Die *die, uint32_t of)
{
	Dwarf_Addr base, low, high;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0) {
		if (low >= high)
			continue;
		if (mem_room(&r->range, r->n, &r->room, sizeof(*r->range)))
			return -ENOMEM;
		r->range[r->n++] = (struct range){ low, high, of };
	}
	return 0;
}

static void sort_ranges(struct ranges *r)
{
	if (r->n)
		qsort(r->range, r->n, sizeof(*r->range), by_low);
}

/* UINT32_MAX: in none.  A damaged file's ranges may overlap: then one of them. */
static uint32_t find_range(const struct ranges *r, uint64_t address)
{
	uint32_t low = 0, high = r->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (r->range[mid].low <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return low && address < r->range[low - 1].high ? r->range[low - 1].of : UINT32_MAX;
}

/* --- going through dies ------------------------------------------------------------- */

struct todo {
	Dwarf_Die die;
	uint32_t depth;
};

struct worklist {
	struct todo *todo;
	uint32_t n, room;
};

/* The first child; its siblings follow it by themselves. */
static int add_children(struct worklist *w, Dwarf_Die *die, uint32_t depth)
{
	Dwarf_Die child;

	if (dwarf_child(die, &child))
		return 0;
	if (mem_room(&w->todo, w->n, &w->room, sizeof(*w->todo)))
		return -ENOMEM;
	w->todo[w->n++] = (struct todo){ child, depth };
	return 0;
}

/* Takes a die, and puts its next sibling in its place. */
static struct todo take(struct worklist *w)
{
	struct todo t = w->todo[w->n - 1];

	if (dwarf_siblingof(&t.die, &w->todo[w->n - 1].die))
		w->n--;
	return t;
}

static int add_function(struct unit *u, Dwarf_Die *die)
{
	uint32_t before = u->ranges.n;

	if (add_ranges(&u->ranges, die, u->functions))
		return -ENOMEM;
	if (u->ranges.n == before)	/* a declaration, or what was inlined everywhere */
		return 0;
	if (mem_room(&u->function, u->functions, &u->room, sizeof(*u->function)))
		return -ENOMEM;
	u->function[u->functions++] = (struct function){ .die = *die };
	return 0;
}

static int list_functions(struct unit *u)
{
	struct worklist w = { 0 };
	int r = add_children(&w, &u->die, 0);

	while (w.n && !r) {
		struct todo t = take(&w);

		switch (dwarf_tag(&t.die)) {
		case DW_TAG_subprogram:
		case DW_TAG_entry_point:
			r = add_function(u, &t.die);
			break;
		case DW_TAG_namespace:
		case DW_TAG_module:
		case DW_TAG_class_type:
		case DW_TAG_structure_type:
			r = add_children(&w, &t.die, 0);
			break;
		}
	}
	mem_free(w.todo);
	sort_ranges(&u->ranges);
	return r;
}

static int add_inlined(struct function *f, Dwarf_Die *die, uint32_t depth)
{
	Dwarf_Addr base, low, high;
	ptrdiff_t at = 0;

	while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0) {
		if (mem_room(&f->inlined, f->count, &f->room, sizeof(*f->inlined)))
			return -ENOMEM;
		f->inlined[f->count++] = (struct inlined){ low, high, depth, *die };
	}
	return 0;
}

static int list_inlined(struct function *f)
{
	struct worklist w = { 0 };
	int r = add_children(&w, &f->die, 1);

	while (w.n && !r) {
		struct todo t = take(&w);

		switch (dwarf_tag(&t.die)) {
		case DW_TAG_inlined_subroutine:
			r = add_inlined(f, &t.die, t.depth);
			if (!r)
				r = add_children(&w, &t.die, t.depth + 1);
			break;
		case DW_TAG_lexical_block:
			r = add_children(&w, &t.die, t.depth);
			break;
		}
	}
	mem_free(w.todo);
	return r;
}

/* --- units -------------------------------------------------------------------------- */

static int list_units(struct native_scopes *s, Dwfl_Module *module)
{
	Dwarf_Addr bias;
	Dwarf_Die *cu = NULL;

	while ((cu = dwfl_module_nextcu(module, cu, &bias))) {
		uint32_t before = s->ranges.n;

		if (mem_room(&s->unit, s->units, &s->room, sizeof(*s->unit)) ||
		    add_ranges(&s->ranges, cu, s->units))
			return -ENOMEM;
		for (uint32_t i = before; i < s->ranges.n; i++) {
			s->ranges.range[i].low += bias;
			s->ranges.range[i].high += bias;
		}
		s->unit[s->units++] = (struct unit){ .die = *cu, .bias = bias };
	}
	sort_ranges(&s->ranges);
	return 0;
}

static struct native_scopes *scopes_of(struct native *n)
{
	struct native_scopes *s = n->scopes;

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	n->scopes = s;
	if (s)
		list_units(s, n->module);
	return s;
}

void native_scopes_free(struct native_scopes *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->units; i++) {
		for (uint32_t k = 0; k < s->unit[i].functions; k++)
			mem_free(s->unit[i].function[k].inlined);
		mem_free(s->unit[i].function);
		mem_free(s->unit[i].ranges.range);
	}
	mem_free(s->unit);
	mem_free(s->ranges.range);
	free(s);
}

static struct unit *find_unit(struct native *n, uint64_t address)
{
	struct native_scopes *s = scopes_of(n);
	uint32_t at = s ? find_range(&s->ranges, address) : UINT32_MAX;

	return at == UINT32_MAX ? NULL : &s->unit[at];
}

static struct function *find_function(struct unit *u, uint64_t address)
{
	uint32_t at;

	if (!u->known)
		list_functions(u);
	u->known = true;
	at = find_range(&u->ranges, address);
	if (at >= u->functions)
		return NULL;
	if (!u->function[at].known)
		list_inlined(&u->function[at]);
	u->function[at].known = true;
	return &u->function[at];
}

/* --- the door ----------------------------------------------------------------------- */

uint32_t native_scopes(struct native *n, uint64_t address, Dwarf_Die *ret_unit,
	Dwarf_Die ret[NATIVE_FRAMES])
{
	struct unit *u = find_unit(n, address);
	struct function *f = u ? find_function(u, address - u->bias) : NULL;
	uint32_t deepest = 0, count = 0;

	if (!f)
		return 0;
	*ret_unit = u->die;
	address -= u->bias;
	for (uint32_t i = 0; i < f->count; i++)
		if (address >= f->inlined[i].low && address < f->inlined[i].high &&
		    f->inlined[i].depth > deepest)
			deepest = f->inlined[i].depth;
	for (; deepest && count < NATIVE_FRAMES - 1; deepest--)
		for (uint32_t i = 0; i < f->count; i++)
			if (f->inlined[i].depth == deepest && address >= f->inlined[i].low &&
			    address < f->inlined[i].high) {
				ret[count++] = f->inlined[i].die;
				break;
			}
	ret[count++] = f->die;
	return count;
}

bool native_line(struct native *n, uint64_t address, const char **ret_file, uint32_t *ret_line)
{
	struct unit *u = find_unit(n, address);
	Dwarf_Line *line = u ? dwarf_getsrc_die(&u->die, address - u->bias) : NULL;
	const char *file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
	int number = 0;

	if (!file)
		return false;
	dwarf_lineno(line, &number);
	*ret_file = file;
	*ret_line = number > 0 ? (uint32_t)number : 0;
	return true;
}
