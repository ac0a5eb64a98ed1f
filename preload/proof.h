/*
 * proof.h - stacks that prove themselves, for who works on ouro
 *
 *	OURO_OPTIONS=debug=compare	every native stack is held against libunwind's
 *	OURO_OPTIONS=debug=hash		... is followed by what it hashes to, so that
 *					`ouro dump --check` can tell that it was read
 *					as it was taken
 *
 * Both break the promises of a guest: they are slow, and libunwind takes locks.
 */
#ifndef PROOF_H
#define PROOF_H

#include "events.h"

extern bool proof_wanted;

void proof_setup(void);			/* once, at start; says in the trace what is on */

/* The stack of this thread was just taken; its record is still to be written. */
void proof_write(struct guard *g);

#endif
