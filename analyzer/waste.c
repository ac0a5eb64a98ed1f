#include "waste.h"

#include "base.h"

#include <errno.h>
#include <ouro/record.h>
#include <stdlib.h>

enum { LIST_BITS = 5 };

int wastes_add(struct wastes *w, const struct waste *x)
{
	struct waste *to;

	if (w->n == UINT32_MAX || spool_room(&w->piece, sizeof(*x)))
		return -ENOMEM;
	to = wastes_at(w, w->n++);
	*to = *x;
	to->first = w->member.size;
	to->objects = 0;
	w->piece.size += sizeof(*x);
	return 0;
}

int wastes_add_object(struct wastes *w, const struct waste_object *o)
{
	struct waste *x = wastes_at(w, w->n - 1);
	uint8_t *p;

	if (spool_room(&w->member, 2 * OURO_VARINT_MAX))
		return -ENOMEM;
	p = ouro_put_varint(w->member.p + w->member.size, x->born - o->order);
	p = ouro_put_varint(p, o->bytes / 8 << LIST_BITS | o->list);
	w->member.size = (uint64_t)(p - w->member.p);
	w->objects++;
	x->objects++;
	return 0;
}

struct waste_object wastes_object(const struct wastes *w, const struct waste *x, uint64_t *at)
{
	const uint8_t *p = w->member.p + *at, *end = w->member.p + w->member.size;
	uint64_t age = 0, rest = 0;

	p = ouro_get_varint(p, end, &age);
	assert(p);
	p = ouro_get_varint(p, end, &rest);
	assert(p);
	*at = (uint64_t)(p - w->member.p);
	return (struct waste_object){ x->born - age, (rest >> LIST_BITS) * 8,
				      rest & ((1 << LIST_BITS) - 1) };
}

void wastes_fini(struct wastes *w)
{
	spool_fini(&w->piece);
	spool_fini(&w->member);
	*w = (struct wastes){0};
}

#define COMPARE(name, guess) \
static int name(const void *a, const void *b) \
{ \
	const struct waste *x = a, *y = b; \
	uint64_t i = waste_clock(x, guess), k = waste_clock(y, guess); \
\
	return i != k ? (i > k ? 1 : -1) : x->first > y->first ? 1 : x->first < y->first ? -1 : 0; \
}
COMPARE(by_likely, WASTE_LIKELY)
COMPARE(by_early, WASTE_EARLY)
COMPARE(by_late, WASTE_LATE)

void wastes_sort(struct wastes *w, enum waste_guess guess)
{
	if (w->n)
		qsort(w->piece.p, w->n, sizeof(struct waste),
		      guess == WASTE_LIKELY ? by_likely : guess == WASTE_EARLY ? by_early : by_late);
}
