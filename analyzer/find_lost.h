/*
 * find_lost.h - blocks of malloc that nothing reaches
 *
 * As LeakSanitizer and valgrind have it: a block is lost directly when no other
 * lost block holds it, or when it stands for a circle of lost ones; what only lost
 * blocks hold is lost indirectly.  Direct ones made by the same stack are one
 * finding.
 *
 * Registers of other threads are not known.  So a finding is an error only
 * when there are more of it than all those registers could hold.
 */
#ifndef FIND_LOST_H
#define FIND_LOST_H

#include "blocks.h"
#include "finding.h"
#include "heap_load.h"

struct lost {
	uint64_t direct, direct_bytes;
	uint64_t indirect, indirect_bytes;
	uint64_t reached, reached_bytes;
	uint64_t unseen;		/* blocks that registers nobody saw might hold */
	bool doubtful;			/* something else is not known: no finding is an error */
};

/*
 * Adds findings.  each: do not fold.  Blocks that belong to a counted object, or hang
 * from one, are told as that object (find_balance.h), and not again.  0 or -ENOMEM.
 */
int find_lost(struct findings *s, struct lost *ret, struct blocks *b,
	struct heap_loader *l, bool each);

#endif
