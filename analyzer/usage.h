/*
 * usage.h - what was made, what lives, what was there at the peak: summed up by anything
 *
 * A usage is one part's numbers, or the sum of many.  Of a sample they are estimates
 * with standard errors (usage_error); otherwise whole numbers, exact.
 *
 *	usage_table_init(&t, &replay, &places, &(struct usage_query){ .by = USAGE_BY_FUNCTION });
 *	usage_sort(&t, USAGE_SORT_LIVE);
 *	... t.row[i].function, t.row[i].u.live_bytes ...
 */
#ifndef OURO_USAGE_H
#define OURO_USAGE_H

#include "places.h"
#include "replay.h"

struct usage {
	double blocks, bytes;		/* made, and moved to by realloc; bytes asked for */
	double live, live_bytes;	/* left when the program began to end, see replay.h */
	double peak, peak_bytes;	/* its part of the program's peak            */
	double brief;			/* blocks: temporary                         */
	double objects, live_objects;	/* born; left                                */
	double bytes_variance, live_bytes_variance, peak_bytes_variance;	/* 0: exact */
	double blocks_variance, live_variance;
	uint64_t block_ages[AGES], object_ages[AGES];	/* of the dead, see ages.h   */
};

void usage_add_part(struct usage *u, const struct replay *r, part_id part);
double usage_error(double variance);	/* standard error                            */

/* Of blocks; of objects where there are any. */
const uint64_t *usage_ages(const struct usage *u);

enum usage_by {
	USAGE_BY_SITE,			/* function, file and line of places_own()   */
	USAGE_BY_STACK,
	USAGE_BY_FUNCTION,
	USAGE_BY_FILE,
	USAGE_BY_MODULE,		/* as places_module()                        */
	USAGE_BY_TYPE,
	USAGE_BY_THREAD,
};

/* NULL and 0: all.  Texts are shell patterns, or part of a path, or the last part of a name. */
struct usage_query {
	enum usage_by by;
	const char *function;		/* of the place                              */
	const char *under;		/* of any frame                              */
	const char *module;		/* loaded file, or file of an interpreter    */
	const char *type;
	uint32_t thread;
	/*
	 * Innermost calls below which less than so many bytes at the peak, or fewer temporary
	 * blocks, were made are left out of a table, and need not be named.
	 */
	double least_peak, least_brief;
};

struct usage_row {
	const char *function, *file, *module;	/* "" when not known or not the same for all */
	const char *type;		/* "memory block": no object; NULL: more than one type */
	uint32_t line, thread;		/* 0: not known, or more than one            */
	site_id site;			/* the one of them with the most             */
	uint64_t own_peak;		/* BY_STACK: its own highest, bytes          */
	struct usage u;
};

struct usage_table {
	struct usage_row *row;
	uint32_t n, cap;
	struct usage all;		/* of the rows                               */
};

/* The replay has stopped at its end.  -ENOMEM. */
int usage_table_init(struct usage_table *t, const struct replay *r, struct places *p,
	const struct usage_query *q);
void usage_table_fini(struct usage_table *t);

enum usage_sort {
	USAGE_SORT_LIVE, USAGE_SORT_BYTES, USAGE_SORT_COUNT, USAGE_SORT_PEAK,
	USAGE_SORT_TEMPORARY, USAGE_SORT_LIFETIME,
};

void usage_sort(struct usage_table *t, enum usage_sort by);	/* the most first */

/* What is sorted by: bytes, or a number, or ns. */
double usage_key(const struct usage *u, enum usage_sort by);

/* "memory block" for none; texts of the places. */
const char *usage_type(const struct replay *r, struct places *p, uint32_t type);

/* Is this part asked for?  For who walks the parts alone: tree.c. */
bool usage_asked(const struct usage_query *q, const struct replay *r, struct places *p,
	part_id part);

#endif
