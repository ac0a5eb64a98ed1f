/*
 * wild.h - patterns with * (any text, slashes too) and, where asked for, ? (any character)
 */
#ifndef OURO_WILD_H
#define OURO_WILD_H

#include <stdbool.h>

enum wild {
	WILD_WHOLE   = 0,		/* the pattern is all of the text            */
	WILD_PART    = 1 << 0,		/* ... or any part of it; ^ and $ are its ends */
	WILD_ONE     = 1 << 1,		/* ? is a wildcard, too                      */
};

bool wild_match(const char *pattern, const char *text, unsigned how);

#endif
