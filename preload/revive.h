/*
 * revive.h - in a process made from a core file: a snapshot after its death
 *
 * All of this library's memory is as it was when the program died, and so is the program's; but
 * no thread runs, and of the system only the few calls are there that ouro-revive leaves
 * (ouro/revive.h).  Who died of a wild pointer may have left others: what reads the heap does
 * it in attempts.
 */
#ifndef REVIVE_H
#define REVIVE_H

#include <stdbool.h>

void revive_setup(void);		/* so that who reads a core file finds the entry */

bool revive_is(void);			/* is this such a process?                   */

/*
 * step(arg); false: it met memory that is not there, or went round for so many seconds, and
 * was left where it stood.  In a living process it is only called.  Attempts do not nest.
 */
typedef void revive_step(void *arg);
bool revive_attempt(revive_step *step, void *arg, unsigned seconds);

#endif
