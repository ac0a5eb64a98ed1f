/*
 * doctor.h - what will be recorded of a program, and what will not, and why
 *
 * Reads files and asks the kernel; the program is not started.  So all that
 * is said holds for the program as it would start here and now, and not for
 * what only a run shows: functions that cannot be entered by detour, libraries
 * loaded later, limits that the program sets for itself.
 */
#ifndef OURO_DOCTOR_H
#define OURO_DOCTOR_H

#include "launch.h"

#include <stdint.h>

enum verdict {
	VERDICT_INFO,		/* neither here nor there                     */
	VERDICT_YES,
	VERDICT_LIMITED,	/* will be recorded, but not all, or not well */
	VERDICT_NO,		/* will not be                                */
};

struct check {
	const char *what;	/* "program", "runtime", "allocator", ...     */
	enum verdict verdict;
	char *text;		/* a sentence without its full stop           */
	const char *advice;	/* what to do about it; NULL: nothing         */
};

struct doctor {
	struct check *checks;
	uint32_t n, cap;
	bool no_memory;		/* checks are missing                         */

	char program[4096];	/* the last of the chain: that which will run */
	char runtime[16];	/* "cpython"; empty: none                     */
	char version[32], runtime_file[4096];
	char allocator[4096];	/* the file whose malloc the program calls; empty: not known */
};

/* Everything, in the order in which it should be read. */
void doctor_examine(struct doctor *d, struct launch *l, char *const argv[]);
void doctor_fini(struct doctor *d);

/* The worst of all checks. */
enum verdict doctor_verdict(const struct doctor *d);

/* For doctor_system.c: the part that is about the machine and not the program. */
void doctor_system(struct doctor *d, const struct launch *l);
/* For doctor_runtimes.c: the libraries that description files are about; asked: as in struct launch. */
struct binaries;
void doctor_runtimes(struct doctor *d, const char *asked, const struct binaries *b);
void doctor_say(struct doctor *d, const char *what, enum verdict verdict, const char *advice,
		const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
