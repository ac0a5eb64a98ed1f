/*
 * across_between.c - which memory of C lies between the interpreter's objects
 */
#include "across_parts.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>

#define HANDLERS   64		/* of one object, at most looked at                      */
#define NOTIFIERS  24		/* GClosure: { bits; marshal; data; notifiers }                  */

static int by_row(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* --- where C holds the interpreter's objects --------------------------------------------------- */

int across_find_held(struct across *a)
{
	const struct heap *h = a->h;

	for (uint32_t i = 0; i < h->nwords; i++) {
		const struct heap_word *w = &h->word[i];
		uint32_t row = w->plausible ? blocks_at(a->b, w->where) : NODE_NONE;

		if (row == NODE_NONE || across_is_python(a, row))
			continue;
		if (mem_room(&a->held, a->nheld, &a->held_cap, sizeof(*a->held)))
			return -ENOMEM;
		a->held[a->nheld++] = (struct held){ row,
			(uint32_t)(w->where - a->b->row[row].addr), w->node };
	}
	if (a->nheld)
		qsort(a->held, a->nheld, sizeof(*a->held), by_row);
	return 0;
}

static uint32_t first_edge(const struct across *a, node_id from)
{
	uint32_t lo = 0, hi = a->exact;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (a->h->edge[mid].from < from)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* What the wrapper's traverse function shows, in order, without the handlers' further arguments. */
static bool is_callee(const struct across *a, const struct heap_edge *e)
{
	return e->name == OURO_EDGE_OTHER && !e->flags && !heap_is(a->h, e->to, "tuple");
}

static int newest_first(const void *a, const void *b, void *arg)
{
	const struct across *x = arg;
	const struct tie *t = x->l->r->refs->ties.edge;
	const uint32_t *i = a, *k = b;

	return t[*i].ticks > t[*k].ticks ? -1 : t[*i].ticks < t[*k].ticks;
}

static int take_shown(struct across *a, node_id wrapper, uint32_t object)
{
	const struct graph *g = a->g;
	uint32_t tie[HANDLERS], n = 0, k = 0;

	for (edge_id e = g->out[object]; e < g->out[object + 1] && n < HANDLERS; e++)
		if (g->name[e] & BLOCKS_TIE && !tie_is_attached(a->l->r,
				a->l->r->refs->ties.edge[g->name[e] & ~BLOCKS_TIE].name))
			tie[n++] = g->name[e] & ~BLOCKS_TIE;
	for (uint32_t i = first_edge(a, wrapper); i < a->exact && a->h->edge[i].from == wrapper; i++)
		k += is_callee(a, &a->h->edge[i]);
	if (!n || k != n)
		return 0;
	qsort_r(tie, n, sizeof(*tie), newest_first, a);
	k = 0;
	for (uint32_t i = first_edge(a, wrapper); k < n; i++) {
		if (!is_callee(a, &a->h->edge[i]))
			continue;
		if (mem_room(&a->shown, a->nshown, &a->shown_cap, sizeof(*a->shown)))
			return -ENOMEM;
		a->shown[a->nshown++] = (struct shown){ blocks_at(a->b,
			a->l->r->refs->ties.edge[tie[k++]].held), object, i };
	}
	return 0;
}

/*
 * PyGObject shows its collector the handlers of a GObject that nobody else holds, as if
 * the wrapper held what they call, the newest first (pygobject_traverse).  The collector frees
 * such a circle; the way that is worth telling is the one through the GObject.
 */
int across_find_shown(struct across *a)
{
	const struct graph *g = a->g;
	int r = 0;

	for (uint32_t row = 0; row < g->n; row++) {
		node_id v = a->node[row];

		for (edge_id e = g->out[row]; e < g->out[row + 1] && v != NODE_NONE && !r; e++) {
			const struct book *l = blocks_book(a->b, g->to[e]);

			if (l && across_count(l) == 1 && a->b->row[row].addr +
			    (g->name[e] & BLOCKS_OFFSET) == a->h->node[v].address + WRAPPED_AT)
				r = take_shown(a, v, g->to[e]);
		}
	}
	return r;
}

bool across_is_sure(const struct across *a, uint32_t holder, edge_id e)
{
	uint32_t name = a->g->name[e];
	uint64_t at;

	if (name & BLOCKS_TIE)
		return true;
	at = a->b->row[holder].addr + (name & BLOCKS_OFFSET);
	return across_is_python(a, holder) && a->node[holder] != NODE_NONE &&
		at == a->h->node[a->node[holder]].address + WRAPPED_AT;
}

int across_count_sure(struct across *a)
{
	const struct graph *g = a->g;

	a->sure = mem_array(g->n, sizeof(*a->sure));
	if (!a->sure)
		return -ENOMEM;
	for (uint32_t row = 0; row < g->n; row++)
		for (edge_id e = g->out[row]; e < g->out[row + 1]; e++)
			a->sure[g->to[e]] += edge_owns(g, e) && across_is_sure(a, row, e);
	return 0;
}

bool across_is_explained(const struct across *a, uint32_t row)
{
	const struct book *l = blocks_book(a->b, row);

	return l && a->sure[row] >= across_count(l);
}

/* Whom a closure tells of its end: { data, function }, which hold nothing. */
static bool is_notifiers(const struct across *a, uint32_t closure, edge_id e)
{
	const struct book *l = blocks_book(a->b, closure);
	const struct def_type *t = l ? def_type(a->l->r->defs, l->type) : NULL;

	return t && text_is(t->name, "GClosure") && !(a->g->name[e] & BLOCKS_TIE) &&
		a->b->row[closure].addr + (a->g->name[e] & BLOCKS_OFFSET) == l->addr + NOTIFIERS;
}

/* --- which memory lies between --------------------------------------------------------------- */

static void add_row(struct across *a, struct bits *set, uint32_t row, uint32_t *n)
{
	if (across_is_python(a, row) || bits_has(set, row))
		return;
	bits_add(set, row);
	a->todo[(*n)++] = row;
}

/* What C holds by itself: the interpreter's objects that it leads to are held from outside. */
static void spread_roots(struct across *a, struct bits *rooted)
{
	const struct graph *g = a->g;
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->nroots; i++)
		if (!across_is_explained(a, g->root[i].node))
			add_row(a, rooted, g->root[i].node, &n);
	while (n) {
		uint32_t v = a->todo[--n];

		for (edge_id e = g->out[v]; e < g->out[v + 1]; e++)
			if (edge_owns(g, e) && !is_notifiers(a, v, e) &&
			    (!across_is_explained(a, g->to[e]) || across_is_sure(a, v, e)))
				add_row(a, rooted, g->to[e], &n);
	}
}

static void spread_back(struct across *a)
{
	const struct graph *g = a->g;
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->nheld; i++)
		add_row(a, &a->between, a->held[i].row, &n);
	for (uint32_t i = 0; i < a->nshown; i++)
		add_row(a, &a->between, a->shown[i].closure, &n);
	while (n) {
		uint32_t v = a->todo[--n];

		for (uint32_t i = g->in[v]; i < g->in[v + 1]; i++)
			add_row(a, &a->between, g->holder[i], &n);
	}
}

int across_find_between(struct across *a)
{
	struct bits rooted;
	int r = bits_init(&rooted, a->g->n);

	if (!r)
		r = bits_init(&a->between, a->g->n);
	if (!r) {
		spread_roots(a, &rooted);
		spread_back(a);
		for (uint32_t v = 0; v < a->g->n; v++)
			if (bits_has(&rooted, v))
				bits_del(&a->between, v);
	}
	bits_fini(&rooted);
	return r;
}

