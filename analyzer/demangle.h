/*
 * demangle.h - C++ and Rust names as people write them
 */
#ifndef OURO_DEMANGLE_H
#define OURO_DEMANGLE_H

#include "buf.h"

/* "ns::Box<int>::put(int const&)"; NULL: not mangled, or no memory.  The caller's to free. */
char *demangle(const char *name);

/*
 * A name with what is longest in it left out when it is longer than a line can spare: the
 * arguments of templates, then those of the function: "std::map<...>::insert(...)".
 */
void demangle_short(struct buf *out, const char *name);

#endif
