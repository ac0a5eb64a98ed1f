/*
 * launch.h - start a program under the library, and see it to its end
 */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <ouro/target.h>
#include <stdbool.h>
#include <sys/types.h>

/* What the user asked for; see ouro/options.h for the words. */
struct launch {
	const char *output;		/* as given, may have %p and %e; NULL: default     */
	const char *mode, *ring, *sample, *snapshot, *debug;	/* NULL: the library's default */
	const char *watch;		/* whose counts: see ouro/options.h          */
	const char *runtimes;		/* description files, absolute, parted by `:`      */
	bool follow;

	char *library;			/* filled in by launch_prepare                     */
	char *program;			/* the file that will run                          */
	char *pattern;			/* absolute path of the trace, %p and %e in it     */
	enum ouro_target target;
};

/* A file of ours, beside the command or where it was installed; to be freed.  NULL: not there. */
char *launch_find(const char *name);

/* 0, or -errno with *ret_what saying (in words, to be freed) what is wrong. */
int launch_prepare(struct launch *l, const char *command, char **ret_what);
void launch_fini(struct launch *l);

/* Fork and exec; untouched when the target cannot be recorded.  The pid or -errno. */
pid_t launch_start(const struct launch *l, char *const argv[]);

/* The program's wait status.  Signals sent to us while we wait are passed on. */
int launch_wait(pid_t pid);

/* The trace of the first process, which has this pid, to be freed; NULL: no memory. */
char *launch_trace_path(const struct launch *l, pid_t pid);

#endif
