/*
 * summary.h - what `ouro run` says when its program has ended
 */
#ifndef OURO_SUMMARY_H
#define OURO_SUMMARY_H

#include <stdbool.h>
#include <stdio.h>

/* A few lines, or all as JSON; why not, on stderr, when the trace cannot be read.  An enum status. */
int report_summary(FILE *out, const char *path, bool json);

#endif
