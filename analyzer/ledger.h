/*
 * ledger.h - what was found, by names that outlive a build
 *
 * A ledger is what two runs can be compared by: no address, no id, no absolute
 * path.  What an entry is, its key says: kind, types, places (function and file, the
 * lines left out) and names of edges.  Entries with one key are told apart
 * by their lines.
 *
 *	ledger_add, ledger_type, ledger_place, ledger_edge ... ledger_settle
 *
 * Adding never fails at the call: ledger_settle says whether memory ended.
 */
#ifndef OURO_LEDGER_H
#define OURO_LEDGER_H

#include "finding.h"

struct ledger_place {
	const char *function;		/* "?" when not known                        */
	const char *file;		/* shortened, "" when not known              */
	uint32_t line;			/* 0: not known                              */
};

/* What the count of an entry is in proportion to. */
enum ledger_per {
	PER_ANY = 0,			/* not said: either is good                  */
	PER_RUN,			/* nothing: so many in any run               */
	PER_ALLOCATION,
	PER_SECOND,
	PERS,
};

struct ledger_entry {
	const char *kind;		/* as finding_kind_name has it               */
	enum finding_severity severity;
	const char **type;		/* by name                                   */
	const char **edge;		/* "Node.parent -> Node", by name            */
	struct ledger_place *place;	/* by name; a chain: innermost first         */
	uint32_t ntypes, nedges, nplaces;
	bool chain;			/* places are calls, each inside the next    */
	bool recursive;			/* ... and some of them were left out        */

	uint64_t count;			/* so many alike                             */
	uint64_t objects, bytes;	/* of all of them                            */
	double work, seconds;		/* allocations and time of the processes that have it;
					 * 0: not known                              */
	uint32_t process;		/* the one it was found in; merged: the last */
	enum ledger_per per;

	const char *headline, *advice;	/* for people; "" when not known             */
	const char *comment;		/* of a baseline: whole lines above it, or "" */
	const struct finding *finding;	/* while its report is open; else NULL       */
	text_id key;			/* after ledger_settle                       */
};

struct ledger {
	struct texts texts;
	struct ledger_entry *entry;
	uint32_t n, cap;
	bool failed;
};

/* The new entry is good until the next call; NULL: no memory, which is remembered. */
struct ledger_entry *ledger_add(struct ledger *l, const char *kind);
void ledger_type(struct ledger *l, struct ledger_entry *e, const char *name);
void ledger_edge(struct ledger *l, struct ledger_entry *e, const char *name);
void ledger_place(struct ledger *l, struct ledger_entry *e, const char *function,
		  const char *file, uint32_t line);
const char *ledger_text(struct ledger *l, const char *s);	/* kept; NULL is "" */

/* A copy of another ledger's entry, without its finding. */
void ledger_copy(struct ledger *l, const struct ledger_entry *from);

/* Before ledger_settle: takes one out; the last one takes its place. */
void ledger_remove(struct ledger *l, uint32_t i);

/*
 * Sorts types, places and edges, makes keys, adds up entries that are the same to line
 * and size, sorts.  -ENOMEM.
 */
int ledger_settle(struct ledger *l);
void ledger_fini(struct ledger *l);

/* Lines of places, compared from the first on. */
int ledger_compare_lines(const struct ledger_entry *a, const struct ledger_entry *b);

/* The name that two places of one file in different folders have in common. */
const char *ledger_file_name(const char *file);

/* "leak_one() (src/leak.c:12)" */
struct buf;
void ledger_put_place(struct buf *b, const struct ledger_place *p, bool line);

/* "list at f() (a.py:3) and g() (a.py:7)", "leak() (a.c:3) by main() (a.c:9)" */
void ledger_put_title(struct buf *b, const struct ledger_entry *e, bool lines);

const char *ledger_per_name(enum ledger_per per);	/* "allocation" */
bool ledger_per_of(const char *name, enum ledger_per *ret);

#endif
