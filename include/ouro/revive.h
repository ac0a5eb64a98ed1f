/*
 * revive.h - how a core file is made a process again, for as long as a snapshot takes
 *
 * A core file and the files that were mapped have all memory of the process that died, and
 * so the library with all that it knew.  `ouro` makes a plan of that memory, ouro-revive
 * lays it out in a fresh process at the addresses it had, and calls the library's entry
 * there: it walks the runtime's heap as the forked child of a living process does, by the
 * runtime's own functions.  Program, library and `ouro` share nothing else: no thread runs,
 * and the kernel refuses that process all but the few calls below.
 *
 * A plan is: struct ouro_plan, its parts, one fs base for each thread, then the names
 * of files, each ended by a 0.
 */
#ifndef OURO_REVIVE_H
#define OURO_REVIVE_H

#include <stdint.h>

#define OURO_REVIVE_NAME "ouro-revive"
#define OURO_PLAN_MAGIC	 0x6e616c702e6f7275u

/* Descriptors with which ouro-revive is started; from there on the entry has OUT and MAPS. */
enum {
	OURO_REVIVE_PLAN = 3,
	OURO_REVIVE_OUT  = 4,		/* chunks of a SNAPSHOT stream go there      */
	OURO_REVIVE_CORE = 5,
	OURO_REVIVE_MAPS = 6,		/* what /proc/self/maps said, as far as it is known */
};

/* Seconds of processor time between two SIGVTALRM, which it is sent for as long as it runs. */
#define OURO_REVIVE_TICK 1

/* ouro-revive has this for itself; nothing maps there unless it is asked to. */
#define OURO_REVIVE_START 0x200000000000u
#define OURO_REVIVE_STACK 0x220000000000u
#define OURO_REVIVE_END	  0x230000000000u

struct ouro_plan_part {
	uint64_t start, end;		/* whole pages                               */
	uint64_t core_at, core_bytes;	/* its first bytes, in the core file; 0: none */
	uint64_t file_at;
	uint32_t file;			/* name, counted from the plan's start; 0: none */
	uint32_t protection;		/* PROT_READ ...                             */
};

struct ouro_plan {
	uint64_t magic, bytes;		/* bytes: of all of it                       */
	uint64_t entry;			/* address of a revive_fn                    */
	uint64_t sp;			/* of the thread that got the signal         */
	uint32_t parts, threads;	/* the one that got the signal comes first   */
};

/* Ends the process: 0 when a snapshot was written, whole or not. */
typedef void revive_fn(const struct ouro_plan *plan);

static inline const struct ouro_plan_part *ouro_plan_parts(const struct ouro_plan *p)
{
	return (const struct ouro_plan_part *)(p + 1);
}

static inline const uint64_t *ouro_plan_fs(const struct ouro_plan *p)
{
	return (const uint64_t *)(ouro_plan_parts(p) + p->parts);
}

#endif
