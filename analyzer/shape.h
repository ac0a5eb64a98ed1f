/*
 * shape.h - are two sets of objects alike?
 *
 * A shape is a number made from the set of (type, birth place) of the members and
 * the set of named edges between those, so that a parent with three children
 * and one with four are alike.  Positions in lists and keys that are data rather
 * than names are left out; in names, digits are.  Equal numbers are taken for
 * equal shapes.
 */
#ifndef OURO_SHAPE_H
#define OURO_SHAPE_H

#include "bits.h"
#include "heap.h"

struct shapes {
	const struct heap *h;
	uint64_t *place;	/* by site: function, file, line                */
	uint64_t *scratch;
	uint32_t room;
};

int shapes_init(struct shapes *s, const struct heap *h);	/* -ENOMEM */
void shapes_fini(struct shapes *s);

/*
 * Edges are those between members, which `of` tells: of[v] == group, and `only` when
 * that is more than the members (NULL: it is not).  0: no memory.
 */
uint64_t shape_of(struct shapes *s, const node_id *member, uint32_t n, const uint32_t *of,
		  uint32_t group, const struct bits *only);

/* One object by itself. */
uint64_t shape_of_one(const struct shapes *s, node_id v);

struct shaped {
	uint64_t shape;
	uint32_t at;		/* the caller's */
};

/*
 * Sorts by shape, then by `at`, and calls for each run of equal shapes until that
 * returns something else than 0, which is returned.
 */
int shape_runs(struct shaped *s, uint32_t n,
	       int (*tell)(void *arg, const struct shaped *run, uint32_t n), void *arg);

static inline uint64_t shape_mix(uint64_t a, uint64_t b)
{
	a = (a ^ b) * 0x9e3779b97f4a7c15ull;
	a = (a ^ a >> 32) * 0xd6e8feb86659fd93ull;
	return a ^ a >> 29;
}

#endif
