/*
 * finding.h - what an analysis has to say to a person
 *
 * A finding stands for all that are alike: of the same types, made at the
 * same places, holding each other by the same names.  Sums are over all of them;
 * members, edges, stack and words show one.  Everything a renderer prints is
 * here; it owns all it points to, but for texts of the heap it came from.
 */
#ifndef OURO_FINDING_H
#define OURO_FINDING_H

#include "heap.h"

enum finding_kind {
	FINDING_DEAD_CYCLE,
	FINDING_UNCOLLECTABLE_CYCLE,
	FINDING_OVER_RETAINED,
	FINDING_LOST,			/* blocks of malloc                        */
	FINDING_LIVE_CYCLE,		/* no mistake, and kept apart              */
	FINDING_COLLECTED_CYCLE,	/* numbers are from the events, members from a snapshot */
	FINDING_UNBALANCED,		/* counted objects that a forgotten reference keeps */
	FINDING_OVER_RELEASED,		/* members: none; count: how often         */
	FINDING_COLLECTOR_WASTE,	/* count: collections; objects: they freed */
	FINDING_COLLECTOR_TUNING,	/* no objects: other settings, predicted   */
	FINDING_GROWTH,			/* a place; objects and bytes: what is left of it */
	FINDING_CHURN,			/* a place; objects and bytes: what was freed at once */
	FINDING_KINDS,
};

enum finding_severity { FINDING_ERROR, FINDING_WARNING, FINDING_INFO };

struct finding_count {
	const char *name;		/* as the snapshot has it                  */
	uint64_t objects;
};

struct finding_site {
	const char *function, *file;	/* "" when not known                       */
	const char *variable;		/* "" when not known                       */
	uint32_t line;
	uint64_t objects;
};

struct finding_member {
	node_id node;
	char *label;			/* unlike for unlike members               */
	const char *type;
	uint64_t address, bytes, refcount;
	uint32_t holders;		/* objects and roots that hold it, by reference */
	int64_t unknown;		/* refcount less holders; 0 for immortal ones */
	uint32_t site;			/* of the heap; 0: not known               */
	uint8_t generation;
	bool inner;			/* spoken of by the way that leads to it   */
	bool tracked;			/* the collector sees it                   */
};

struct finding_edge {
	uint32_t from, to;		/* members                                 */
	char *name;			/* "first[0]"                              */
	bool drawn;			/* worth a line                            */
};

/* A way of calls that took references or gave them back. */
enum finding_role {
	FINDING_KEEPS,			/* took them, and never gave them back     */
	FINDING_SUSPECT,		/* gave back what others had               */
	FINDING_BAD,			/* released, or retained, the dead         */
	FINDING_END,			/* the release it died of                  */
	FINDING_ROLES,
};

struct finding_path {
	enum finding_role role;
	struct finding_site place;	/* the function to blame; objects: so many */
	uint32_t site;			/* of the heap: all of it                  */
	uint64_t references;		/* of all objects                          */
	bool made;			/* they are those that the objects were made with */
};

struct finding {
	enum finding_kind kind;
	enum finding_severity severity;
	uint64_t count;			/* this many alike                         */
	uint64_t objects, bytes;	/* all of them, cycles and what hangs from them */
	uint64_t tail_objects, tail_bytes;	/* ... what only hangs from them   */
	uint64_t retained_objects, retained_bytes;	/* ... and from that, cycles of other findings too */
	bool cyclic;			/* lost: the direct ones hold themselves   */
	uint64_t unknown;		/* references nobody accounts for          */
	uint64_t held;			/* ... of them, by memory of C code, possibly */

	struct finding_count *type;	/* of the cycle's members, most first      */
	struct finding_site *site;	/* distinct places, most first             */
	struct finding_member *member;	/* the cycle of one                        */
	struct finding_edge *edge;	/* among its members                       */
	node_id *all;			/* cycle and tail of one, when asked for; else NULL */
	struct finding_path *path;	/* worst first                             */
	uint32_t ntypes, nsites, nmembers, nedges, nall, npaths;
	uint64_t members_all;		/* as many the one shown has; more than nmembers: cut */

	const struct heap *heap;	/* the members' and their sites'; NULL: the report's own */
	struct finding_rate {		/* collected-cycle: what it comes to       */
		double objects, bytes;	/* per second of the run                   */
		double collecting;	/* s of automatic collections: its part    */
	} rate;
	struct finding_without {	/* collected-cycle: less, if it were broken  */
		bool known;
		double collections[3];	/* by generation                             */
		double seconds;		/* of the collector                          */
	} without;

	double per_hour;		/* growth: bytes gained; churn: blocks       */
	double chance;			/* growth: that a steady program shows this  */
	double seconds;			/* growth: looked at, after the warm-up      */
	char *holder;			/* growth: what holds one of them; NULL: not known */
	uint32_t stack;			/* birth site of the first member          */
	struct finding_site caller;	/* where the program came in, when the site is a library's */
	char *headline;			/* "dead cycle of 2 lists, made in entangle() (cycle.py:8)" */
	char *story;			/* "first[0] -> second, ...; counts 1 and 1, ..." */
	char *advice;
};

struct findings {
	struct finding *f;
	uint32_t n, cap;
};

/* Is it in this part of a report? */
enum report_part { REPORT_ALL, REPORT_CYCLES, REPORT_LEAKS };
bool finding_is_part(const struct finding *f, enum report_part part);

/* Has it members made at that line (2), or in that function (1)?  Else 0. */
int finding_nearness(const struct finding *f, const char *function, const char *file,
		     uint32_t line);

/* A new one of zeroes at the end; NULL: no memory. */
struct finding *findings_add(struct findings *s);

/* Worst first, then by bytes; the order of equals is that of the heap. */
void findings_rank(struct findings *s);
void findings_fini(struct findings *s);

const char *finding_kind_name(enum finding_kind kind);	/* "dead-cycle" */
const char *finding_severity_name(enum finding_severity severity);

#endif
