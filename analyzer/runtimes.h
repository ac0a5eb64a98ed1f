/*
 * runtimes.h - description files of runtimes: found by name, read, and checked
 *
 * What stands in them is ouro/describe.h's affair.
 */
#ifndef RUNTIMES_H
#define RUNTIMES_H

#include <ouro/describe.h>

struct runtime_file {
	char *path;			/* absolute                                  */
	char *text;			/* the description's words are parts of it   */
	struct ouro_description *d;
};

/*
 * `given` is a path, when it has a slash or ends in .runtime, or the name of one that came
 * with ouro.  0, or -errno with *ret_what (to be freed) saying what is wrong and where.
 */
int runtime_file_open(struct runtime_file *f, const char *given, char **ret_what);
void runtime_file_fini(struct runtime_file *f);

/* The names of those that came with ouro, sorted; to be freed, each and all.  Their number. */
uint32_t runtimes_shipped(char ***ret_names);
void runtimes_shipped_free(char **names, uint32_t n);

/*
 * Checks what is given as above, or `all` that came with ouro, and adds their paths to *list
 * as the library takes them, parted by `:` (to be freed; NULL at first).
 */
int runtimes_add(char **list, const char *given, char **ret_what);

/* Is this file (its name without folders) one of those that the description is about? */
bool runtime_file_is_about(const struct ouro_description *d, const char *name, bool program);

#endif
