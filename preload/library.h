/*
 * library.h - being told of every library before any of its code runs
 *
 * The loader calls an empty function of its own, for debuggers, once a library
 * is mapped and before it is relocated and its constructors run: that function
 * has a detour.  (dlopen itself is left alone: it asks who calls it.)
 */
#ifndef LIBRARY_H
#define LIBRARY_H

#include <link.h>
#include <stdbool.h>

/*
 * `came` is called for each file that is loaded now, the program first, then for each
 * that will be, in the order of loading, with the loader's lock.  Once, at start-up.
 */
void library_watch(void (*came)(struct link_map *map));

/* False: libraries that come later are not seen, and a note in the trace says so. */
extern bool library_watched;

/* detour_place for a function of a library that `came` was called with, during that call. */
int library_detour(const char *name, void *target, void *replacement, void **ret_original);

/* Is this the library of that name, of whatever version?  "libglib-2.0.so" */
bool library_is(const struct link_map *map, const char *name);

#endif
