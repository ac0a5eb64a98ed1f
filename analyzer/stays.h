/*
 * stays.h - counted objects that stay, and which reference keeps them
 *
 * Of the objects that nothing reaches, by what their books have left and by
 * the words of memory that lead to them:
 *
 *	unbalanced	more references than words that could be them: nobody has
 *			those, and who took them is to blame; or one that its maker
 *			never gave back, where only what it holds itself points back at it
 *	floating	the reference it was born with was never anybody's
 *	a cycle		objects that hold each other, every reference a word
 *	held		by one of those, or by a lost block: no finding of its own
 *
 * Of those that are reached: kept, when there are more references than words.
 * Words may be left over or know without holding, so there can be more of them than
 * references; fewer only when somebody forgot one.
 */
#ifndef STAYS_H
#define STAYS_H

#include "blocks.h"
#include "dead.h"

enum stays_why { STAYS_UNBALANCED, STAYS_FLOATING, STAYS_CYCLE, STAYS_KEPT };

struct stay {
	node_id node;
	enum stays_why why;
	uint32_t references;		/* that nobody has; in a cycle: 0            */
	site_id suspect;		/* who took them; in a cycle: the one of node */
	uint32_t first, members;	/* stays.member: it and what it holds alone  */
	uint32_t cycle;			/* members that are the cycle, first; else 1 */
	uint64_t bytes;			/* of all members                            */
};

struct stays {
	struct blocks *b;
	struct refs *refs;
	const struct dead *dead;
	struct stay *stay;
	node_id *member;
	struct bits claimed;		/* told of here: members of any              */
	node_id *owner;			/* by node: stays.c's                        */
	struct bits plausible;		/* stays.c's: held by what could have asked for it */
	uint32_t *words;		/* by node: words that may be references     */
	uint32_t n, cap, nmember, member_cap;
};

/* The dead are those of the blocks' graph.  -ENOMEM. */
int stays_find(struct stays *s, struct blocks *b, struct refs *refs, const struct dead *dead);
void stays_fini(struct stays *s);

#endif
