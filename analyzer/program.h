/*
 * program.h - what a recorded process is called, and the other processes of its run
 */
#ifndef OURO_PROGRAM_H
#define OURO_PROGRAM_H

#include "defs.h"

/* Name of the script or module that an interpreter runs, else of the executable; NULL: no memory. */
char *program_name(const struct defs *d);

struct program {
	char *path;			/* of its trace                              */
	char *name;			/* "" when its trace can't be read           */
	uint64_t bytes;			/* of the trace                              */
	uint32_t pid;
};

#define PROGRAMS_NAMED		10	/* those after them have no name, and pid 0  */

/* Those whose traces stand beside the one at `path` (recorded.h), the largest first. */
struct programs {
	struct program *p;
	uint32_t n;
};

int programs_list(struct programs *all, const char *path);	/* -ENOMEM */
void programs_fini(struct programs *all);

#endif
