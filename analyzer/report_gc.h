/*
 * report_gc.h - what the collector did, for people, programs and spreadsheets
 */
#ifndef OURO_REPORT_GC_H
#define OURO_REPORT_GC_H

#include "report_text.h"

/* All: -ENOMEM. */
int gc_text(const struct term *t, struct report *r, const struct text_options *o);
int gc_json(FILE *out, struct report *r);
int gc_csv(FILE *out, const struct report *r);	/* one line for each collection */

#endif
