/*
 * native_private.h - what native.c and native_symbols.c share
 */
#ifndef NATIVE_PRIVATE_H
#define NATIVE_PRIVATE_H

#include "native.h"

#include <elfutils/libdwfl.h>

struct native_row {
	uint64_t address, size;
	const char *name;		/* libdw's                                       */
	uint8_t rank;
	bool datum;
};

#define NATIVE_SCOPED 251		/* a prime: offsets of dies are often even       */

struct native {
	Dwfl *dwfl;
	Dwfl_Module *module;		/* NULL: nothing is to be had                    */
	Dwfl_Callbacks callbacks;
	char *debug_path;		/* where debug files are; NULL: libdw's own idea */
	char *target;			/* path without the sysroot                      */
	char *file;			/* sysroot and path                              */
	size_t sysroot_length;
	enum native_state state;
	struct native_scopes *scopes;	/* NULL: not asked for yet                       */
	struct native_data *data;	/* variables; NULL: not asked for yet            */
	struct native_row *symbol;	/* by address; NULL: not asked for yet           */
	uint32_t symbols;
	struct native_scoped {
		const void *die;
		const char *name;
	} scoped[NATIVE_SCOPED];	/* names that were searched for lately           */
	char **name;			/* those that were put together here             */
	uint32_t names, names_room;
};

/*
 * The functions around an address of the file, innermost first: what was inlined,
 * then what it was inlined into; 0 when none is known.
 */
uint32_t native_scopes(struct native *n, uint64_t address, Dwarf_Die *ret_unit,
	Dwarf_Die ret[NATIVE_FRAMES]);
void native_scopes_free(struct native_scopes *s);

/* The variable that an address of the file lies in, and where in it; false: not known. */
bool native_variable_die(struct native *n, uint64_t address, Dwarf_Die *ret, uint64_t *ret_offset);
void native_data_free(struct native_data *d);

/* The line of source of an address; false: not known. */
bool native_line(struct native *n, uint64_t address, const char **ret_file, uint32_t *ret_line);

#endif
