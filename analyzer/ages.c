#include "ages.h"

#include "mem.h"

#include <errno.h>
#include <math.h>
#include <string.h>

void ages_fini(struct age_rows *r)
{
	mem_free(r->row);
	*r = (struct age_rows){ 0 };
}

int ages_spread(struct ages *a, struct age_rows *r)
{
	if (!r->n)
		r->n = 1;
	while (r->cap <= r->n)		/* row 0 has no room of its own before */
		if (mem_room(&r->row, r->cap, &r->cap, sizeof(*r->row)))
			return -ENOMEM;
	memset(r->row[r->n], 0, sizeof(*r->row));
	r->row[r->n][a->class] = a->only;
	a->row = r->n++;
	return 0;
}

void ages_add(uint64_t to[AGES], const struct ages *a, const struct age_rows *r)
{
	if (!a->row) {
		to[a->class] += a->only;
		return;
	}
	for (unsigned i = 0; i < AGES; i++)
		to[i] += r->row[a->row][i];
}

double ages_quantile(const uint64_t ages[AGES], double share)
{
	uint64_t all = 0;
	double rank, below = 0;

	for (unsigned i = 0; i < AGES; i++)
		all += ages[i];
	rank = share * (double)all;
	for (unsigned i = 0; i < AGES; i++) {
		double n = (double)ages[i], low = i ? ldexp(1, (int)i - 1) : 0;

		if (n > 0 && below + n >= rank)
			return low + low * (rank > below ? (rank - below) / n : 0);
		below += n;
	}
	return 0;
}
