/*
 * roots.h - what CPython itself holds: frames that run, threads, the interpreter
 */
#ifndef CPYTHON_ROOTS_H
#define CPYTHON_ROOTS_H

#include "heap.h"

/* Up to 3.10: mark the frames that run, whose variables are roots and not edges of the frame. */
void roots_running(struct walk *w);

/* References that are there for certain; what they hold is written later. */
void roots_write(struct walk *w);

/* Words that may be references, when all objects are known: evaluation stacks, unnamed fields. */
void roots_write_maybe(struct walk *w);

/* Does `where` lie in what those looked through? */
bool roots_tell(uintptr_t where);

#endif
