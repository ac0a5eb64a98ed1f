/*
 * view.h - the options all commands that read a trace have in common
 */
#ifndef OURO_VIEW_H
#define OURO_VIEW_H

#include "report.h"
#include "report_text.h"

struct view {
	const char *path;		/* the trace                               */
	const char *query;		/* second word, for commands that take one */
	bool json, csv, all, each;
	bool events;			/* events alone: no snapshot, no findings  */
	bool may_csv;
	bool tree, may_tree;		/* history                                 */
	bool lives;			/* `ouro survival`                         */
	const char *core;		/* NULL: none                              */
	uint32_t snapshot;		/* 0: the newest complete one              */
	double skip;			/* seconds of warm-up; 0: as it is judged    */
	uint32_t limit, paths;		/* holders                                 */
	struct whatif_options whatif;	/* gc                                      */
	struct symbols_options symbols;	/* --sysroot, --no-demangle, --debuginfod  */
};

/* What --help of each says of them. */
#define VIEW_SYMBOLS_HELP \
"  --sysroot DIR        where the files of the recorded machine are\n" \
"  --no-demangle        C++ and Rust names as the linker has them\n" \
"  --debuginfod         ask the servers of DEBUGINFOD_URLS for symbols\n"

#define VIEW_QUERY	1		/* the command takes a second word         */
#define VIEW_CSV	2		/* ... and --format csv                    */
#define VIEW_TREE	4		/* ... and --tree; a limit is not set then */
#define VIEW_WHATIF	8		/* it tells what other settings would do   */
#define VIEW_LIVES	16		/* it tells how long all live              */

/* How code is named, for parsers of their own: options of getopt_long, and what one does. */
enum { VIEW_SYSROOT = 512, VIEW_NO_DEMANGLE, VIEW_DEBUGINFOD };
#define VIEW_SYMBOLS_OPTIONS \
	{ "sysroot", required_argument, NULL, VIEW_SYSROOT }, \
	{ "no-demangle", no_argument, NULL, VIEW_NO_DEMANGLE }, \
	{ "debuginfod", no_argument, NULL, VIEW_DEBUGINFOD }
int view_symbols(struct symbols_options *o, int option);	/* -1, or the exit status */

bool view_real(const char *s, double *ret);	/* a number, not negative */

/*
 * Parses the arguments of `ouro NAME`; -1: go on, else the exit status: what was
 * wrong, or the help that was asked for, is said.
 */
int view_parse(struct view *v, int argc, char **argv, unsigned takes, const char *help);

/* Reads the trace; on failure says why and returns the exit status, else -1. */
int view_open(const struct view *v, struct report *r);

/*
 * A whole command: parses, opens, has `answer` written to stdout, closes; the exit
 * status.  `answer` returns an exit status and has told what is wrong, or -errno.
 */
int view_run(int argc, char **argv, unsigned takes, const char *help,
	     int (*answer)(const struct view *v, struct report *r));

/* stdout as a terminal, with paths relative to where one stands; false: it could not be written. */
struct term view_term(FILE *out);
int view_close(struct report *r);	/* the exit status */

#endif
