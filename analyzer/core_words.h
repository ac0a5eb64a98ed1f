/*
 * core_words.h - the words of a core file that look like addresses, as a snapshot has them
 *
 * The same search that the library's forked child does in a process that lives
 * (preload/scan.c has its rules, docs/decisions/conservative.md its reasons), but that
 * all registers of all threads are known.
 */
#ifndef OURO_CORE_WORDS_H
#define OURO_CORE_WORDS_H

#include "core.h"
#include "replay.h"
#include "snap.h"

/* The replay stands at its end.  pool: bytes of a pool of CPython's allocator; 0: none.  0 or -ENOMEM. */
int core_words(struct snap *ret, const struct core *c, struct replay *r, uint64_t pool);

#endif
