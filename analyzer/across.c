#include "across.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>

#define WRAPPED_AT 16		/* PyGObject: { PyObject; GObject *obj; ...  (pygobject.h)       */
#define HANDLERS   64		/* of one object, at most looked at                      */
#define NOTIFIERS  24		/* GClosure: { bits; marshal; data; notifiers }                  */
#define CLOSURE    32		/* PyGClosure: { GClosure; callback; extra_args; swap_data; ...  */

/* A word in a block of C that has the address of one of the interpreter's objects. */
struct held {
	uint32_t row;			/* of the block                                  */
	uint32_t offset;		/* of the word in it                             */
	node_id node;
};

/* A handler, and the edge by which its instance's wrapper shows what it calls: see find_shown. */
struct shown {
	uint32_t closure;		/* row                                           */
	uint32_t object;		/* row: its instance                             */
	uint32_t edge;			/* of the heap                                   */
};

struct across {
	struct heap_loader *l;
	struct heap *h;
	struct blocks *b;
	const struct graph *g;		/* of the blocks                                 */
	node_id *node;			/* by row: the heap's node in it; NODE_NONE: none */
	struct bits between;		/* rows of C that lead to the interpreter's, and no root of C to them */
	uint64_t *missing;		/* by node: references nobody is known to have   */
	uint32_t *type;			/* by type of the trace: the heap's; 0: not yet  */
	uint32_t *met;			/* by row: the last walk that came by            */
	uint32_t walk;
	uint32_t *todo;
	uint32_t *sure;			/* by row: references to it that are no guess    */
	node_id *wrapper;		/* by foreign node: the interpreter's object for it; NODE_NONE */
	struct held *held;		/* by row                                        */
	uint32_t nheld, held_cap;
	struct shown *shown;
	uint32_t nshown, shown_cap;
	node_id first;			/* foreign node; those before are the interpreter's */
	uint32_t exact;			/* edges that the walk told: by holder           */
};

static bool is_python(const struct across *a, uint32_t row)
{
	return a->b->row[row].object;
}

static bool is_foreign(const struct across *a, uint32_t row)
{
	return !is_python(a, row) && a->node[row] != NODE_NONE;
}

static uint64_t count_of(const struct book *l)
{
	return l->retains - l->releases;
}

static bool is_closure(const struct across *a, uint32_t row)
{
	return is_foreign(a, row) && heap_is(a->h, a->node[row], "GClosure");
}

static int by_row(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* --- where C holds the interpreter's objects --------------------------------------------------- */

static int find_held(struct across *a)
{
	const struct heap *h = a->h;

	for (uint32_t i = 0; i < h->nwords; i++) {
		const struct heap_word *w = &h->word[i];
		uint32_t row = w->plausible ? blocks_at(a->b, w->where) : NODE_NONE;

		if (row == NODE_NONE || is_python(a, row))
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
		if (g->name[e] & BLOCKS_TIE)
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
static int find_shown(struct across *a)
{
	const struct graph *g = a->g;
	int r = 0;

	for (uint32_t row = 0; row < g->n; row++) {
		node_id v = a->node[row];

		for (edge_id e = g->out[row]; e < g->out[row + 1] && v != NODE_NONE && !r; e++) {
			const struct book *l = blocks_book(a->b, g->to[e]);

			if (l && count_of(l) == 1 && a->b->row[row].addr +
			    (g->name[e] & BLOCKS_OFFSET) == a->h->node[v].address + WRAPPED_AT)
				r = take_shown(a, v, g->to[e]);
		}
	}
	return r;
}

/* A reference and not just a word: it was told, or is the field in which a wrapper has its object. */
static bool is_sure(const struct across *a, uint32_t holder, edge_id e)
{
	uint32_t name = a->g->name[e];
	uint64_t at;

	if (name & BLOCKS_TIE)
		return true;
	at = a->b->row[holder].addr + (name & BLOCKS_OFFSET);
	return is_python(a, holder) && a->node[holder] != NODE_NONE &&
		at == a->h->node[a->node[holder]].address + WRAPPED_AT;
}

static int count_sure(struct across *a)
{
	const struct graph *g = a->g;

	a->sure = mem_array(g->n, sizeof(*a->sure));
	if (!a->sure)
		return -ENOMEM;
	for (uint32_t row = 0; row < g->n; row++)
		for (edge_id e = g->out[row]; e < g->out[row + 1]; e++)
			a->sure[g->to[e]] += edge_owns(g, e) && is_sure(a, row, e);
	return 0;
}

/* All its references are known for certain: other words know it, and do not hold it. */
static bool is_explained(const struct across *a, uint32_t row)
{
	const struct book *l = blocks_book(a->b, row);

	return l && a->sure[row] >= count_of(l);
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
	if (is_python(a, row) || bits_has(set, row))
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
		if (!is_explained(a, g->root[i].node))
			add_row(a, rooted, g->root[i].node, &n);
	while (n) {
		uint32_t v = a->todo[--n];

		for (edge_id e = g->out[v]; e < g->out[v + 1]; e++)
			if (edge_owns(g, e) && !is_notifiers(a, v, e) &&
			    (!is_explained(a, g->to[e]) || is_sure(a, v, e)))
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

static int find_between(struct across *a)
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

/* --- nodes ------------------------------------------------------------------------------------ */

static int64_t type_of(struct across *a, uint32_t id)
{
	const struct def_type *t = def_type(a->l->r->defs, id);
	int64_t r;

	if (!t)
		return 0;
	if (!a->type[id]) {
		r = heap_add_type(a->h, &(struct heap_type){ .address = t->address,
			.name = texts_add(&a->h->texts, t->name.s, t->name.length) });
		if (r < 0)
			return r;
		a->type[id] = (uint32_t)r;
	}
	return a->type[id];
}

/* Words that lead to it, whether of C or of the interpreter's objects. */
static uint64_t words_to(const struct across *a, uint32_t row)
{
	return a->g->in[row + 1] - a->g->in[row];
}

static int add_foreign(struct across *a, uint32_t row)
{
	const struct book *l = blocks_book(a->b, row);
	uint64_t count = count_of(l);
	int64_t type = type_of(a, l->type), site = heap_load_site(a->l, l->born), v;

	if (type < 0 || site < 0)
		return -ENOMEM;
	v = heap_add_node(a->h, &(struct heap_node){ .address = l->addr,
		.bytes = a->b->row[row].size, .count = count, .when = a->b->row[row].born,
		.type = (uint32_t)type, .site = (uint32_t)site, .foreign = true,
		.born = heap_load_born(a->l, a->b->row[row].born, (uint32_t)site) });
	if (v < 0)
		return (int)v;
	a->node[row] = (node_id)v;
	if (count <= words_to(a, row))
		return 0;
	v = heap_add_root(a->h, &(struct heap_root){ .node = (node_id)v,
		.kind = OURO_ROOT_PENDING });
	return v < 0 ? (int)v : 0;
}

static void place_python(struct across *a)
{
	for (uint32_t row = 0; row < a->g->n; row++)
		a->node[row] = NODE_NONE;
	for (node_id v = 0; v < a->h->nnodes; v++) {
		uint32_t row = blocks_at(a->b, a->h->node[v].address);

		if (row != NODE_NONE && a->node[row] == NODE_NONE)
			a->node[row] = v;
	}
}

/*
 * What a library made for itself, without a wrapper or a handler's name, is as good as a plain
 * block: a button has a dozen of those.
 */
static int add_nodes(struct across *a)
{
	int r = 0;

	a->first = a->h->nnodes;
	for (uint32_t row = 0; row < a->g->n && !r; row++)
		if (bits_has(&a->between, row) && blocks_book(a->b, row) && a->sure[row])
			r = add_foreign(a, row);
	return r;
}

/* --- what is not explained -------------------------------------------------------------------- */

static int find_missing(struct across *a)
{
	const struct heap *h = a->h;

	a->missing = mem_array(h->nnodes, sizeof(*a->missing));
	if (!a->missing)
		return -ENOMEM;
	for (uint32_t i = 0; i < h->nedges; i++)
		a->missing[h->edge[i].to] += h->edge[i].flags != OURO_EDGE_BORROWED;
	for (uint32_t i = 0; i < h->nroots; i++)
		a->missing[h->root[i].node] += h->root[i].flags != OURO_EDGE_BORROWED;
	for (uint32_t i = 0; i < h->nwords; i++) {
		uint32_t row = blocks_at(a->b, h->word[i].where);

		if (h->word[i].plausible && (row == NODE_NONE || !bits_has(&a->between, row)))
			a->missing[h->word[i].node]++;
	}
	for (node_id v = 0; v < a->first; v++)
		a->missing[v] = h->node[v].count > a->missing[v] ?
			h->node[v].count - a->missing[v] : 0;
	return 0;
}

/* --- edges ------------------------------------------------------------------------------------ */

static int add_edge(struct across *a, node_id from, node_id to, enum ouro_edge_name name,
	uint32_t operand)
{
	int64_t r = heap_add_edge(a->h, &(struct heap_edge){ .from = from, .to = to,
		.name = (uint8_t)name, .operand = operand });

	return r < 0 ? (int)r : 0;
}

/* In blocks that only the holder has, or in the private data before an instance. */
static int add_private(struct across *a, node_id from, node_id to)
{
	bool wrapper = from >= a->first && a->wrapper[from - a->first] == to;

	return add_edge(a, from, to, OURO_EDGE_FIELD, texts_add0(&a->h->texts,
		wrapper ? "wrapper" : "private data"));
}

/* A field of a struct whose layout is known, else where the word stands. */
static int add_word(struct across *a, uint32_t row, node_id to, uint32_t offset, bool direct)
{
	static const char *const field[] = { "callback", "extra_args", "swap_data" };
	node_id from = a->node[row];
	uint64_t at = a->b->row[row].addr + offset - a->h->node[from].address;

	if (!direct)
		return add_private(a, from, to);
	if (is_python(a, row) && at == WRAPPED_AT)
		return add_edge(a, from, to, OURO_EDGE_FIELD, texts_add0(&a->h->texts, "obj"));
	if (is_closure(a, row) && at >= CLOSURE && at < CLOSURE + 24 && !(at % 8))
		return add_edge(a, from, to, OURO_EDGE_FIELD,
			texts_add0(&a->h->texts, field[(at - CLOSURE) / 8]));
	return at < a->b->row[row].size ? add_edge(a, from, to, OURO_EDGE_OFFSET, (uint32_t)at) :
		add_private(a, from, to);
}

static int add_tie(struct across *a, node_id from, node_id to, uint32_t tie)
{
	const struct ties *t = &a->l->r->refs->ties;
	struct text name = def_string(a->l->r->defs, t->edge[tie].name);

	return add_edge(a, from, to, OURO_EDGE_FIELD, texts_add(&a->h->texts, name.s, name.length));
}

/* What C has of the interpreter's in one block: as far as counts ask for it. */
static int add_held(struct across *a, uint32_t holder, uint32_t row)
{
	uint32_t lo = 0, hi = a->nheld;
	int r = 0;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (a->held[mid].row < row)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < a->nheld && a->held[lo].row == row && !r; lo++) {
		const struct held *x = &a->held[lo];

		if (!a->missing[x->node])
			continue;
		a->missing[x->node]--;
		r = add_word(a, holder, x->node, x->offset, holder == row);
	}
	return r;
}

static int add_sure(struct across *a, uint32_t holder)
{
	const struct graph *g = a->g;
	int r = 0;

	for (edge_id e = g->out[holder]; e < g->out[holder + 1] && !r; e++) {
		uint32_t row = g->to[e], name = g->name[e];

		if (row == holder || !is_foreign(a, row) || !edge_owns(g, e) || !is_sure(a, holder, e))
			continue;
		if (is_python(a, holder))
			a->wrapper[a->node[row] - a->first] = a->node[holder];
		r = name & BLOCKS_TIE ? add_tie(a, a->node[holder], a->node[row], name & ~BLOCKS_TIE) :
			add_word(a, holder, a->node[row], name & BLOCKS_OFFSET, true);
	}
	return r;
}

/* A word in the holder itself (direct), or in a plain block behind it. */
static int follow(struct across *a, uint32_t holder, edge_id e, bool direct, uint32_t *n)
{
	const struct graph *g = a->g;
	uint32_t row = g->to[e];
	node_id v = a->node[row];

	if (!edge_owns(g, e) || row == holder || !bits_has(&a->between, row) ||
	    a->met[row] == a->walk || (direct && is_foreign(a, row) && is_sure(a, holder, e)))
		return 0;
	a->met[row] = a->walk;
	if (!is_foreign(a, row)) {
		/* Who is told when a handler goes is not held by it; its data is what was told. */
		if (!direct || (g->name[e] & BLOCKS_TIE) || !is_closure(a, holder))
			a->todo[(*n)++] = row;
		return 0;
	}
	if (is_explained(a, row))
		return 0;
	return add_word(a, holder, v, g->name[e] & BLOCKS_OFFSET, direct);
}

static int follow_all(struct across *a, uint32_t holder)
{
	const struct graph *g = a->g;
	uint32_t n = 0;
	int r = 0;

	a->walk++;
	for (edge_id e = g->out[holder]; e < g->out[holder + 1] && !r; e++)
		r = follow(a, holder, e, true, &n);
	if (!r && is_foreign(a, holder))
		r = add_held(a, holder, holder);
	while (n && !r) {
		uint32_t v = a->todo[--n];

		for (edge_id e = g->out[v]; e < g->out[v + 1] && !r; e++)
			r = follow(a, holder, e, false, &n);
		if (!r && is_foreign(a, holder))
			r = add_held(a, holder, v);
	}
	return r;
}

static int turn_shown(struct across *a, const struct shown *x)
{
	node_id closure = a->node[x->closure], object = a->node[x->object];

	if (!is_foreign(a, x->closure) || !is_foreign(a, x->object))
		return 0;
	a->h->edge[x->edge].flags = OURO_EDGE_BORROWED;
	a->h->node[closure].flags |= OURO_NODE_TRACKED;
	a->h->node[object].flags |= OURO_NODE_TRACKED;
	return add_edge(a, closure, a->h->edge[x->edge].to, OURO_EDGE_FIELD,
		texts_add0(&a->h->texts, "callback"));
}

static int add_edges(struct across *a)
{
	int r = find_missing(a);

	a->wrapper = mem_array(a->h->nnodes - a->first, sizeof(*a->wrapper));
	if (!a->wrapper)
		return -ENOMEM;
	for (node_id v = a->first; v < a->h->nnodes; v++)
		a->wrapper[v - a->first] = NODE_NONE;
	for (uint32_t row = 0; row < a->g->n && !r; row++)
		if (a->node[row] != NODE_NONE)
			r = add_sure(a, row);
	for (uint32_t row = 0; row < a->g->n && !r; row++)
		if (a->node[row] != NODE_NONE)
			r = follow_all(a, row);
	for (uint32_t i = 0; i < a->nshown && !r; i++)
		r = turn_shown(a, &a->shown[i]);
	return r;
}

static int join(struct across *a)
{
	int r = -ENOMEM;

	a->node = mem_array(a->g->n, sizeof(*a->node));
	a->met = mem_array(a->g->n, sizeof(*a->met));
	a->todo = mem_array(a->g->n, sizeof(*a->todo));
	a->type = mem_array(a->l->r->defs->types, sizeof(*a->type));
	if (!a->node || !a->met || !a->todo || !a->type)
		return r;
	a->exact = a->h->nedges;
	place_python(a);
	r = find_held(a);
	if (!r)
		r = count_sure(a);
	if (!r)
		r = find_shown(a);
	if (!r)
		r = find_between(a);
	if (!r)
		r = add_nodes(a);
	if (!r && a->h->nnodes > a->first)
		r = add_edges(a);
	return r;
}

int across_load(struct heap_loader *l, struct blocks *b)
{
	struct across a = { .l = l, .h = l->h, .b = b, .g = &b->graph };
	int r;

	if (!b->counted || !l->h->nnodes)
		return 0;
	r = graph_reverse(&b->graph);
	if (!r)
		r = join(&a);
	bits_fini(&a.between);
	mem_free(a.missing);
	mem_free(a.sure);
	mem_free(a.wrapper);
	mem_free(a.node);
	mem_free(a.met);
	mem_free(a.todo);
	mem_free(a.type);
	mem_free(a.held);
	mem_free(a.shown);
	return r;
}
