/*
 * history.h - all that happened to the references of a few objects
 *
 * The trace is played twice: once to find the objects that a query means, of
 * those that stay if there are any, and once to write down what happens to them.
 * Retains and releases are matched as in refs.h; what has no partner is the suspect.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include "calltree.h"
#include "refs.h"

#define HISTORY_EVENTS (1u << 20)	/* so many are written down                  */

enum history_by {
	HISTORY_BY_NOTHING,		/* the query matches nothing                 */
	HISTORY_BY_ADDRESS, HISTORY_BY_PLACE, HISTORY_BY_TYPE, HISTORY_BY_FUNCTION,
};

struct history_event {
	struct ref_event e;
	uint32_t partner;		/* number of the event it goes with; 0: none */
	bool counts;			/* it is a retain or a release               */
	bool up;			/* ... a retain                              */
};

struct history_object {
	uint64_t addr, nth;
	uint32_t type;
	site_id born;
	uint64_t birth, death;		/* ticks; 0: not known, it lives             */
	uint64_t retains, releases;	/* ... that were written down                */
	uint32_t matched;		/* events that have a partner                */
	bool stays;			/* a finding has it                          */
	struct history_event *event;	/* number 1 is event[0]                      */
	uint32_t n, cap;
};

struct history {
	struct replay replay;		/* of the second time                        */
	struct refs refs;
	enum history_by by;
	struct history_object *object;	/* those that stay first, then by birth      */
	uint32_t n, cap;
	uint64_t matches;		/* objects that the query means              */
	uint64_t staying;		/* ... of them, in findings                  */
	uint64_t at_address;		/* objects that were ever at the address     */
	bool dead;			/* none of them lives: the first ones are shown */
	bool cut;			/* events were too many to write down        */
	uint32_t events;
	struct calltree tree;
};

struct history_query {
	const char *text;
	uint32_t limit;			/* objects at most                           */
	uint32_t snapshot;		/* who lives is asked here; 0: at the end    */
	const uint64_t *stays;		/* addresses of objects in findings, ascending */
	uint32_t nstays;
	bool all;			/* the tree has what is matched, too         */
};

/*
 * by NOTHING and n = 0 when the query means no object.  The trace must not be in
 * use by another replay's merge at this time.  -ENOMEM.
 */
int history_init(struct history *h, struct trace *t, const struct defs *d,
	struct symbols *symbols, const struct history_query *q);
void history_fini(struct history *h);

const char *history_by_words(enum history_by by);

/* "made", "retained", "released", "sunk", ...; never NULL. */
const char *history_words(const struct history_event *e);

#endif
