/*
 * baseline.h - the findings that are known, as a text that people review
 *
 * docs/baseline.md has the format.  Reading keeps comments: those before the first
 * stanza are the file's, those right above a stanza are that stanza's.
 */
#ifndef OURO_BASELINE_H
#define OURO_BASELINE_H

#include "pairs.h"

struct baseline {
	struct ledger ledger;		/* settled                                   */
	char *head, *foot;		/* comments: whole lines; NULL: none         */
};

/*
 * 0, -errno of the file, or -EINVAL; `error` has one line for the user then,
 * which begins with the file's name.
 */
int baseline_read(struct baseline *b, const char *path, char error[300]);

/* The same from a text that is changed meanwhile; `path` is for errors. */
int baseline_parse(struct baseline *b, char *text, const char *path, char error[300]);

/* Replaces the file as a whole, or leaves it. -errno. */
int baseline_write(const struct baseline *b, const char *path);

/*
 * What the baseline becomes when `now` is accepted: stanzas whose findings are as they
 * were stay as they are, the others are written anew under their comments; those that are
 * gone stay only with `keep`.
 */
int baseline_update(struct baseline *ret, const struct baseline *old, const struct pairs *p,
		    bool keep);

void baseline_fini(struct baseline *b);

#endif
