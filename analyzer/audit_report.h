/*
 * audit_report.h - the verdict of an audit, for a log, for programs, for a CI system
 */
#ifndef OURO_AUDIT_REPORT_H
#define OURO_AUDIT_REPORT_H

#include "audit.h"
#include "term.h"

struct audit_words {
	const char *command;		/* as typed, or the traces                   */
	const char *baseline;		/* file, or NULL                             */
	bool kept;			/* the trace is still there                  */
};

void audit_text(const struct term *t, const struct audit *a, const struct audit_words *w);
void audit_json(FILE *out, const struct audit *a, const struct audit_words *w);	/* docs/json.md */

/* JUnit XML as Jenkins, GitLab and Ant's schema have it: one case for each finding. */
void audit_junit(FILE *out, const struct audit *a, const struct audit_words *w);

/* "grown: 2 -> 7 (up to 2.2 would be within the tolerance of 10 %)" */
struct buf;
void audit_put_change(struct buf *b, const struct audit *a, uint32_t pair);


#endif
