/*
 * symbols_private.h - what the files symbols*.c share
 */
#ifndef SYMBOLS_PRIVATE_H
#define SYMBOLS_PRIVATE_H

#include "native.h"
#include "packnames.h"
#include "symbols.h"

/* A module, and its file when that was asked for. */
struct source {
	struct native *native;		/* NULL: not yet                                 */
	const char *name;		/* last part of the path                         */
	bool named, complained;
	bool lacking;			/* a name was wanted that it did not have        */
};

struct answer {
	struct frame *frame;
	uint32_t count;
};

struct kept {
	struct kept *next;
	char text[];
};

struct symbols {
	const struct defs *defs;
	struct symbols_options options;
	struct native_options native;
	struct packnames *packed;	/* NULL: the trace was not packed with names     */
	struct source *source;		/* by module                                     */
	struct answer *answer;		/* by location                                   */
	struct perfmap *made;		/* code made at run time; NULL: no names of it   */
	bool made_asked;
	struct kept *kept;		/* every string that was handed out              */
	const char **complaint;
	uint32_t complaints;
};

/* Texts that live as long as the symbols do; NULL when out of memory. */
const char *symbols_keep(struct symbols *s, const char *text, size_t length);

/* How a module's file is; of a packed trace that has names, how it was when it was packed. */
enum native_state symbols_state(const struct symbols *s, uint32_t module);

#endif
