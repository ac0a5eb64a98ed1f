/*
 * pairs.h - which entry of one ledger is which of another, and did it grow?
 *
 * Entries are paired by their keys; where several have one key, so that lines in
 * order, equal sizes and small shifts fit best.  What is left is paired as an
 * optimiser or a move could have changed it: a chain of calls with some left out,
 * then the same functions in a file of another name.
 *
 * A count may grow in proportion to the work done (work.h), or stay: either is
 * the same defect.  So it has grown when it is above what it was, and above what it
 * was times the growth of the run, both by more than the tolerance.  To tell
 * from a short run what a long one gives is uncertain: the tolerance is granted once
 * more for each doubling.  Where an entry says what its count is in proportion to
 * (per), that alone counts.
 */
#ifndef OURO_PAIRS_H
#define OURO_PAIRS_H

#include "ledger.h"

struct tolerance {
	double share;			/* 0.1: a tenth more is no growth            */
	double weight;			/* objects and bytes may grow by this factor besides: they
					 * differ between versions of a runtime, too */
	double slack;			/* ... and bytes by so many: texts have any length */
	enum ledger_per per;		/* for entries that do not say; not PER_ANY  */
};

enum pair_verdict { PAIR_SAME, PAIR_GROWN, PAIR_SHRUNK, PAIR_NEW, PAIR_GONE, PAIR_VERDICTS };

struct pair {
	const struct ledger_entry *old, *now;	/* NULL: PAIR_NEW, PAIR_GONE         */
	enum pair_verdict verdict;
	bool whole;			/* all entries of their keys were judged as one */
	enum ledger_per per;
	double scale;			/* the later run did so many times the work  */
	double allowed;			/* count that would still be no growth       */
};

struct pairs {
	struct pair *pair;		/* those of now, in its order; then the gone */
	uint32_t n;
	uint32_t count[PAIR_VERDICTS];
};

/* Both are settled, and outlive the pairs.  -ENOMEM. */
int pairs_make(struct pairs *p, const struct ledger *old, const struct ledger *now,
	       const struct tolerance *t);
void pairs_fini(struct pairs *p);

const char *pair_verdict_name(enum pair_verdict v);	/* "grown" */

/* What a count of `base` may be in a run of `scale` times the work. */
double tolerance_allows(const struct tolerance *t, double base, double scale);

#endif
