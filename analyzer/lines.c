#include "lines.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

char *lines_next(struct lines *l)
{
	char *line = strsep(&l->rest, "\n");

	if (line)
		l->line++;
	return line;
}

char *lines_trim(char *s)
{
	char *end = s + strlen(s);

	while (end > s && isspace((unsigned char)end[-1]))
		*--end = 0;
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

char *lines_next_told(struct lines *l)
{
	char *line;

	while ((line = lines_next(l))) {
		line = lines_trim(line);
		if (*line && *line != '#')
			return line;
	}
	return NULL;
}

int lines_wrong(const struct lines *l, const char *what, const char *where)
{
	snprintf(l->error, LINES_ERROR, "%s:%u: %s%s%.80s", l->path, l->line, what,
		 *where ? ": " : "", where);
	return -EINVAL;
}
