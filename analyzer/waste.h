/*
 * waste.h - what collections freed, in the pieces that hung together, and when each became garbage
 *
 * Nobody saw when.  It was after the last birth among the piece, after the last collection that found
 * it in use, and before the one that freed it: an interval of ages, counted in births from the
 * piece's last one.  But a program makes such pieces again and again, and collections look at each at
 * another age.  So what ages the pieces made at one place reached is estimated from all their
 * intervals together (the distribution under which they are most likely: B. W. Turnbull,
 * The Empirical Distribution Function with Arbitrarily Grouped, Censored and Truncated Data, 1976;
 * places with few pieces lean on the others).  Within its own interval each
 * piece then gets an age of that distribution.
 *
 * What hangs together can come in several pieces: when a child lets go of its parent first, the
 * order of deaths looks as if the parent had been alone.  Such pieces always go in one
 * collection, however many births are between them; others are parted by some.
 */
#ifndef OURO_WASTE_H
#define OURO_WASTE_H

#include "spool.h"

#include <stddef.h>

enum waste_guess {
	WASTE_LIKELY,			/* an age from all that its place reaches    */
	WASTE_EARLY, WASTE_LATE,	/* ... from the younger, the older half of those */
	WASTE_GUESSES,
};

enum { WASTE_THREADS = 64 };

/* A piece. */
struct waste {
	uint64_t born;			/* clock after the last birth among it       */
	uint64_t oldest;		/* ... at the birth of its oldest that the collection looked at */
	uint64_t first;			/* byte of wastes.member where its objects begin */
	uint32_t objects;
	uint32_t low, high;		/* births after `born`: in use then, and freed then */
	uint32_t length;		/* births from its eldest to `born`; once there are ages, */
					/* from the eldest of what it hangs together with */
	uint32_t looked, cut;		/* ... before `born`: made since, looked at by the collection; */
					/* the last collection before it, UINT32_MAX: none */
	uint32_t run;			/* number of the collection                  */
	uint16_t place;			/* where it was made, a hash                 */
	uint8_t thread;			/* ... and by which, of WASTE_THREADS        */
	bool goes_on;			/* with what the piece before it began       */
	uint8_t marks;			/* of the user: bits, whose settings say what they do */
	uint32_t site;			/* most of it was made there, if there is such a one */
	uint32_t age[WASTE_GUESSES];	/* births after `born` when it became garbage */
};

struct wastes {
	struct spool piece, member;	/* struct waste; their objects               */
	uint32_t n;			/* pieces                                    */
	uint64_t objects;
};

static inline struct waste *wastes_at(const struct wastes *w, uint32_t i)
{
	return (struct waste *)(void *)w->piece.p + i;
}

static inline uint64_t waste_clock(const struct waste *x, enum waste_guess guess)
{
	return x->born + x->age[guess];
}

struct waste_object {
	uint64_t order;			/* clock at its birth, before the piece's `born` */
	uint64_t bytes;			/* in words of 8                             */
	uint8_t list;			/* kind of free list                         */
};

/* A piece without objects, and objects of the last piece.  -ENOMEM. */
int wastes_add(struct wastes *w, const struct waste *x);
int wastes_add_object(struct wastes *w, const struct waste_object *o);
void wastes_fini(struct wastes *w);

/* The object at byte *at of a piece, and *at to the next. */
struct waste_object wastes_object(const struct wastes *w, const struct waste *x, uint64_t *at);

/* Once there are no more pieces: which of them go on.  -ENOMEM. */
int wastes_link(struct wastes *w, double births_per_collection);

/* Numbers of pieces, those of a thread together, so that a whole is a run of them.  NULL: no memory. */
uint32_t *wastes_by_thread(const struct wastes *w);

/* ... and then: ages for all.  -ENOMEM. */
int wastes_fit(struct wastes *w);

/* In the order in which they become garbage. */
void wastes_sort(struct wastes *w, enum waste_guess guess);

#endif
