/*
 * lines.h - files that people write, read line by line, with errors that name the line
 */
#ifndef OURO_LINES_H
#define OURO_LINES_H

#include <stdint.h>

#define LINES_ERROR 300

struct lines {
	char *rest;			/* of the text, which is cut into lines      */
	const char *path;		/* for errors                                */
	uint32_t line;			/* of the last one read, from 1; 0: none yet */
	char *error;			/* LINES_ERROR bytes                         */
};

/* The next line without its end; NULL: that was the last. */
char *lines_next(struct lines *l);
/* Without white space at either end; in place. */
char *lines_trim(char *s);
/* The next one that is not empty and no comment, trimmed. */
char *lines_next_told(struct lines *l);
/* "path:line: what: where"; where may be "".  -EINVAL. */
int lines_wrong(const struct lines *l, const char *what, const char *where);

#endif
