/*
 * work.h - how much a program did, told by what it allocated
 *
 * Counts of two runs are compared by this when the runs are of unlike length.  What
 * does not grow with the length is left out: blocks of the runtime's start-up and of
 * the warm-up, and those made below an import.
 */
#ifndef OURO_WORK_H
#define OURO_WORK_H

#include "replay.h"

struct work {
	uint64_t warm;			/* ticks; 0: no warm-up                      */
	uint64_t from;			/* ticks from which on is counted            */
	uint64_t *before;		/* blocks of each site until then            */
	uint32_t sites;
	bool warmed, failed;
};

/* For each event, after it took effect: almost free. */
void work_moment(struct work *w, const struct replay *r, const struct event *e);

static inline void work_event(struct work *w, const struct replay *r, const struct event *e)
{
	if (__builtin_expect((!w->warmed && w->warm && e->ticks >= w->warm) ||
			     (e->kind == OURO_EXT && e->ext == OURO_EXT_READY), 0))
		work_moment(w, r, e);
}

/* The replay is at its end.  Blocks, scaled up when sampled; -ENOMEM. */
int work_total(const struct work *w, const struct replay *r, double *ret);
void work_fini(struct work *w);

#endif
