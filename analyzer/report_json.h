/*
 * report_json.h - a report for programs; docs/json.md is the contract
 */
#ifndef OURO_REPORT_JSON_H
#define OURO_REPORT_JSON_H

#include "holders.h"
#include "json.h"
#include "report.h"

/* All of it, or the findings of one part alone. */
void report_json(FILE *out, const struct report *r, enum report_part part);

/* The first `limit` matches in full. -ENOMEM; nothing is written then. */
int holders_json(FILE *out, const struct report *r, const struct holders *s, const char *query,
		 uint32_t limit, uint32_t paths);

/* ------------------------------------------------------------------ for other renderers */

void report_json_begin(struct json *j, const struct report *r);	/* '{' and the head */
void report_json_place(struct json *j, const struct report *r, uint32_t site);	/* "site" */
void report_json_stack(struct json *j, const struct report *r, uint32_t site);
void report_json_findings(struct json *j, const struct report *r, const enum finding_kind *kind,
			  unsigned kinds);

#endif
