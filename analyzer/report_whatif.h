/*
 * report_whatif.h - other settings of the collector: the table, and JSON
 */
#ifndef OURO_REPORT_WHATIF_H
#define OURO_REPORT_WHATIF_H

#include "json.h"
#include "report.h"

/* What the program set, and when. */
void settings_text(const struct term *t, const struct report *r);
void settings_json(struct json *j, const struct report *r);	/* the member "changes" */

void whatif_text(const struct term *t, const struct report *r);
void whatif_json(struct json *j, const struct report *r);	/* the member "what_if" */

#endif
