/*
 * suspects.h - who took a reference of an over-retained object by a call, and kept it
 *
 * Most code changes the counts of CPython's objects inline and is not seen.  What went through
 * Py_IncRef and its kin is: of that, what was not given back in the same way is
 * put to the finding, as a suspicion.
 */
#ifndef SUSPECTS_H
#define SUSPECTS_H

#include "finding.h"
#include "heap_load.h"
#include "refs.h"

struct suspects {
	struct refs *refs;
	struct heap_loader *loader;
};

/* Adds to the paths of f what speaks against somebody in the case of object v.  -ENOMEM. */
int suspects_of(void *suspects, struct finding *f, node_id v);

#endif
