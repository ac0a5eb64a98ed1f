/*
 * suppress.h - findings that somebody decided not to hear of
 *
 * Three forms are read, and may be mixed in a file:
 *
 *	leak:PATTERN                    LeakSanitizer's: part of a function, source file or
 *	                                module of any call of the stack; * ^ $
 *	{ NAME Memcheck:Leak ... }      valgrind's: calls from malloc outwards; * ? and `...`;
 *	                                entries for other kinds of errors are passed over
 *	KIND: FIELD=PATTERN ...         ouro's own: all fields must match; `any` for every kind;
 *	                                function, file, module, type, edge; * ?
 *
 * LeakSanitizer's are asked for memory nobody will ever free (ouro leaks),
 * valgrind's for lost blocks.  The first that matches counts as used.
 */
#ifndef OURO_SUPPRESS_H
#define OURO_SUPPRESS_H

#include "ledger.h"

#include <stdbool.h>
#include <stdint.h>

struct symbols;

struct suppression {
	enum { SUPPRESS_LSAN, SUPPRESS_VALGRIND, SUPPRESS_OURO } form;
	char *name;			/* as the user knows it: the line, or valgrind's name */
	const char *file;		/* as it was given                           */
	uint32_t line;
	struct suppress_rule {
		enum suppress_what { SUPPRESS_FUN, SUPPRESS_OBJ, SUPPRESS_SRC,
			SUPPRESS_ANY_CALLS, SUPPRESS_TYPE, SUPPRESS_EDGE } what;
		char *pattern;
	} *rule;
	uint32_t nrules, rules_cap;
	char *kind;			/* OURO: of finding                          */
	uint64_t used;			/* findings it took away                     */
};

struct suppressions {
	struct suppression *s;
	uint32_t n, cap;
	char **files;			/* names                                     */
	uint32_t nfiles, files_cap;
};

/* One call of a stack, with all the names it goes by. */
struct suppress_call {
	const char *function, *linker_name;	/* NULL: not known                   */
	const char *file, *module;
	uint32_t line;
	bool allocator;			/* stands for malloc, calloc, ...            */
	bool is_new;			/* ... or for C++'s operator new             */
};

/*
 * Adds a file's.  0, -errno, or -EINVAL; `error` has one line for the user then.
 */
int suppressions_read(struct suppressions *s, const char *path, char error[300]);
int suppressions_parse(struct suppressions *s, char *text, const char *path, char error[300]);
void suppressions_fini(struct suppressions *s);

/* The one that takes this finding away, counted as used; NULL: none does. */
struct suppression *suppressions_find(struct suppressions *s, const struct ledger_entry *e,
				      const struct suppress_call *call, uint32_t n);

#endif
