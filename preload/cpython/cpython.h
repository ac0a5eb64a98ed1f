/*
 * cpython.h - CPython 3.8 to 3.13 as a runtime that ouro knows
 */
#ifndef CPYTHON_CPYTHON_H
#define CPYTHON_CPYTHON_H

#include "../runtime.h"

extern const struct runtime cpython_runtime;

/* heap.c: in a forked child, all objects, edges and roots.  0 or -errno. */

#endif
