/*
 * report.h - a trace, read and analysed: all that renderers print
 */
#ifndef OURO_REPORT_H
#define OURO_REPORT_H

#include "analysis.h"
#include "collections.h"
#include "find_lost.h"
#include "heap_load.h"
#include "overview.h"
#include "simulate.h"
#include "survival.h"
#include "term.h"

struct report_options {
	uint32_t snapshot;		/* 0: the newest complete one                */
	bool each;			/* do not fold findings                      */
	struct progress *progress;	/* NULL: nobody is told                      */
};

struct report_note {
	bool warning;			/* limits what the report can say            */
	char *text;
};

struct report {
	struct trace trace;
	struct defs defs;
	struct replay replay;
	struct snap snap;
	struct symbols *symbols;
	struct heap heap;
	struct heap_loader loader;
	struct analysis analysis;
	struct overview overview;
	struct collections collections;
	struct survival survival;
	struct tape tape;
	struct progress *progress;

	bool graph;			/* there was a snapshot: heap and analysis have content */
	bool scanned;			/* ... or one of blocks: blocks and lost have content */
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
	double seconds;
	double program_seconds;		/* from the runtime's start-up to its end    */
	char *state;			/* "exited with status 0", "was killed"      */
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
