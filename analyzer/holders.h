/*
 * holders.h - who holds this object, and is that all?
 *
 * A query picks objects; of each it is told which references hold it, in words,
 * how its count is made up of them, by which ways the program reaches it, and
 * how much memory would go with it.
 */
#ifndef OURO_HOLDERS_H
#define OURO_HOLDERS_H

#include "dominators.h"
#include "heap.h"
#include "paths.h"

enum holders_by {
	HOLDERS_BY_NOTHING,		/* the query matches nothing                 */
	HOLDERS_BY_ADDRESS,		/* 0x7f...                                   */
	HOLDERS_BY_PLACE,		/* FILE:LINE of the birth                    */
	HOLDERS_BY_GLOBAL,		/* module global                             */
	HOLDERS_BY_VARIABLE,		/* variable it was made for                  */
	HOLDERS_BY_LABEL,		/* name of a class, function or module       */
	HOLDERS_BY_TYPE,
	HOLDERS_BY_FUNCTION,		/* function it was made in                   */
};

struct holders {
	struct heap *h;
	enum holders_by by;
	node_id *match;			/* most retained first                       */
	uint32_t n, cap;
	uint64_t bytes;			/* of the matches themselves                 */
	struct bits rooted, held;
	struct dominators dominators;
	struct paths paths;
};

/* One thing that holds an object. */
struct holder {
	char *words;			/* "module global `single` of __main__"      */
	const char *type;		/* of the holder; NULL for a root            */
	uint64_t address;		/* 0 for a root                              */
	uint32_t references;		/* this many like it                         */
	bool owned;			/* counts as a reference                     */
	bool maybe;			/* the runtime may have left it there        */
	bool root;
};

/* All about one object. */
struct held {
	node_id node;
	struct holder *holder;
	char **path;			/* shortest first                            */
	char **word;			/* C memory that has its address             */
	uint32_t nholders, holders_cap, npaths, nwords, words_cap;
	uint64_t references;		/* all that own one                          */
	uint64_t retained_objects, retained_bytes;
	struct account account;
	char *sum;			/* "refcount 2 = 1 module global `x` of app + 0 unknown" */
};

/*
 * A query may begin with what it means: address: place: global: var: name: type:
 * function:.  Otherwise the first of these that matches is taken, in the order
 * of enum holders_by.  -ENOMEM.
 */
int holders_init(struct holders *s, struct heap *h, const char *query);
void holders_fini(struct holders *s);

/* Up to `paths` ways.  -ENOMEM. */
int held_init(struct held *x, const struct holders *s, node_id v, uint32_t paths);
void held_fini(struct held *x);

/* One way from a root, in words: "app.cache['x'][0]"; to be freed; NULL: no memory. */
char *holders_way(const struct heap *h, const struct path_set *s, uint32_t i);

const char *holders_by_words(enum holders_by by);	/* "variable it was made for" */

#endif
