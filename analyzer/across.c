#include "across_parts.h"

#include "mem.h"

#include <errno.h>

#define CLOSURE 32		/* PyGClosure: { GClosure; callback; extra_args; swap_data; ...  */

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

#define OWN_DEPTH 4		/* GLib: object, list of data, table of toggle references */

/* Does the block lie behind the object, in reach of nobody else? */
static bool is_own(const struct across *a, uint32_t row, uint32_t block)
{
	const struct graph *g = a->g;

	for (unsigned i = 0; i < OWN_DEPTH && block != row; i++) {
		if (across_is_python(a, block) || blocks_book(a->b, block) ||
		    a->b->row[block].outside || g->in[block + 1] - g->in[block] != 1)
			return false;
		block = g->holder[g->in[block]];
	}
	return block == row;
}

/* Words that may be references to it, whether of C or of the interpreter's objects: not those in its own memory. */
static uint64_t words_to(const struct across *a, uint32_t row)
{
	const struct graph *g = a->g;
	uint64_t n = 0;

	for (uint32_t i = g->in[row]; i < g->in[row + 1]; i++)
		n += !is_own(a, row, g->holder[i]);
	return n;
}

static int add_foreign(struct across *a, uint32_t row)
{
	const struct book *l = blocks_book(a->b, row);
	uint64_t count = across_count(l);
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
	if (across_is_python(a, row) && at == WRAPPED_AT)
		return add_edge(a, from, to, OURO_EDGE_FIELD, texts_add0(&a->h->texts, "obj"));
	if (across_is_closure(a, row) && at >= CLOSURE && at < CLOSURE + 24 && !(at % 8))
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

		if (row == holder || !across_is_foreign(a, row) || !edge_owns(g, e) ||
		    !across_is_sure(a, holder, e))
			continue;
		if (across_is_python(a, holder))
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
	    a->met[row] == a->walk ||
	    (direct && across_is_foreign(a, row) && across_is_sure(a, holder, e)))
		return 0;
	a->met[row] = a->walk;
	if (!across_is_foreign(a, row)) {
		/* Who is told when a handler goes is not held by it; its data is what was told. */
		if (!direct || (g->name[e] & BLOCKS_TIE) || !across_is_closure(a, holder))
			a->todo[(*n)++] = row;
		return 0;
	}
	if (across_is_explained(a, row))
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
	if (!r && across_is_foreign(a, holder))
		r = add_held(a, holder, holder);
	while (n && !r) {
		uint32_t v = a->todo[--n];

		for (edge_id e = g->out[v]; e < g->out[v + 1] && !r; e++)
			r = follow(a, holder, e, false, &n);
		if (!r && across_is_foreign(a, holder))
			r = add_held(a, holder, v);
	}
	return r;
}

static int turn_shown(struct across *a, const struct shown *x)
{
	node_id closure = a->node[x->closure], object = a->node[x->object];

	if (!across_is_foreign(a, x->closure) || !across_is_foreign(a, x->object))
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
	r = across_find_held(a);
	if (!r)
		r = across_count_sure(a);
	if (!r)
		r = across_find_shown(a);
	if (!r)
		r = across_find_between(a);
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
