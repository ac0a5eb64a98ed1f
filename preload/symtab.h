/*
 * symtab.h - functions of the program that the loader has not heard of
 *
 * A linker keeps the names of hidden functions in .symtab alone, which is not
 * mapped: it is read from the executable's file, unless that was stripped.
 */
#ifndef SYMTAB_H
#define SYMTAB_H

#include <stddef.h>
#include <stdint.h>

/*
 * For each name the value of the one function called so (add the load bias);
 * 0: there is none, or several.  How many were found; the file is only read.
 */
unsigned symtab_find(const char *file, const char *const *names, unsigned n, uintptr_t *ret);

/* Each function in the file's .symtab, with its value, exported or not. */
void symtab_each(const char *file,
		 void (*each)(void *arg, const char *name, size_t length, uintptr_t value),
		 void *arg);

#endif
