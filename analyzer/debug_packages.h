/*
 * debug_packages.h - which package has the symbols of a file
 *
 * Debian's and Ubuntu's lists of installed files are read directly, also those below a
 * sysroot; nothing is run and no network asked.
 */
#ifndef OURO_DEBUG_PACKAGES_H
#define OURO_DEBUG_PACKAGES_H

#include "buf.h"

#define DEBUG_PACKAGES_MAX 8		/* files looked up at a time                     */

struct debug_packages {
	bool dpkg;			/* it is such a system                           */
	const char *where;		/* page that says how to get them; never NULL    */
	char *name[DEBUG_PACKAGES_MAX];	/* of each file: "libfoo1"; NULL: of no package  */
};

/* 0 or -ENOMEM; n at most DEBUG_PACKAGES_MAX, paths as in the trace. */
int debug_packages_of(struct debug_packages *d, const char *sysroot, const char *const *path,
	unsigned n);
void debug_packages_fini(struct debug_packages *d);

/* "libfoo1-dbgsym" */
void debug_packages_symbols(struct buf *out, const char *package);

#endif
