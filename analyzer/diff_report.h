/*
 * diff_report.h - a difference for people and for programs
 */
#ifndef OURO_DIFF_REPORT_H
#define OURO_DIFF_REPORT_H

#include "diff.h"
#include "term.h"

void diff_text(const struct term *t, const struct diff *d, bool all);
void diff_json(FILE *out, const struct diff *d);	/* docs/json.md */

#endif
