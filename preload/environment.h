/*
 * environment.h - take ouro out of the program's environment, and put it into another's
 *
 * The program must see what it would see without ouro: same entries, same
 * order, same bytes.  So the entries that the command added are taken out
 * in place, without memory of our own and before main.
 */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

/* The value of NAME, or NULL. */
const char *environment_get(char *const *envp, const char *name);

/* The path that LD_PRELOAD names us by: what is to be given on.  Empty: it does not. */
const char *environment_library(void);

/*
 * Remember what is needed to follow an exec, then restore what the user had.
 * `preload` as in options.h; envp is the array the kernel made.
 */
void environment_restore(char **envp, int preload);

/* Is `entry` NAME=...? */
bool environment_is(const char *entry, const char *name);

/* The first part of a list of libraries that is us: its start and length, else 0. */
size_t environment_find_us(const char *list, const char **ret_start);

#endif
