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
	uint32_t snapshot;		/* 0: the newest complete one              */
	uint32_t limit, paths;		/* holders                                 */
	struct symbols_options symbols;	/* --sysroot, --no-demangle, --debuginfod  */
};

/* The same for who parses by himself: VIEW_SYMBOLS_OPTIONS in his list, this for what he does not know. */
enum { VIEW_SYSROOT = 1000, VIEW_NO_DEMANGLE, VIEW_DEBUGINFOD };
#define VIEW_SYMBOLS_OPTIONS \
	{ "sysroot", required_argument, NULL, VIEW_SYSROOT }, \
	{ "no-demangle", no_argument, NULL, VIEW_NO_DEMANGLE }, \
	{ "debuginfod", no_argument, NULL, VIEW_DEBUGINFOD }

/* -1: taken; STATUS_USAGE: it is none of them, or cannot be done, which is said then. */
int view_symbols_option(struct symbols_options *o, int option);

/* What --help of each says of them. */
#define VIEW_SYMBOLS_HELP \
"  --sysroot DIR        where the files of the recorded machine are\n" \
"  --no-demangle        C++ and Rust names as the linker has them\n" \
"  --debuginfod         ask the servers of DEBUGINFOD_URLS for symbols\n"

#define VIEW_QUERY	1		/* the command takes a second word         */
#define VIEW_CSV	2		/* ... and --format csv                    */
#define VIEW_TREE	4		/* ... and --tree; a limit is not set then */

/*
 * Parses the arguments of `ouro NAME`; -1: go on, else the exit status: what was
 * wrong, or the help that was asked for, is said.
 */
int view_parse(struct view *v, int argc, char **argv, unsigned takes, const char *help);

/* Reads the trace; on failure says why and returns the exit status, else -1. */
int view_open(const struct view *v, struct report *r);

/* stdout as a terminal, with paths relative to where one stands; false: it could not be written. */
struct term view_term(FILE *out);
int view_close(struct report *r);	/* the exit status */

#endif
