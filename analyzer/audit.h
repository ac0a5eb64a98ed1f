/*
 * audit.h - the gate: what was found, against what is known
 *
 *	audit_init
 *	audit_add_run(FILE)...		all processes of a run, once for each run
 *	audit_settle			pairs with the baseline, gives the verdict
 *
 * Only what is new or has grown fails, and what is of a kind that must not be.
 */
#ifndef OURO_AUDIT_H
#define OURO_AUDIT_H

#include "baseline.h"
#include "suppress.h"
#include "symbols.h"
#include "warm.h"

struct audit_options {
	const char *project;		/* folder; paths below it are told from there */
	struct warm warm;
	struct tolerance tolerance;
	enum finding_severity severity;	/* what is less is passed over               */
	const char *fail_on;		/* kinds parted by commas, or NULL           */
	struct symbols_options symbols;
	const char *only;		/* programs that are called so; NULL: all    */
};

enum audit_why { AUDIT_FINE, AUDIT_NEW, AUDIT_GROWN, AUDIT_KIND };

/* Something that fails by itself: a crash, a run that cannot be judged. */
struct audit_failure {
	const char *kind;		/* "crash", "status", "no-snapshot"          */
	char *text;
};

struct audit_process {
	char *path, *program, *state;
	uint32_t pid, findings;		/* before suppressions                       */
	bool first;			/* of its run                                */
};

struct audit {
	struct audit_options o;
	struct suppressions suppressions;
	struct baseline baseline;	/* empty: nothing is known                   */
	struct ledger now;
	struct pairs pairs;
	enum audit_why *why;		/* by pair                                   */
	uint32_t fails;			/* pairs that do                             */

	uint64_t suppressed, passed_over;	/* findings: by a suppression, too slight */
	double work, seconds;

	struct audit_process *process;
	struct audit_failure *failure;
	char **note;			/* what limits the verdict                   */
	uint32_t nprocesses, nfailures, nnotes;
	uint32_t cap[3];
};

/* Suppressions and baseline are read into it by the caller. */
void audit_init(struct audit *a, const struct audit_options *o);
void audit_fini(struct audit *a);

/*
 * The trace of a run's first process, with those of the others.  0, -errno; `error`
 * has one line for the user then.
 */
int audit_add_run(struct audit *a, const char *path, char error[400]);

int audit_fail(struct audit *a, const char *kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int audit_note(struct audit *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

int audit_settle(struct audit *a);	/* -ENOMEM */

static inline bool audit_failed(const struct audit *a)
{
	return a->fails || a->nfailures;
}

/* Is the word one of the list "a,b,c"? */
bool audit_in_list(const char *list, const char *word);

const char *audit_why_name(enum audit_why why);	/* "new" */

#endif
