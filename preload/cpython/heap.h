/*
 * heap.h - every object of CPython, its counts and named edges, in a snapshot
 *
 * Runs in a forked child, on its own copy of the heap.  What the collector
 * has on its lists is taken first, then whatever that and the roots reach,
 * each object once.  The references an object owns are those its type's own
 * tp_traverse visits, and those traverse is known to leave out; names are
 * found for them afterwards, so a name may be wrong or missing, a count not.
 */
#ifndef CPYTHON_HEAP_H
#define CPYTHON_HEAP_H

#include "maps.h"
#include "text.h"

#include "../snapshot.h"

/* For struct runtime: 0, or -errno when not even a partial snapshot could be had. */
int heap_snapshot(struct snapshot *s);
bool heap_has(uintptr_t word);		/* ... then: does it lead to an object that was written? */

/* What is known of an address; 16 bytes, there are millions. */
struct heap_node {
	uintptr_t address;		/* 0: free place of the table                 */
	int32_t open;			/* its count less the edges and roots that own it:
					 * the count is added when it is written      */
	uint32_t string : 23;		/* number of its text, when it is a name      */
	uint32_t queued : 1;		/* an object, written or to be written        */
	uint32_t generation : 3;
	uint32_t is_namespace : 1;	/* see enum ouro_snap_node                    */
	uint32_t is_infra : 1;
	uint32_t seen : 1;		/* a table of keys: its owner is told; a frame: it runs */
};

struct nodes {
	struct heap_node *at;		/* open addressing                            */
	size_t mask, n;
};

/* Objects still to be written, first in first out. */
struct queue {
	struct queue_block *head, *tail, *spare;
};

/* Memory that objects and their tables fill: what is found there is known already. */
struct extents {
	struct extent { uintptr_t start, end; } *at;
	size_t n, cap;
};

/* The references of one object, as traverse gave them, until they are named. */
struct bag {
	uintptr_t *at;			/* those taken out are 0, unless hashed       */
	size_t n, cap;
	struct bag_slot { uintptr_t address; size_t n; } *slot;	/* when many       */
	size_t slots, slot_cap;		/* 0: not hashed                              */
	bool overflow;			/* no memory: some are missing                */
};

struct walk {
	struct snapshot *s;
	struct maps maps;
	struct nodes nodes;
	struct queue queue;
	struct bag bag;
	struct types *types;
	uintptr_t *opaque;		/* objects to be scanned at the end           */
	size_t nopaque, opaque_cap;
	struct extents extents;
	uint64_t roots;
	uint32_t interned;		/* strings made for object names              */
	bool incomplete;		/* memory ran out                             */
	uint64_t damaged;		/* objects that could not be read             */
	unsigned damaged_lists;		/* ... and parts of the walk                  */
};

static inline size_t heap_hash(uintptr_t address)
{
	return (address >> 3) * 0x9e3779b97f4a7c15u >> 20;
}

/* Place of an address in the table, made when it is new; NULL: no memory. */
struct heap_node *heap_at(struct walk *w, uintptr_t address);
const struct heap_node *heap_find(const struct walk *w, uintptr_t address);	/* or NULL */

/* An object: it will be written.  Must be one: what may be a stray word is asked first. */
struct heap_node *heap_object(struct walk *w, uintptr_t op);
void heap_expect(const struct walk *w, uintptr_t op);	/* it will be asked for soon */
bool heap_plausible(struct walk *w, uintptr_t word);	/* could this be an object? */

/* An edge of the object being written; nothing when `held` is 0. */
void heap_edge(struct walk *w, uintptr_t held, enum ouro_edge_name name, unsigned flags,
	uint64_t operand);
/* A reference that is there whether traverse visits it or not. */
void heap_own(struct walk *w, uintptr_t held, enum ouro_edge_name name, uint64_t operand);
/* A name for a reference, if traverse visited it. */
void heap_name(struct walk *w, uintptr_t held, enum ouro_edge_name name, uint64_t operand);

void heap_extent(struct walk *w, uintptr_t start, uint64_t bytes);

uint32_t heap_text(struct walk *w, const struct text *t);
uint32_t heap_cstring(struct walk *w, const char *text);
uint32_t heap_str(struct walk *w, uintptr_t str);	/* the text of a str object, cached */

/* bag.c */
struct type;
void bag_fill(struct walk *w, const struct type *t, uintptr_t op);	/* empty when it has no traverse */
bool bag_take(struct bag *b, uintptr_t address);	/* false: not in there */
bool bag_next(struct bag *b, size_t *i, uintptr_t *ret_address);	/* what is left, one by one */

#endif
