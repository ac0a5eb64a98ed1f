/*
 * own.h - which memory of this process is ouro's own
 *
 * Whoever searches memory for who holds what must not find the addresses that
 * ouro keeps for its own work (of the last event, of frames).  From any
 * thread, without a lock.  When there are more mappings than places, some are
 * taken for the program's: then a block may seem held that is not.
 */
#ifndef OWN_H
#define OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Blocks that were made before anything is recorded end here in brk's heap. */
void own_early(uintptr_t end);

/* By what a process made from a core file is entered (ouro/revive.h). */
void own_entry(uintptr_t entry);

void own_add(uintptr_t start, size_t bytes);
void own_remove(uintptr_t start);	/* nothing, when it is not there */

/* The first own memory that ends above `at`: false, there is none. */
bool own_next(uintptr_t at, uintptr_t *ret_start, uintptr_t *ret_end);

#endif
