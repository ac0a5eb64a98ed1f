/*
 * export.h - a trace in the formats of other tools
 *
 * One file for each format, with one struct export; a new format is one more of
 * both.  What a value means is the same in all of them: sums over all sites are the
 * totals of the report, to the byte.
 */
#ifndef OURO_EXPORT_H
#define OURO_EXPORT_H

#include "buf.h"
#include "report.h"

enum export_value {
	EXPORT_ALLOC_OBJECTS,		/* made in all                               */
	EXPORT_ALLOC_SPACE,
	EXPORT_INUSE_OBJECTS,		/* left at the end of the trace              */
	EXPORT_INUSE_SPACE,
	EXPORT_PEAK_OBJECTS,		/* when the program had most bytes           */
	EXPORT_PEAK_SPACE,
	EXPORT_VALUES,
};

struct export_job {
	struct report *r;
	const struct site_sums *sums;	/* by site                                   */
	FILE *out;			/* NULL: the format makes the file `path`    */
	const char *path;
	const char *table;		/* csv; NULL: sites                          */
	const char *query;		/* dot: whose holders; NULL: cycles and leaks */
	enum export_value value;	/* folded, speedscope                        */
	bool asked;			/* ... by the user                           */
	char *error;			/* 200 bytes: what is wrong, in a line       */
};

struct export {
	const char *name, *help;
	bool whole;			/* the report with its graph; else events alone */
	bool own_file;			/* cannot be written to stdout               */
	/* 0, -errno, or 1: job->error says why.  Errors of job->out are found by the caller. */
	int (*write)(const struct export_job *job);
};

extern const struct export export_pprof, export_folded, export_speedscope, export_dot,
	export_sqlite, export_csv;

/* "inuse_space", "bytes"; value_named: EXPORT_VALUES when there is none of that name. */
const char *export_value_name(enum export_value value);
const char *export_value_unit(enum export_value value);
enum export_value export_value_named(const char *name);

static inline bool export_is_bytes(enum export_value value)
{
	return value % 2;
}

uint64_t export_site_value(const struct site_sums *s, enum export_value value);

/* ------------------------------------------------------------------------------ frames */

/*
 * All frames of the stacks that are asked for, each with a number: the frames of one
 * location follow each other, the outermost first.  Number 0 stands for a stack that
 * is not known.
 */
struct export_frames {
	struct symbols *symbols;
	const struct replay *r;
	uint32_t *first;		/* by location: its first frame; 0: not met  */
	struct export_frame {
		const struct frame *f;	/* NULL: number 0                            */
		uint32_t location;
	} *frame;
	uint32_t n, cap;

	uint32_t *stack;		/* the one asked for last: numbers, outermost first */
	uint32_t depth, stack_cap;
};

int export_frames_init(struct export_frames *x, const struct report *r);	/* -ENOMEM */
void export_frames_fini(struct export_frames *x);

/* Fills x->stack, never with nothing.  -ENOMEM. */
int export_frames_of(struct export_frames *x, stack_id stack);

/* Of that stack: the innermost frame of what is not library or runtime; else the innermost. */
const struct export_frame *export_place(const struct export_frames *x);

/* How a frame is called, in a line: "work", "work (app.py)". */
void export_frame_name(const struct export_frame *f, struct buf *out);

#endif
