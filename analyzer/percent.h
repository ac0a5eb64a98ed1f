/*
 * percent.h - percentages as users type them
 */
#ifndef OURO_PERCENT_H
#define OURO_PERCENT_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* "10%" or "10" is 0.1; false: it is none. */
static inline bool percent_of(const char *s, double *ret)
{
	char *end;
	double v = strtod(s, &end);

	if (end == s || (*end && strcmp(end, "%")) || !(v >= 0) || v > 1e6)
		return false;
	*ret = v / 100;
	return true;
}

#endif
