/*
 * place.h - which frame of a stack tells a reader most
 */
#ifndef OURO_PLACE_H
#define OURO_PLACE_H

#include <stdbool.h>

/*
 * A frame of what serves the program: the C and C++ libraries, the loader, the
 * allocator's own side, the runtime that runs an interpreted program.  What asked for memory is
 * behind it.  Either may be NULL: not known, or a line of an interpreted program.
 */
bool place_serves(const char *function, const char *module);

bool place_is_runtime(const char *module);	/* libpython3.11.so, python3 */

#endif
