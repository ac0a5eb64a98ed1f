#include "died.h"

#include "mem.h"

#include <errno.h>

static uint32_t first_of(const struct died *d, uint32_t collection)
{
	uint32_t low = 0, high = d->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (d->row[mid].collection < collection)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int died_note(struct died *d, const struct died_row *x)
{
	uint32_t at = d->n, begin = d->n;

	while (begin && d->row[begin - 1].collection == x->collection)
		begin--;
	if (d->n - begin == DIED_TOLD) {
		if (d->row[--at].objects >= x->objects)
			return 0;
	} else {
		if (d->n == DIED_MAX)
			return 0;
		if (mem_room(&d->row, d->n, &d->cap, sizeof(*d->row)))
			return -ENOMEM;
		d->n++;
	}
	for (; at > begin && d->row[at - 1].objects < x->objects; at--)
		d->row[at] = d->row[at - 1];
	d->row[at] = *x;
	return 0;
}

const struct died_row *died_of(const struct died *d, uint32_t collection, uint32_t *ret_n)
{
	uint32_t first = first_of(d, collection), end = first;

	while (end < d->n && d->row[end].collection == collection)
		end++;
	*ret_n = end - first;
	return end > first ? &d->row[first] : NULL;
}

void died_fini(struct died *d)
{
	mem_free(d->row);
	*d = (struct died){0};
}
