/*
 * collections.h - every run of the collector, one after another
 *
 * Fed with the events of a replay.  A collection is known from its end on; one
 * that the trace saw begin and not end is not in the list.
 */
#ifndef OURO_COLLECTIONS_H
#define OURO_COLLECTIONS_H

#include "replay.h"

enum { GENERATIONS = 3 };

struct collection {
	uint64_t start, end;		/* ticks                                     */
	uint64_t freed, uncollectable;	/* objects, as the runtime counts them       */
	uint64_t examined, kept;	/* objects + 1; 0: not known                 */
	uint64_t deaths;		/* of objects from before it, seen while it ran */
	uint64_t events;		/* recorded by its thread while it ran       */
	uint64_t cpu;			/* ns + 1 of its thread's processor time; 0: not measured */
	bool forked;			/* just after a snapshot: what it writes is copied first */
	uint64_t ours;			/* ticks the recorder took before it started */
	uint64_t writing;		/* ... and for one record just after it      */
	uint64_t live_objects, live_bytes;	/* when it had ended                 */
	uint64_t runs;			/* collections so far, says the runtime; 0: not known */
	uint32_t count[GENERATIONS], threshold[GENERATIONS];
	site_id site;			/* what called it                            */
	uint32_t thread;
	uint8_t generation;		/* OURO_GENERATION_UNKNOWN                   */
	uint8_t cause;			/* enum ouro_cause                           */
};

/* What the runtime itself counted since its start. */
struct collector_statistics {
	uint64_t runs, freed, uncollectable;
};

struct collections {
	struct collection *c;
	uint32_t n, cap;
	int64_t last_old;		/* the last that was not of the youngest alone; -1 */
	struct open_collection {
		struct collection c;
		bool open, told;	/* told: its EXT_COLLECTED was there         */
		bool forked;		/* the last event was a snapshot             */
	} *open;			/* by stream                                 */
	uint32_t streams;
	struct collector_statistics ready[GENERATIONS], last[GENERATIONS];
	bool ready_known, last_known;	/* last: at exit, or later than ready        */
	uint64_t program;		/* ticks at its first line; 0: not seen      */
	stack_id looked_at;
	bool failed;			/* there was no memory for all of them       */
};

int collections_init(struct collections *s, const struct trace *t);	/* -ENOMEM */
void collections_fini(struct collections *s);
/* The events that follow are of another trace: of a fork.  -ENOMEM. */
int collections_continue(struct collections *s, const struct trace *t);

/* For each event, after it took effect. */
void collections_event(struct collections *s, const struct replay *r, const struct event *e);

static inline bool collections_running(const struct collections *s, uint32_t stream)
{
	return stream < s->streams && s->open[stream].open;
}

/* Before the program's first line? Imports of the start-up, and the reading of the program. */
static inline bool collection_of_start_up(const struct collections *s, const struct collection *c)
{
	return s->program && c->start < s->program;
}

/* Were there collections the trace has not?  How many; 0 also when that is not known. */
uint64_t collections_missed(const struct collections *s);

/* ------------------------------------------------------------------------- in seconds */

/*
 * How long it took, and how much of that the recorder did: the records written
 * meanwhile at the price that was measured for one right after each collection.
 */
double collection_seconds(const struct collections *s, const struct trace *t,
			  const struct collection *c);
double collections_record_seconds(const struct collections *s, const struct trace *t);

/* How long it had a processor; < 0: not measured. */
double collection_cpu_seconds(const struct collection *c);

/* Many of them together. */
struct collection_sum {
	uint64_t n, freed, uncollectable, examined, unexamined, deaths;	/* unexamined: not known */
	double seconds, recorder;	/* recorder: within seconds, about           */
	double cpu;			/* of them the thread had a processor; < 0: not known */
	double before;			/* ... and before they started, measured     */
	double *pause;			/* sorted, n of them                         */
};

typedef bool collection_filter(const struct collection *c, const void *arg);

int collections_sum(const struct collections *s, const struct trace *t, collection_filter *pick,
		    const void *arg, struct collection_sum *ret);	/* -ENOMEM */
void collection_sum_fini(struct collection_sum *s);

/* The pause that so many of a hundred do not exceed; 0 for none. */
double collection_pause(const struct collection_sum *s, double percent);

/* "threshold", "call", "native-call", "finalisation", "unknown". */
const char *collection_cause_name(unsigned cause);

#endif
