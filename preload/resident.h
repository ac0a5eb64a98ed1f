/*
 * resident.h - how much memory the kernel counts for this process, now and then
 *
 * Told when a chunk begins, no more often than RESIDENT_EVERY, and with each
 * snapshot: no thread, no timer, no descriptor that stays open.
 */
#ifndef RESIDENT_H
#define RESIDENT_H

#include "thr.h"

#include <stdbool.h>
#include <stdint.h>

#define RESIDENT_EVERY 10000000		/* ns                                        */

void resident_start(void);		/* from now on                               */

/* There is room for its record; `always`: also when it was told just before. */
void resident_tell(struct thr *t, bool always);

/* Bytes of this process that are in memory; 0: not to be had. */
uint64_t resident_bytes(void);

#endif
