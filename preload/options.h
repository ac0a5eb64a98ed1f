/*
 * options.h - OURO_OPTIONS (ouro/options.h), read once at start
 */
#ifndef PRELOAD_OPTIONS_H
#define PRELOAD_OPTIONS_H

#include <ouro/describe.h>
#include <ouro/options.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTIONS_CALL_MAX 128

struct options {
	enum { MODE_STREAM, MODE_RING } mode;
	uint64_t ring;			/* bytes                                     */
	uint64_t sample;		/* bytes; 0: everything                      */
	bool snapshot_exit;
	int snapshot_signal;		/* 0: none                                   */
	uint32_t snapshot_every;	/* seconds; 0: never                         */
	enum { COLLECTIONS_NEVER, COLLECTIONS_WHEN_SMALL, COLLECTIONS_ANY } snapshot_collection;
	char snapshot_call[OPTIONS_CALL_MAX];	/* MODULE.FUNCTION; empty: none      */
	bool follow;
	int preload;			/* 1, 0, or -1: not said                     */
	uint32_t first;			/* pid of the first process; 0: it is us     */
	uint64_t parent;		/* 0: none                                   */
	char runtimes[OURO_DESCRIBE_LIST];	/* files, parted by `:`                      */
	char watch[512];		/* whose counts are watched; empty: nobody's  */
	char debug[128];
	char file[4096];		/* pattern                                   */
	char unknown[128];		/* the first key that is not known; empty: none */
};
extern struct options options;

/* NULL: not set, all defaults.  Bad values leave the default and count as unknown. */
void options_parse(struct options *o, const char *text);

/*
 * The name of the trace of process `pid`, running `program`, by the pattern:
 * `first` (see above) decides whether it is `file` itself.  False: does not fit.
 */
bool options_path(const struct options *o, uint32_t pid, const char *program, char *ret,
	size_t room);

/* The name, without its last number, that the trace there gets when it must make way. */
bool options_aside_path(const struct options *o, uint32_t pid, const char *program, char *ret,
	size_t room);

#endif
