/*
 * report_history.h - `ouro history`, for people and for programs
 */
#ifndef OURO_REPORT_HISTORY_H
#define OURO_REPORT_HISTORY_H

#include "history.h"
#include "report.h"
#include "term.h"

struct history_options {
	const char *query, *path;	/* path: of the trace, for what to type next */
	bool all;			/* matched pairs, and whole stacks           */
	bool tree;			/* the tree of calls in place of the events  */
};

void history_text(const struct term *t, struct report *r, struct history *h,
	const struct history_options *o);
void history_json(FILE *out, struct report *r, struct history *h, const struct history_options *o);

#endif
