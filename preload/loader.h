/*
 * loader.h - symbols of loaded files, found by walking the loader's own tables
 *
 * dlsym allocates, takes the loader's lock and answers for its caller; this
 * reads what is mapped already.  Sound while no other thread loads or unloads:
 * for start-up.
 */
#ifndef LOADER_H
#define LOADER_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The head of the loader's list (the program); NULL: the loader is not that far. */
struct link_map *loader_first(void);
/* The file that this code is in. */
struct link_map *loader_self(void);

/*
 * The address of a function or variable that `map` defines under this name,
 * as the default version; NULL: it defines none, or one that is chosen at
 * run time (ifunc).  *ret_size (may be NULL): its size, 0 when not known.
 */
void *loader_symbol(const struct link_map *map, const char *name, size_t *ret_size);

/* The first definition in the order of loading, from `map` on. */
void *loader_lookup(struct link_map *map, const char *name, struct link_map **ret_map);

/* Each function that `map` exports, with its address; one of several versions comes several times. */
void loader_each(const struct link_map *map,
		 void (*each)(void *arg, const char *name, size_t length, uintptr_t address),
		 void *arg);

/* Does the file that defines `name` first export something at exactly this address? */
bool loader_exports(const char *name, const void *address);

/* A function of the kernel's own page (vDSO); NULL: none. */
void *loader_vdso_symbol(const char *name);

#endif
