/*
 * report_sites.h - who made how much, as a table, a tree, or a chart over time
 */
#ifndef OURO_REPORT_SITES_H
#define OURO_REPORT_SITES_H

#include "buf.h"
#include "json.h"
#include "report.h"
#include "term.h"
#include "tree.h"
#include "usage.h"

struct sites_options {
	struct usage_query query;
	enum usage_sort sort;
	uint32_t limit;			/* rows that are told; 0: all                */
	double from, to;		/* seconds; 0: all                           */
	bool top_down, native;		/* trees; native: frames of machine code too */
	double least;			/* trees: what is less of the whole is folded, 0 to 1 */
};

/* The table is sorted. */
void sites_text(const struct term *t, const struct report *r, const struct usage_table *s,
	const struct sites_options *o);
void sites_json(FILE *out, struct report *r, const struct usage_table *s,
	const struct sites_options *o);
void sites_csv(FILE *out, const struct usage_table *s);

void tree_text(const struct term *t, const struct report *r, const struct tree *tree,
	const struct sites_options *o);
void tree_json(FILE *out, const struct report *r, const struct tree *tree,
	const struct sites_options *o);

void timeline_text(const struct term *t, const struct report *r);
void timeline_json(FILE *out, const struct report *r);
void timeline_csv(FILE *out, const struct report *r);

/* "At its highest, 4.3 MiB at 0.21 s: 1.2 MiB in f() (a.c:3), ..."; nothing when nothing was. */
int peak_text(const struct term *t, const struct report *r);
int peak_json(struct json *j, const struct report *r);

/* Fields of an object that is open. */
void usage_json(struct json *j, const struct usage *u, bool sampled);

/* For other renderers: "4.3M", "16.4k", "12 us". */
void short_bytes(struct buf *b, double bytes);
void short_number(struct buf *b, double n);
void short_time(struct buf *b, double ns);

/* Names of enum usage_by and enum usage_sort; -1: no such name. */
const char *sites_by_name(enum usage_by by);
const char *sites_sort_name(enum usage_sort sort);
int sites_by(const char *name);
int sites_sort(const char *name);

#endif
