/*
 * core_revive.h - the objects of a runtime out of a core file, as a snapshot
 *
 * A process is made of the core file and the files that were mapped (ouro/revive.h), and
 * writes there what the library's forked child writes in one that lives.  So the objects,
 * counts and named edges are those that a snapshot at the moment of death would have had.
 *
 * It needs the program's files, and the library, as they were: on this machine, or
 * below a sysroot.  Its code runs here, but can do nothing except calculate.
 */
#ifndef OURO_CORE_REVIVE_H
#define OURO_CORE_REVIVE_H

#include "core.h"
#include "snap.h"
#include "trace.h"

struct revived {
	struct trace trace;		/* of nothing but one snapshot               */
	void *bytes;			/* ... what it is read from                  */
	size_t size;
};

/*
 * 0; 1: it cannot be had, and why has a sentence's end for the user; -ENOMEM.
 * The snapshot points into *ret.
 */
int core_revive(struct revived *ret, struct snap *ret_snap, const struct core *c,
	const struct trace *recorded, const struct defs *d, const char *sysroot, char why[200]);
void core_revive_fini(struct revived *r);	/* zeroes are fine */

#endif
