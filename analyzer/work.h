/*
 * work.h - how much a program did, told by what it allocated
 *
 * Counts of two runs are compared by this when the runs are of unlike length.  What
 * does not grow with the length is left out: blocks of the warm-up, and of a runtime
 * its start-up, its end, what imports made, and what no line of the program made.
 */
#ifndef OURO_WORK_H
#define OURO_WORK_H

#include "replay.h"

struct work {
	uint64_t warm;			/* ticks; 0: no warm-up                      */
	uint64_t from;			/* ticks from which on is counted            */
	struct work_count {
		uint64_t *blocks;	/* of each site, until a moment              */
		uint32_t sites;
	} before, at_exit;		/* ... from which on; ... the runtime's end  */
	bool warmed, failed;
};

/* For each event, after it took effect: almost free. */
void work_moment(struct work *w, const struct replay *r, const struct event *e);

static inline void work_event(struct work *w, const struct replay *r, const struct event *e)
{
	if (__builtin_expect((!w->warmed && w->warm && e->ticks >= w->warm) ||
			     (e->kind == OURO_EXT && (e->ext == OURO_EXT_READY ||
						      e->ext == OURO_EXT_EXITING)), 0))
		work_moment(w, r, e);
}

/* The replay is at its end.  Blocks, scaled up when sampled; -ENOMEM. */
int work_total(const struct work *w, const struct replay *r, double *ret);
void work_fini(struct work *w);

#endif
