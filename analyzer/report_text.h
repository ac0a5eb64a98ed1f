/*
 * report_text.h - a report for people: the verdict, then what it rests on
 */
#ifndef OURO_REPORT_TEXT_H
#define OURO_REPORT_TEXT_H

#include "report.h"
#include "term.h"

struct text_options {
	bool all;		/* nothing is left out of lists */
	const char *path;	/* of the trace, for what to type next */
};

void report_text(const struct term *t, const struct report *r, const struct text_options *o);
void leaks_text(const struct term *t, const struct report *r, const struct text_options *o);
void cycles_text(const struct term *t, const struct report *r, const struct text_options *o);

/* The verdict and the worst findings, in a few lines, for the end of `ouro run`. */
void summary_text(const struct term *t, const struct report *r, const struct text_options *o);

/* ------------------------------------------------------------------ for other renderers */

void text_begin(const struct term *t, const struct report *r);	/* head and notes */
void text_line(const struct term *t, enum term_style style, unsigned indent, const char *text);
/* Of C code's calls those that matter: `native` shows all but the runtime's. `all`: to the outermost. */
void text_stack(const struct term *t, const struct heap *h, uint32_t site, bool native, bool all);
void text_findings_of(const struct term *t, const struct report *r, enum finding_kind kind,
		      const struct text_options *o);

#endif
