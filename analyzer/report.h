/*
 * report.h - a trace, read and analysed: all that renderers print
 */
#ifndef OURO_REPORT_H
#define OURO_REPORT_H

#include "analysis.h"
#include "collections.h"
#include "core.h"
#include "core_revive.h"
#include "core_stack.h"
#include "find_lost.h"
#include "garbage.h"
#include "heap_load.h"
#include "inherited.h"
#include "overview.h"
#include "program.h"
#include "refs.h"
#include "survival.h"
#include "term.h"
#include "whatif.h"
#include "work.h"

struct report_options {
	uint32_t snapshot;		/* 0: the newest complete one                */
	bool each;			/* do not fold findings                      */
	const char *core;		/* a core file stands in for a snapshot; NULL: none */
	bool events;			/* the events alone: no snapshot, no findings */
	bool lives;			/* how long all live: r.survival in full     */
	double skip_seconds;		/* the warm-up in seconds, where warm_ns is 0 */
	double from, to;		/* ... and of these what lies between, in seconds; 0: all */
	uint64_t warm_ns;		/* what was made before is no finding; 0: all counts */
	struct progress *progress;	/* NULL: nobody is told                      */
	struct symbols_options symbols;
	struct whatif_options whatif;	/* of zeroes: as by WHATIF_DEFAULT           */
};

struct report_note {
	bool warning;			/* limits what the report can say            */
	char *text;
	const char *brief;		/* instead, where not all is wanted; NULL: text */
};

struct report {
	struct trace trace;
	struct defs defs;
	struct replay replay;
	struct snap snap;
	struct refs refs;
	struct symbols *symbols;
	struct heap heap;
	struct inherited inherited;	/* of a fork                                 */
	struct heap_loader loader;
	struct analysis analysis;
	struct overview overview;
	struct collections collections;
	struct survival survival;
	struct tape tape;
	struct whatif whatif;
	struct garbage garbage;		/* what waited for the collector, at some times */
	struct progress *progress;

	bool events;			/* asked for the events alone                */
	bool lives;			/* ... for how long all live                 */
	bool graph;			/* a snapshot of a runtime: heap and analysis have content */
	bool scanned;			/* one of blocks, alone or beside it: blocks and lost have */
	struct core core;		/* when there is one                         */
	struct core_stack *stacks;	/* ... of its threads                        */
	struct revived revived;		/* ... and what the snapshot made of it points into */
	struct blocks blocks;
	struct lost lost;
	uint32_t snapshot;		/* its number                                */
	const char *reason;		/* why it was taken: "at exit"               */
	double snapshot_seconds;	/* into the run                              */

	char *program;			/* base name of the script, or of the executable */
	char *directory;		/* where it ran; "" when not known           */
	char **argv;
	uint32_t argc;
	char *runtime, *version;	/* NULL: none known                          */
	bool interpreter;		/* ... and its heap is walked, not searched  */
	double seconds;
	double program_seconds;		/* from the runtime's start-up to its end    */
	struct work work;
	double allocations;		/* by the program when it was warm: work.h   */
	double warm_seconds;		/* ... for so long                           */
	bool growth_tested;		/* the run was long enough to tell           */
	char *state;			/* "exited with status 0", "was killed"      */
	struct programs others;		/* the other processes of its run            */
	struct report_note *note;
	uint32_t nnotes, notes_cap;
};

/* 0 or -errno; `error` has one line for the user then, without the file's name. */
int report_open(struct report *r, const char *path, const struct report_options *o,
		char error[200]);
void report_close(struct report *r);	/* any half-open one, and one of zeroes */

/* Findings of one severity: how many kinds of them, and how many in all. */
uint32_t report_findings(const struct report *r, enum finding_severity severity,
			 uint64_t *ret_count);

#endif
