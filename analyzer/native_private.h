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

struct native {
	Dwfl *dwfl;
	Dwfl_Module *module;		/* NULL: nothing is to be had                    */
	Dwfl_Callbacks callbacks;
	char *debug_path;		/* where debug files are; NULL: libdw's own idea */
	char *target;			/* path without the sysroot                      */
	char *file;			/* sysroot and path                              */
	size_t sysroot_length;
	enum native_state state;
	struct native_row *symbol;	/* by address; NULL: not asked for yet           */
	uint32_t symbols;
	char **name;			/* those that were put together here             */
	uint32_t names, names_room;
};

#endif
