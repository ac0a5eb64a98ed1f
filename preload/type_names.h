/*
 * type_names.h - one number for each type, by runtime and name
 *
 * Any thread, no lock.  0: no room in the trace.
 */
#ifndef TYPE_NAMES_H
#define TYPE_NAMES_H

#include <stddef.h>
#include <stdint.h>

uint32_t type_named(unsigned runtime, const char *name, size_t length);

#endif
