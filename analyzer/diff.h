/*
 * diff.h - what is different between two runs
 *
 * Each run becomes three ledgers: its findings, what lived at the end, what was
 * allocated.  They are paired by names (pairs.h), so that the runs can be of two builds.
 */
#ifndef OURO_DIFF_H
#define OURO_DIFF_H

#include "pairs.h"
#include "report.h"

enum diff_part { DIFF_FINDINGS, DIFF_ALIVE, DIFF_MADE, DIFF_PARTS };

struct diff_side {
	const char *path;
	char *program, *state;
	double work, seconds;		/* work.h                                    */
	uint64_t alive_objects, alive_bytes;
	uint64_t blocks, bytes;		/* made in all                               */
	struct ledger ledger[DIFF_PARTS];
};

struct diff {
	struct diff_side side[2];
	struct pairs pairs[DIFF_PARTS];
	struct tolerance tolerance;
};

/* Takes what it needs from an open report, which can be closed then.  -ENOMEM. */
int diff_take(struct diff_side *s, struct report *r, const char *path, const char *project);

/* Pairs both sides; what differs most comes first.  -ENOMEM. */
int diff_settle(struct diff *d);
void diff_fini(struct diff *d);

/* The later run did so many times the work, as the tolerance has it. */
double diff_scale(const struct diff *d);

/* Bytes more (less: negative) than the other run's in proportion. */
double diff_excess(const struct pair *p);

#endif
