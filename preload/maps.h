/*
 * maps.h - what memory this process has, as /proc/self/maps said once
 *
 * For the snapshot's child: it asks before it follows a word that may be no
 * address, tells what is part of a loaded file, and finds what to scan.
 */
#ifndef MAPS_H
#define MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct snapshot;

enum range_kind {
	RANGE_ANONYMOUS,	/* heap, arenas, stacks of threads                    */
	RANGE_FILE,		/* part of a mapped file                              */
	RANGE_BSS,		/* anonymous, right behind a file's data: its zeroes  */
	RANGE_STACK,		/* the main thread's stack                            */
	RANGE_SPECIAL,		/* device, shared memory, vdso: never scanned         */
};

struct range {
	uintptr_t start, end;
	enum range_kind kind;
	bool readable, writable;
	bool brk;			/* [heap]: grown by brk                               */
	bool first;		/* begins with the file's first byte                  */
};

struct maps {
	struct range *range;		/* by address */
	size_t n;
};

int maps_read(struct maps *maps, struct snapshot *s);		/* 0 or -errno */

/* The range that holds all of [start, start + size) readable, or NULL. */
const struct range *maps_find(const struct maps *maps, uintptr_t start, size_t size);

#endif
