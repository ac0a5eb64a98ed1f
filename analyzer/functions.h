/*
 * functions.h - where a function begins, for code that has no symbols
 *
 * A stripped library still has a table for unwinding, sorted by where functions begin:
 * enough to know that two places are in one function, whatever it is called.
 */
#ifndef FUNCTIONS_H
#define FUNCTIONS_H

#include "defs.h"

struct functions {
	const struct defs *defs;
	struct functions_table *table;	/* by module; functions.c's                  */
};

int functions_init(struct functions *f, const struct defs *d);	/* 0 or -ENOMEM */
void functions_fini(struct functions *f);

/* Address in the file of the function around one in memory; 0: not known. */
uint64_t functions_start(struct functions *f, uint32_t module, uint64_t address);

#endif
