#include "tables.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>

/* --- whose tables ------------------------------------------------------------------------- */

/* The library that makes such objects, unless the program itself does. */
static int add_home(struct tables *t, const struct book *l)
{
	struct caller path[CALLERS_DEPTH];
	struct callers *c = (struct callers *)&t->refs->callers;
	uint32_t n = l->born && l->born < t->r->sites ?
		callers_path(c, t->r->site[l->born].stack, path) : 0;
	const struct def_module *m = n && !path[n - 1].program ?
		def_module(t->r->defs, path[n - 1].module) : NULL;

	if (!m)
		return 0;
	for (uint32_t i = 0; i < t->homes; i++)
		if (t->home[i][0] == m->start)
			return 0;
	if (mem_room(&t->home, t->homes, &t->homes_cap, sizeof(*t->home)))
		return -ENOMEM;
	t->home[t->homes][0] = m->start;
	t->home[t->homes++][1] = m->end;
	return 0;
}

/* --- whose block -------------------------------------------------------------------------- */

static int take_books(struct tables *t)
{
	const struct object *o;
	size_t at = 0;

	while ((o = replay_each_object(t->r, &at))) {
		struct book *l = refs_of(t->refs, o);
		node_id v = l ? blocks_at(t->b, o->addr) : NODE_NONE;

		if (!l)
			continue;
		for (uint32_t i = 0; i < l->nweak; i++) {
			if (mem_room(&t->weak, t->nweak, &t->weak_cap, sizeof(*t->weak)))
				return -ENOMEM;
			t->weak[t->nweak++] = l->weak[i];
		}
		if (v == NODE_NONE)
			continue;
		if (blocks_count(t->b, v, l))
			return -ENOMEM;
		/* GLib's tables keep an entry of an instance whose handlers are gone. */
		if (l->flags & BOOK_HOLDER)
			bits_add(&t->told, v);
		if (l->flags & BOOK_HOLDER && add_home(t, l))
			return -ENOMEM;
	}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static node_id block_of(const struct tables *t, uint64_t addr)
{
	return addr ? blocks_at(t->b, addr) : NODE_NONE;
}

static int take_told(struct tables *t)
{
	const struct ties *x = &t->refs->ties;
	int r = 0;

	for (uint32_t i = 0; x->edge && i <= x->mask && !r; i++) {
		const struct tie *e = &x->edge[i];
		node_id holder = block_of(t, e->holder), held = block_of(t, e->held);

		if (!tie_stands(e, t->r) || e->hold != OURO_HOLD_OWNED ||
		    tie_is_attached(t->r, e->name) || holder == NODE_NONE || held == NODE_NONE)
			continue;
		bits_add(&t->told, holder);
		bits_add(&t->told, held);
		if (blocks_book(t->b, holder))
			r = add_home(t, blocks_book(t->b, holder));
	}
	return r;
}

int tables_init(struct tables *t, struct blocks *b, const struct replay *r)
{
	int e;

	*t = (struct tables){ .b = b, .r = r, .refs = r->refs };
	if (!t->refs || !t->refs->objects)
		return 0;
	if (bits_init(&t->told, b->n) || bits_init(&t->entered, b->n))
		return -ENOMEM;
	e = take_books(t);
	if (!e)
		e = take_told(t);
	if (t->nweak)
		qsort(t->weak, t->nweak, sizeof(*t->weak), by_value);
	return e;
}

void tables_fini(struct tables *t)
{
	mem_free(t->weak);
	mem_free(t->home);
	bits_fini(&t->entered);
	bits_fini(&t->told);
	*t = (struct tables){ 0 };
}

/* --- words -------------------------------------------------------------------------------- */

bool tables_is_weak(const struct tables *t, uint64_t where)
{
	return t->nweak && bsearch(&where, t->weak, t->nweak, sizeof(*t->weak), by_value);
}

bool tables_word(struct tables *t, node_id to, uint64_t where)
{
	for (uint32_t i = 0; i < t->homes; i++)
		if (where >= t->home[i][0] && where < t->home[i][1]) {
			bits_add(&t->entered, to);
			return bits_has(&t->told, to);
		}
	return false;
}

/* --- edges -------------------------------------------------------------------------------- */

/*
 * Types whose objects have a reference to themselves, which only their own weak references
 * can give back: a GBinding goes when one of the two objects that it binds does.
 */
static bool keeps_itself(const struct tables *t, const struct book *l)
{
	const struct def_type *type = def_type(t->r->defs, l->type);

	return l->flags & BOOK_STATIC || (type && text_is(type->name, "GBinding"));
}

int tables_draw(struct tables *t, struct draft *d)
{
	const struct ties *x = t->refs ? &t->refs->ties : NULL;
	int r = 0;

	for (node_id v = 0; v < t->b->n && t->b->counted && !r; v++)
		if (blocks_book(t->b, v) && keeps_itself(t, blocks_book(t->b, v))) {
			t->b->row[v].outside++;
			r = draft_root(d, v, 1, BLOCKS_OBJECT);
		}

	for (uint32_t i = 0; x && t->b->counted && x->edge && i <= x->mask && !r; i++) {
		const struct tie *e = &x->edge[i];
		node_id holder = block_of(t, e->holder), held = block_of(t, e->held);

		if (tie_stands(e, t->r) && e->hold == OURO_HOLD_OWNED && holder != NODE_NONE &&
		    held != NODE_NONE)
			r = draft_edge(d, holder, held, BLOCKS_TIE | i, EDGE_OWNED);
	}
	return r;
}

static bool in_home(const struct tables *t, uint32_t module)
{
	const struct def_module *m = def_module(t->r->defs, module);

	for (uint32_t i = 0; m && i < t->homes; i++)
		if (t->home[i][0] == m->start)
			return true;
	return false;
}

/*
 * A hash table that a library made for itself is no object to who looks for tables; nor is one
 * that the runtime's own library made, even if the program's code brought it in just then (dlopen).
 */
static bool is_table(const struct tables *t, node_id v)
{
	const struct book *l = blocks_book(t->b, v);
	struct caller path[CALLERS_DEPTH];
	uint32_t n, out;

	if (bits_has(&t->told, v))
		return false;
	if (!l || !l->born || l->born >= t->r->sites)
		return !l;
	n = callers_path((struct callers *)&t->refs->callers, t->r->site[l->born].stack, path);
	if (!n)
		return false;
	out = n - 1;			/* who called the library of hash tables     */
	while (out && path[out].module == path[n - 1].module)
		out--;
	return !callers_blame(path, n)->program || in_home(t, path[out].module);
}

/* What the variables of a runtime's library reach without going through an object. */
static int spread_tables(struct tables *t, struct bits *seen)
{
	const struct graph *g = &t->b->graph;
	node_id *todo = mem_array(g->n, sizeof(*todo));
	uint32_t n = 0;

	if (!todo)
		return -ENOMEM;
	for (node_id v = 0; v < g->n; v++)
		if (bits_has(&t->entered, v) && is_table(t, v)) {
			bits_add(seen, v);
			todo[n++] = v;
		}
	while (n) {
		node_id v = todo[--n];

		for (edge_id e = g->out[v]; e < g->out[v + 1]; e++) {
			node_id u = g->to[e];

			if (bits_has(seen, u) || !is_table(t, u))
				continue;
			bits_add(seen, u);
			todo[n++] = u;
		}
	}
	mem_free(todo);
	return 0;
}

static void borrow(struct graph *g, edge_id e)
{
	if (g->kind[e] != EDGE_OWNED)
		return;
	g->kind[e] = EDGE_BORROWED;
	g->nin[g->to[e]]--;
}

/* A handler's data that nobody counted for it. */
static void borrow_ties(struct tables *t)
{
	const struct ties *x = &t->refs->ties;
	struct graph *g = &t->b->graph;

	for (uint32_t i = 0; x->edge && i <= x->mask; i++) {
		const struct tie *e = &x->edge[i];
		node_id holder, held;

		if (e->hold == OURO_HOLD_OWNED || !tie_stands(e, t->r))
			continue;
		holder = block_of(t, e->holder);
		held = block_of(t, e->held);
		if (holder == NODE_NONE || held == NODE_NONE)
			continue;
		for (edge_id k = g->out[holder]; k < g->out[holder + 1]; k++)
			if (g->to[k] == held)
				borrow(g, k);
	}
}

/* The word that leads from v to `held`, which is no told edge. */
static edge_id word_to(const struct graph *g, node_id v, node_id held)
{
	for (edge_id e = g->out[v]; e < g->out[v + 1]; e++)
		if (g->to[e] == held && g->kind[e] == EDGE_OWNED && !(g->name[e] & BLOCKS_TIE))
			return e;
	return EDGE_NONE;
}

/*
 * What is told to be held stands in memory, too: in the holder, or in a table that only
 * the holder has (GLib's data lists).  It is one reference, so that word is none.
 */
static void borrow_words_of_ties(struct tables *t)
{
	const struct ties *x = &t->refs->ties;
	struct graph *g = &t->b->graph;

	for (uint32_t i = 0; x->edge && i <= x->mask; i++) {
		const struct tie *e = &x->edge[i];
		node_id holder, held;
		edge_id word;

		if (e->hold != OURO_HOLD_OWNED || !tie_stands(e, t->r))
			continue;
		holder = block_of(t, e->holder);
		held = block_of(t, e->held);
		if (holder == NODE_NONE || held == NODE_NONE || !blocks_book(t->b, held))
			continue;
		word = word_to(g, holder, held);
		for (edge_id k = g->out[holder]; k < g->out[holder + 1] && word == EDGE_NONE; k++) {
			node_id list = g->to[k];

			if (list != held && !blocks_book(t->b, list) && g->nin[list] == 1 &&
			    !t->b->row[list].outside)
				word = word_to(g, list, held);
		}
		if (word != EDGE_NONE)
			borrow(g, word);
	}
}

int tables_judge(struct tables *t)
{
	struct graph *g = &t->b->graph;
	struct bits seen;
	int r;

	if (t->b->counted) {
		borrow_ties(t);
		borrow_words_of_ties(t);
	}
	if (!t->homes)
		return 0;
	r = bits_init(&seen, g->n);
	if (!r)
		r = spread_tables(t, &seen);
	for (node_id v = 0; v < g->n && !r; v++)
		for (edge_id e = g->out[v]; e < g->out[v + 1] && bits_has(&seen, v); e++)
			if (bits_has(&t->told, g->to[e]))
				borrow(g, e);
	bits_fini(&seen);
	return r;
}
