#include "wild.h"

#include <stddef.h>

/* Goes back to the last star alone: no pattern takes more than its length times the text's. */
static bool match(const char *p, const char *end, const char *s, bool one, bool open_start,
		  bool open_end)
{
	const char *star = open_start ? p : NULL, *from = s;

	for (;;) {
		if (p < end && *p == '*') {
			star = ++p;
			from = s;
		} else if (p == end && (open_end || !*s)) {
			return true;
		} else if (*s && p < end && (*p == *s || (one && *p == '?'))) {
			p++, s++;
		} else if (star && *from) {
			p = star;
			s = ++from;
		} else {
			return false;
		}
	}
}

bool wild_match(const char *pattern, const char *text, unsigned how)
{
	const char *end = pattern;
	bool one = how & WILD_ONE, open_start = how & WILD_PART, open_end = open_start;

	while (*end)
		end++;
	if (open_start && *pattern == '^') {
		pattern++;
		open_start = false;
	}
	if (open_end && end > pattern && end[-1] == '$') {
		end--;
		open_end = false;
	}
	return match(pattern, end, text, one, open_start, open_end);
}
