/*
 * block_roots.h - what a word of memory outside of all blocks is called
 *
 *	global `cache.table[3]` of server (server.c:12)
 *	global `cache` +0x18 of server		where no types are known
 *	the stack of thread 4711, in handle() (server.c:80)
 *	thread-local memory of thread 4711
 *	a register of thread 4711
 */
#ifndef OURO_BLOCK_ROOTS_H
#define OURO_BLOCK_ROOTS_H

#include "buf.h"
#include "report.h"

/* "cache.table[3]": the pointer of a global that a word is; false: not known, or no global's. */
bool block_root_member(struct buf *out, const struct report *r, uint64_t where, uint8_t region);

void block_root_words(struct buf *out, const struct report *r, uint64_t where, uint8_t region);

#endif
