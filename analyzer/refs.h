/*
 * refs.h - the references of counted objects: who took them, who gave them back
 *
 * Every living object of a runtime that tells its references has a book: a
 * row for each way of calls that retained or released it and is not matched yet,
 * with how often.  Being made is the first retain, its maker's.  What matches is
 * folded away as it comes (refs_fold.c), so memory is in proportion to the
 * living objects and to distinct ways of calls, not to the events.
 *
 * What an object's rows leave in the end is what it has more than it gave back:
 * rows above 0 are references nobody returned.
 *
 * A release of something dead, or of more than there was, is kept apart: see
 * struct refs_bad.
 */
#ifndef REFS_H
#define REFS_H

#include "callers.h"
#include "replay.h"
#include "ties.h"

struct ref_row {
	site_id site;			/* 0: stack not known                        */
	int32_t n;			/* retains, or below 0 releases; never 0     */
	uint64_t last;			/* ticks of the last one                     */
};

enum book_flag {
	BOOK_FLOATING = 1 << 0,	/* the reference it was born with is nobody's */
	BOOK_DISPOSED = 1 << 1,
	BOOK_STATIC   = 1 << 2,	/* meant to stay                             */
	BOOK_UNTOLD   = 1 << 3,	/* its references are not told               */
	BOOK_PARTIAL  = 1 << 4,	/* not all of its time was seen: rows may lack */
	BOOK_BAD      = 1 << 5,	/* released too often; told once             */
	BOOK_HOLDER   = 1 << 6,	/* edges from it were told, though maybe taken back: its runtime's */
				/* tables know it */
};

struct book {
	uint64_t addr, nth;		/* the object, and which of that address     */
	uint32_t type;
	site_id born;
	uint64_t retains, releases;	/* ever; the birth is a retain               */
	uint64_t count;			/* as last told                              */
	struct ref_row *row;
	uint32_t n, cap;
	uint32_t fold_at;		/* rows at which it is worth folding         */
	uint32_t toggles;		/* toggle references                         */
	uint64_t *weak;			/* places that know it and do not count      */
	uint32_t nweak, weak_cap;
	site_id released;		/* the last release                          */
	uint32_t bad;			/* what was told of its count below 0: row of refs.bad + 1; 0 */
	uint8_t flags;			/* enum book_flag                          */
};

/* Releases (or retains) of the dead, alike: of one type, at one place, after one end. */
struct refs_bad {
	uint32_t type;
	site_id born;
	site_id bad;			/* what came too late                        */
	site_id end;			/* the release it died of                    */
	site_id suspect;		/* who had given back more than taken; 0: nobody known */
	bool retain;			/* it was retained, not released             */
	bool alive;			/* not dead yet, but at a count of 0         */
	uint64_t times;
	uint64_t addr, nth;		/* the first one                             */
	uint64_t ticks, died;
};

/* One event of one object, for who asked for it. */
struct ref_event {
	uint8_t kind;			/* enum ouro_kind: BIRTH, INCREF, DECREF, DEATH, EXT */
	uint8_t what;			/* EXT: enum ouro_reference                  */
	uint32_t thread;
	uint64_t ticks, count;		/* count: after it                           */
	site_id site;
	site_id gives_back;		/* DECREF: the retain that goes with it, by an edge that was told; 0 */
};

struct refs {
	struct replay *r;
	struct callers callers;
	struct book **of;		/* by row of live.object; NULL: none         */
	uint32_t rows;
	uint64_t objects;		/* books                                   */
	struct ties ties;
	struct { uint64_t addr; uint32_t thread; site_id taken; } let_go;	/* refs.c's: an edge, just now */
	struct refs_bad *bad;
	uint32_t nbad, bad_cap;
	struct tomb *tomb;		/* refs.c's: who died last, by address       */
	struct refs_pair *pair;		/* refs_fold.c's: what went together in the dead */
	uint64_t life[4096];		/* ... and which lives were met, by hash, how often */
	bool failed;			/* memory ended: nothing here is to be trusted */

	/* Told of each event of an object after it was booked, when set; NULL: nobody is. */
	void (*tape)(void *arg, const struct refs *s, const struct object *o,
		     const struct ref_event *e);
	void *tape_arg;
};

/* The replay stands at its beginning, and tells from here on.  symbols may be NULL.  -ENOMEM. */
int refs_init(struct refs *s, struct replay *r, struct symbols *symbols);
void refs_fini(struct refs *s);

/* The book of a living object; NULL: it has none. */
struct book *refs_of(const struct refs *s, const struct object *o);

/* Sum of the rows: references taken and not given back. */
int64_t book_balance(const struct book *l);

/*
 * Leaves what cannot be matched: all rows have one sign then, but for a
 * book that does not know everything.  -ENOMEM.
 */
int refs_settle(struct refs *s, struct book *l);

/* ----------------------------------------------------------------- called by the replay */

void refs_born(struct refs *s, const struct object *o);
void refs_dies(struct refs *s, const struct object *o);
void refs_event(struct refs *s, const struct event *e, site_id site);

/* ------------------------------------------------------------------------ refs_fold.c */

/* Two rows of a book and how often they went together. */
struct refs_match {
	uint32_t retain, release;	/* rows                                      */
	int32_t times;
};

/*
 * Which rows of a book go together, at most `reach` apart; the rows are as they were, and
 * *ret is the caller's to free with mem_free.  -ENOMEM.
 */
int refs_match(struct refs *s, const struct book *l, uint32_t reach, struct refs_match **ret,
	uint32_t *ret_n);

/* Takes what goes together out of a book.  -ENOMEM. */
#define REFS_ANY UINT32_MAX
int refs_fold(struct refs *s, struct book *l, uint32_t reach);

/* Remembers what went together in an object that died in order. */
void refs_learn(struct refs *s, const struct book *l);
void refs_forget_pairs(struct refs *s);

#endif
