/*
 * binary.h - what a program consists of, before it is started
 *
 * Files are read, nothing of them runs: what would be loaded is asked of the
 * program's own loader, as ldd does it, and only of glibc's.
 */
#ifndef OURO_BINARY_H
#define OURO_BINARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The files of a program in the order in which the loader looks for names. */
struct binaries {
	struct binary {
		char *path;
		char *name;		/* as it is asked for; of the program its path */
		bool missing;		/* nothing of that name was found              */
	} *all;
	uint32_t n, cap;
};

/* 0 or -errno; `preload` as in LD_PRELOAD, or NULL.  The program itself is the first. */
int binaries_of(struct binaries *b, const char *program, const char *preload);
void binaries_fini(struct binaries *b);

/* The first that exports a symbol of this name; NULL: none does. */
const struct binary *binaries_with(const struct binaries *b, const char *symbol);

/* Exports it; or, hidden: has it as a function of its own that is not exported. */
bool binary_has(const struct binary *b, const char *symbol, bool hidden);

/* The 8 bytes of a constant that it exports; false: not there, or not that large. */
bool binary_constant(const struct binary *b, const char *symbol, uint64_t *ret);

/*
 * The first text of its read-only data that ends in the form "3.11.2" and has
 * this begin ("3.11."); false: there is none.
 */
bool binary_version(const struct binary *b, const char *begin, char *ret, size_t room);

/* The first two words of a `#!` line. */
struct script {
	char line[256];
	char *interpreter, *argument;	/* in line; argument: "" when there is none */
};
bool script_read(struct script *s, const char *path);	/* false: no script */

#endif
