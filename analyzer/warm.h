/*
 * warm.h - the moment from which on a program counts as warm
 *
 * Caches fill while a program warms up; what they took is no leak.  The moment is
 * one of CLOCK_MONOTONIC, so that it is the same for all processes of a run: so
 * many seconds after the first of them began, or when one of them set a mark.
 */
#ifndef OURO_WARM_H
#define OURO_WARM_H

#include "trace.h"

struct warm {
	double seconds;			/* 0: none asked for                         */
	const char *mark;		/* NULL: none                                */
};

static inline bool warm_asked(const struct warm *w)
{
	return w->seconds > 0 || w->mark;
}

/*
 * The moment by one trace, in ns; UINT64_MAX: the mark is not in it.  Of several, the
 * earliest counts.  0 or -ENOMEM.
 */
int warm_moment(const struct warm *w, struct trace *t, uint64_t *ret_ns);

/* The first tick of a trace that is not before the moment. */
uint64_t warm_ticks(const struct trace *t, uint64_t ns);

#endif
