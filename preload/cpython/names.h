/*
 * names.h - the variable that gets what an instruction makes
 *
 * `first = []` is BUILD_LIST, then STORE_FAST first: an object born at the
 * BUILD_LIST is called `first`.  Only what follows at once is believed; a value
 * that goes into a call, a literal or a comprehension has no name.
 */
#ifndef CPYTHON_NAMES_H
#define CPYTHON_NAMES_H

#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct py_result {
	enum { RESULT_LOCAL = 1, RESULT_GLOBAL, RESULT_CELL } base;
	uint32_t index;			/* of the variable, as the instruction has it   */
	uint32_t attributes;		/* how many follow: self.a.b has two            */
	uint32_t attribute[3];		/* index in co_names                            */
};

/*
 * Instructions of 3.`minor` (two bytes each, specialised or not); `at` counts
 * them from 0 and may stand in an inline cache.  False: not known for certain.
 */
bool names_find(int minor, const uint8_t *code, size_t units, size_t at, struct py_result *ret);

/* The name added as text, out of the code object; false: none (t may have grown). */
bool names_text(uintptr_t code, size_t at, struct text *t);

#endif
