/*
 * term.h - what the terminal can show
 *
 * Colour is for people: only on a terminal, never under NO_COLOR
 * (https://no-color.org) or TERM=dumb.  Progress goes to stderr, only when that
 * is a terminal, and only for what takes more than a second.
 */
#ifndef OURO_TERM_H
#define OURO_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum term_style { TERM_PLAIN, TERM_BOLD, TERM_DIM, TERM_RED, TERM_YELLOW, TERM_GREEN, TERM_CYAN };

struct term {
	FILE *out;
	unsigned width;		/* columns; at least 40                    */
	bool colour;
	const char *directory;	/* paths below it are shown relative to it; NULL: as they are */
};

/* The width is COLUMNS, else the terminal's, else 100. */
struct term term_of(FILE *out);

void term_style(const struct term *t, enum term_style style);

/*
 * Prints text in lines of the terminal's width, each but the first indented
 * by `indent` columns; `column` is where the first starts.  Lines break at
 * spaces; a word longer than a line is left whole, so that it can be copied.
 */
void term_wrap(const struct term *t, unsigned column, unsigned indent, const char *text);

/* Columns that text takes, one for each character. */
unsigned term_columns(const char *text);

/* The path as it is shown: relative to the directory where that is shorter. */
const char *term_path(const struct term *t, const char *path);

struct progress {
	const char *what;
	uint64_t started_ns, shown_ns;
	bool shown;
};

void progress_start(struct progress *p, const char *what);
void progress_step(struct progress *p, uint64_t done, uint64_t total);	/* total 0: not known */
void progress_stop(struct progress *p);		/* takes the line away again */

#endif
