/*
 * calls.h - a birth stack as other tools' suppressions name it
 *
 * They begin with the function of the allocator that was called, and know each
 * call by its function, source file and the path of the file its code is in; inlined
 * calls are calls.
 */
#ifndef OURO_CALLS_H
#define OURO_CALLS_H

#include "report.h"
#include "suppress.h"

struct calls {
	struct report *r;
	char **module;			/* paths, by number                          */
	struct suppress_call *call;
	uint32_t n, cap;
};

int calls_init(struct calls *c, struct report *r);	/* -ENOMEM */
void calls_fini(struct calls *c);

/* Those of one site of the heap, until the next one is asked for.  -ENOMEM. */
int calls_of(struct calls *c, uint32_t site);

#endif
