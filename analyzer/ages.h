/*
 * ages.h - how old things became, in classes by the power of two
 *
 * Class 0 is an age of 0 ns, class i of 2^(i-1) to 2^i - 1 ns.  Most places make few things
 * that become much alike: as long as all were of one class, no row is needed.
 */
#ifndef AGES_H
#define AGES_H

#include <stdint.h>

enum { AGES = 44 };

struct ages {
	uint32_t row;			/* of struct age_rows; 0: all are of `class` */
	uint32_t only;			/* ... and so many                           */
	uint32_t class;
};

struct age_rows {
	uint32_t (*row)[AGES];		/* row 0 is nobody's                         */
	uint32_t n, cap;
};

void ages_fini(struct age_rows *r);

static inline unsigned ages_class(uint64_t ns)
{
	unsigned class = ns ? 64 - (unsigned)__builtin_clzll(ns) : 0;

	return class < AGES ? class : AGES - 1;
}

/* 0 or -ENOMEM. */
int ages_spread(struct ages *a, struct age_rows *r);

static inline int ages_count(struct ages *a, struct age_rows *r, unsigned class, uint32_t n)
{
	if (!a->row && (!a->only || a->class == class)) {
		a->class = class;
		a->only += n;
		return 0;
	}
	if (!a->row && ages_spread(a, r))
		return -1;
	r->row[a->row][class] += n;
	return 0;
}

/* Added to what is there. */
void ages_add(uint64_t to[AGES], const struct ages *a, const struct age_rows *r);

/*
 * The age that a share of them did not exceed, 0 to 1: within a class as if they were
 * spread evenly over it, so it is right to a factor of 2.  0 for none.
 */
double ages_quantile(const uint64_t ages[AGES], double share);

#endif
