/*
 * tape_pieces.c - what a collection freed, in pieces that hung together
 *
 * A collection clears its garbage from the oldest object on, and what falls with it goes before
 * it in the order of deaths: that tells which objects hung together.
 */
#include "tape_writer.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The first collection after a moment; 0: there was none. */
static uint64_t first_after(const struct past *p, uint64_t order)
{
	uint32_t low = 0, high = p->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (p->clock[mid] <= order)
			low = mid + 1;
		else
			high = mid;
	}
	return low < p->n ? p->clock[low] : 0;
}

/*
 * When it was found in use for the last time; 0: no collection has seen it.  Each
 * generation's next collection after it came there looked at it, and the oldest's all.
 */
static uint64_t last_seen(const struct tape_writer *w, uint64_t order)
{
	uint64_t seen = first_after(&w->any, order), older = first_after(&w->middle_too, order);

	if (older > seen)
		seen = older;
	return w->last_full > order && w->last_full > seen ? w->last_full : seen;
}

/* The last collection before a moment; UINT64_MAX: there was none. */
static uint64_t last_before(const struct past *p, uint64_t clock)
{
	uint32_t low = 0, high = p->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (p->clock[mid] < clock)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? p->clock[low - 1] : UINT64_MAX;
}

static uint32_t births_between(uint64_t from, uint64_t to)
{
	return to <= from ? 0 : to - from < UINT32_MAX ? (uint32_t)(to - from) : UINT32_MAX;
}

/* The site of more than half of them, if there is one (R. S. Boyer, J S. Moore, MJRTY, 1981). */
static site_id majority(const struct dying *d, uint32_t n)
{
	site_id site = 0;
	uint32_t votes = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!votes)
			site = d[i].site;
		votes += d[i].site == site ? 1 : -1u;
	}
	return site;
}

/*
 * A collection that looked at the oldest looked at all of it: others may have found it held by
 * garbage that they did not look at.
 *
 * The collection looked at those from `least` on; what is older hung from them.  They
 * go when the oldest of those is looked at again.
 */
static void add_piece(struct tape *t, const struct dying *d, uint32_t n, uint64_t least)
{
	struct tape_writer *w = t->writer;
	struct waste x = { .oldest = UINT64_MAX, .run = w->any.n };
	uint64_t low = 0, eldest = UINT64_MAX, cut;

	for (uint32_t i = 0; i < n; i++) {
		if (d[i].order + 1 > x.born)
			x.born = d[i].order + 1;
		if (d[i].order >= least && d[i].order < x.oldest)
			x.oldest = d[i].order;
		if (d[i].order < eldest) {
			eldest = d[i].order;
			x.place = d[i].place;
			x.thread = d[i].thread;
		}
	}
	if (x.oldest == UINT64_MAX)
		x.oldest = eldest;
	else
		low = last_seen(w, x.oldest);
	x.length = births_between(eldest, x.born);
	x.looked = births_between(least, x.born);
	cut = last_before(&w->any, x.born);
	x.cut = cut == UINT64_MAX ? UINT32_MAX : births_between(cut, x.born);
	x.site = majority(d, n);
	x.high = births_between(x.born, w->began);
	x.low = low ? births_between(x.born, low + 1) : 0;
	if (x.low > x.high)
		x.low = x.high;
	t->failed |= wastes_add(&t->waste, &x) != 0;
	for (uint32_t i = 0; i < n && !t->failed; i++)
		t->failed |= wastes_add_object(&t->waste, &(struct waste_object){
			d[i].order, d[i].bytes, d[i].list }) != 0;
}

/* The last of a piece to die, and the oldest of it that the collection looked at. */
struct end {
	uint64_t order;
	uint32_t at;			/* number among the dying                    */
	uint16_t place;
};

static int by_place(const void *a, const void *b)
{
	const struct end *x = a, *y = b;

	return x->place != y->place ? x->place - y->place : x->order > y->order ? 1 :
		x->order < y->order ? -1 : 0;
}

/* The youngest of that place that is older than it; NULL. */
static const struct end *sibling(const struct end *e, uint32_t n, uint16_t place, uint64_t order)
{
	uint32_t low = 0, high = n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (e[mid].place < place || (e[mid].place == place && e[mid].order <= order))
			low = mid + 1;
		else
			high = mid;
	}
	return low && e[low - 1].place == place ? &e[low - 1] : NULL;
}

static int by_owner(const void *a, const void *b)
{
	const struct dying *x = a, *y = b;

	return x->end > y->end ? 1 : x->end < y->end ? -1 : x->order > y->order ? 1 : -1;
}

/* A tuple cannot be cleared (it has no tp_clear), so nothing goes in its turn. */
static bool has_turn(const struct dying *d)
{
	return d->list < KIND_TUPLE;
}

/*
 * A piece ends with the object whose turn it was: all that the collection looked at and
 * that die later are younger.  What it did not look at goes before what it hung from.
 * A generation's list is not quite in the order of births, so that a thing made
 * after another one of its kind can begin to go before it: it keeps what is its own.
 */
static void own_pieces(struct dying *d, uint32_t n, struct end *e, uint64_t from)
{
	uint64_t least = UINT64_MAX;
	uint32_t ends = 0, end = n - 1;

	for (uint32_t i = n; i-- > 0;) {
		if (has_turn(&d[i]) && d[i].order >= from && d[i].order <= least) {
			least = d[i].order;
			end = i;
			e[ends++] = (struct end){ d[i].order, i, d[i].place };
		}
		d[i].end = end;
	}
	qsort(e, ends, sizeof(*e), by_place);
	for (uint32_t i = 0; i < n; i++) {
		const struct end *own = sibling(e, ends, d[d[i].end].place, d[i].order);

		if (own && own->at > d[i].end)
			d[i].end = own->at;
	}
}

static int add_pieces(struct tape *t, struct dying *d, uint32_t n, uint64_t from)
{
	struct end *e = mem_array(n, sizeof(*e));

	if (!e)
		return -ENOMEM;
	own_pieces(d, n, e, from);
	mem_free(e);
	qsort(d, n, sizeof(*d), by_owner);
	for (uint32_t i = 0, end; i < n; i = end) {
		for (end = i; end < n && d[end].end == d[i].end; end++)
			;
		add_piece(t, d + i, end - i, from);
	}
	return 0;
}

/* Where each thread's begin in ret, and all of them sorted by thread, else as they are. */
static struct dying *by_thread(const struct tape_writer *w, uint32_t *ret_begin)
{
	struct dying *d = mem_array(w->dyings, sizeof(*d));
	uint32_t at[WASTE_THREADS];

	if (!d)
		return NULL;
	for (uint32_t i = 0; i < w->dyings; i++)
		ret_begin[w->dying[i].thread + 1]++;
	for (unsigned t = 0; t < WASTE_THREADS; t++)
		ret_begin[t + 1] += ret_begin[t];
	memcpy(at, ret_begin, sizeof(at));
	for (uint32_t i = 0; i < w->dyings; i++)
		d[at[w->dying[i].thread]++] = w->dying[i];
	return d;
}

/* Threads take turns in making what they make: each has pieces of its own. */
void tape_pieces_end(struct tape *t, unsigned generation)
{
	struct tape_writer *w = t->writer;
	uint64_t from = generation == 0 ? w->young : generation == 1 ? w->middle : w->thawed;
	uint32_t begin[WASTE_THREADS + 1] = {0};
	struct dying *d = w->dyings ? by_thread(w, begin) : NULL;

	t->failed |= w->dyings && !d;
	for (unsigned i = 0; d && i < WASTE_THREADS; i++)
		if (begin[i] < begin[i + 1])
			t->failed |= add_pieces(t, d + begin[i], begin[i + 1] - begin[i], from) != 0;
	mem_free(d);
	w->dyings = 0;
	w->carried = 0;
}

void tape_piece_died(struct tape *t, const struct replay *r, const struct object *o,
		     const struct known *k)
{
	struct tape_writer *w = t->writer;

	if (mem_room(&w->dying, w->dyings, &w->dying_room, sizeof(*w->dying))) {
		t->failed = true;
		return;
	}
	w->dying[w->dyings++] = (struct dying){ .order = k->order, .bytes = w->carried,
		.site = o->site, .place = k->place, .list = k->list, .thread = k->thread };
	w->carried = 0;
	w->last_death = r->total.events;
}

static void add_past(struct tape *t, struct past *p)
{
	if (mem_room(&p->clock, p->n, &p->room, sizeof(*p->clock)))
		t->failed = true;
	else
		p->clock[p->n++] = t->writer->began;
}

void tape_pieces_past(struct tape *t, unsigned generation)
{
	struct tape_writer *w = t->writer;

	add_past(t, &w->any);
	w->young = w->began;
	if (generation == 0)
		return;
	add_past(t, &w->middle_too);
	w->middle = w->began;
	if (generation == 2)
		w->last_full = w->began;
}
