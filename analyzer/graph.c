#include "graph.h"

#include <errno.h>
#include <string.h>

#include "base.h"
#include "mem.h"

/* --- drafting -------------------------------------------------------------------- */

int draft_node(struct draft *d, uint32_t count, uint64_t bytes, uint8_t flags)
{
	struct graph *g = &d->g;

	/* The last two numbers are kept for NODE_NONE and for n + 1. */
	if (g->n >= UINT32_MAX - 2 ||
	    mem_room(&g->count, g->n, &d->node_cap[0], sizeof(*g->count)) ||
	    mem_room(&g->bytes, g->n, &d->node_cap[1], sizeof(*g->bytes)) ||
	    mem_room(&g->flags, g->n, &d->node_cap[2], sizeof(*g->flags)))
		return -ENOMEM;
	g->count[g->n] = count;
	g->bytes[g->n] = bytes;
	g->flags[g->n] = flags;
	g->n++;
	return 0;
}

int draft_edge(struct draft *d, node_id from, node_id to, uint32_t name,
	       enum edge_kind kind)
{
	struct graph *g = &d->g;

	if (from >= g->n || to >= g->n || (unsigned)kind >= EDGE_KINDS)
		return -EINVAL;
	if (g->m >= EDGE_NONE - 1 ||
	    mem_room(&d->from, g->m, &d->edge_cap[0], sizeof(*d->from)) ||
	    mem_room(&g->to, g->m, &d->edge_cap[1], sizeof(*g->to)) ||
	    mem_room(&g->name, g->m, &d->edge_cap[2], sizeof(*g->name)) ||
	    mem_room(&g->kind, g->m, &d->edge_cap[3], sizeof(*g->kind)))
		return -ENOMEM;
	if (g->m && from < d->from[g->m - 1])
		d->unsorted = true;
	d->from[g->m] = from;
	g->to[g->m] = to;
	g->name[g->m] = name;
	g->kind[g->m] = kind;
	g->m++;
	return 0;
}

int draft_root(struct draft *d, node_id node, uint32_t owned, uint32_t id)
{
	struct graph *g = &d->g;

	if (node >= g->n)
		return -EINVAL;
	if (mem_room(&g->root, g->nroots, &d->root_cap, sizeof(*g->root)))
		return -ENOMEM;
	g->root[g->nroots++] = (struct root){node, owned, id};
	return 0;
}

void draft_fini(struct draft *d)
{
	graph_fini(&d->g);
	mem_free(d->from);
	*d = (struct draft){0};
}

/* --- building -------------------------------------------------------------------- */

/* Everything building may need, so that nothing fails once it has begun. */
struct build {
	struct graph sorted;	/* to, name, kind: only for an unsorted draft          */
	edge_id *out;
	uint32_t *nin;
	struct root *root;
};

static void build_fini(struct build *b)
{
	mem_free(b->sorted.to);
	mem_free(b->sorted.name);
	mem_free(b->sorted.kind);
	mem_free(b->out);
	mem_free(b->nin);
	mem_free(b->root);
}

static int build_init(struct build *b, const struct draft *d)
{
	*b = (struct build){0};
	b->out = mem_array(d->g.n + 1ul, sizeof(*b->out));
	b->nin = mem_array(d->g.n, sizeof(*b->nin));
	b->root = mem_array(d->g.nroots, sizeof(*b->root));
	if (!b->out || !b->nin || !b->root)
		goto out_of_memory;
	if (!d->unsorted)
		return 0;
	b->sorted.to = mem_array(d->g.m, sizeof(*b->sorted.to));
	b->sorted.name = mem_array(d->g.m, sizeof(*b->sorted.name));
	b->sorted.kind = mem_array(d->g.m, sizeof(*b->sorted.kind));
	if (b->sorted.to && b->sorted.name && b->sorted.kind)
		return 0;
out_of_memory:
	build_fini(b);
	return -ENOMEM;
}

/* From how many entries v has, in first[v], to where they begin. */
static void counts_to_offsets(uint32_t *first, uint32_t n)
{
	uint32_t v, here, sum = 0;

	for (v = 0; v < n; v++) {
		here = first[v];
		first[v] = sum;
		sum += here;
	}
	first[n] = sum;
}

/* Each first[v] was moved past the entries of v: that is where those of v + 1 begin. */
static void rewind_offsets(uint32_t *first, uint32_t n)
{
	memmove(first + 1, first, n * sizeof(*first));
	first[0] = 0;
}

/* A counting sort: edges of one holder keep their order. */
static void sort_edges(struct build *b, struct draft *d)
{
	struct graph *g = &d->g, *s = &b->sorted;
	edge_id e, at;

	for (e = 0; e < g->m; e++) {
		at = b->out[d->from[e]]++;
		s->to[at] = g->to[e];
		s->name[at] = g->name[e];
		s->kind[at] = g->kind[e];
	}
	rewind_offsets(b->out, g->n);
	mem_free(g->to);
	mem_free(g->name);
	mem_free(g->kind);
	g->to = s->to;
	g->name = s->name;
	g->kind = s->kind;
}

static bool roots_sorted(const struct graph *g)
{
	uint32_t i;

	for (i = 1; i < g->nroots; i++)
		if (g->root[i].node < g->root[i - 1].node)
			return false;
	return true;
}

/* A merge from the bottom up, and not qsort, which allocates and may not be stable. */
static void sort_roots(struct graph *g, struct root *spare)
{
	struct root *from = g->root, *to = spare, *swap;
	size_t width, lo, mid, hi, i, j, k, n = g->nroots;
	bool first;

	if (roots_sorted(g))
		return;
	for (width = 1; width < n; width *= 2) {
		for (lo = 0; lo < n; lo = hi) {
			mid = lo + width < n ? lo + width : n;
			hi = mid + width < n ? mid + width : n;
			for (i = k = lo, j = mid; k < hi; k++) {
				first = j == hi ||
					(i < mid && from[i].node <= from[j].node);
				to[k] = from[first ? i++ : j++];
			}
		}
		swap = from;
		from = to;
		to = swap;
	}
	if (from == spare)
		memcpy(g->root, spare, n * sizeof(*spare));
}

int graph_build(struct graph *ret, struct draft *d)
{
	struct graph *g = &d->g;
	struct build b;
	edge_id e;
	int err;

	err = build_init(&b, d);
	if (err)
		return err;
	for (e = 0; e < g->m; e++)
		b.out[d->from[e]]++;
	counts_to_offsets(b.out, g->n);
	if (d->unsorted)
		sort_edges(&b, d);
	for (e = 0; e < g->m; e++)
		if (edge_owns(g, e))
			b.nin[g->to[e]]++;
	sort_roots(g, b.root);

	g->out = b.out;
	g->nin = b.nin;
	*ret = *g;
	mem_free(b.root);
	mem_free(d->from);
	*d = (struct draft){0};
	assert_deep(graph_ok(ret));
	return 0;
}

void graph_fini(struct graph *g)
{
	mem_free(g->count);
	mem_free(g->bytes);
	mem_free(g->flags);
	mem_free(g->nin);
	mem_free(g->out);
	mem_free(g->to);
	mem_free(g->name);
	mem_free(g->kind);
	mem_free(g->root);
	mem_free(g->in);
	mem_free(g->holder);
	*g = (struct graph){0};
}

/* --- asking ---------------------------------------------------------------------- */

int graph_reverse(struct graph *g)
{
	uint32_t *in;
	node_id *holder, v;
	edge_id e;

	if (g->in)
		return 0;
	in = mem_array(g->n + 1ul, sizeof(*in));
	holder = mem_array(g->m, sizeof(*holder));
	if (!in || !holder) {
		mem_free(in);
		mem_free(holder);
		return -ENOMEM;
	}
	memcpy(in, g->nin, g->n * sizeof(*in));
	counts_to_offsets(in, g->n);
	for (v = 0; v < g->n; v++)
		for (e = g->out[v]; e < g->out[v + 1]; e++)
			if (edge_owns(g, e))
				holder[in[g->to[e]]++] = v;
	rewind_offsets(in, g->n);
	g->in = in;
	g->holder = holder;
	assert_deep(graph_ok(g));
	return 0;
}

uint32_t graph_root_of(const struct graph *g, node_id v)
{
	uint32_t lo = 0, hi = g->nroots, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (g->root[mid].node < v)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < g->nroots && g->root[lo].node == v ? lo : g->nroots;
}

struct account graph_account(const struct graph *g, node_id v)
{
	struct account a = {.count = g->count[v], .holders = g->nin[v]};
	uint32_t i;

	for (i = graph_root_of(g, v); i < g->nroots && g->root[i].node == v; i++)
		a.roots += g->root[i].owned;
	if (g->flags[v] & NODE_UNCOUNTED)
		a.count = 0;
	else if (a.count != GRAPH_IMMORTAL)
		a.unknown = (int64_t)a.count - a.holders - (int64_t)a.roots;
	return a;
}

int graph_rooted(const struct graph *g, struct bits *ret)
{
	const struct root *r;
	struct bits b;

	if (bits_init(&b, g->n))
		return -ENOMEM;
	for (r = g->root; r < g->root + g->nroots; r++)
		if (r->owned || g->flags[r->node] & NODE_UNCOUNTED)
			bits_add(&b, r->node);
	*ret = b;
	return 0;
}

int graph_held(const struct graph *g, struct bits *ret)
{
	node_id v;
	int err;

	err = graph_rooted(g, ret);
	if (err)
		return err;
	for (v = 0; v < g->n; v++)
		if (!(g->flags[v] & NODE_UNCOUNTED) &&
		    (!g->count[v] || g->count[v] != g->nin[v]))
			bits_add(ret, v);
	return 0;
}

edge_id graph_edge_between(const struct graph *g, node_id from, node_id to)
{
	edge_id e;

	for (e = g->out[from]; e < g->out[from + 1]; e++)
		if (g->to[e] == to && edge_owns(g, e))
			return e;
	return EDGE_NONE;
}

/* --- the books ------------------------------------------------------------------- */

/* Spreads numbers, so that sums of them are equal only when the numbers are. */
static uint64_t spread(uint64_t x)
{
	x = (x + 1) * 0x9e3779b97f4a7c15;
	return x ^ x >> 29;
}

static bool edges_ok(const struct graph *g)
{
	uint64_t arrived = 0, booked = 0;
	node_id v;
	edge_id e;

	if (g->out[0] != 0 || g->out[g->n] != g->m)
		return false;
	for (e = 0; e < g->m; e++) {
		if (g->to[e] >= g->n || g->kind[e] >= EDGE_KINDS)
			return false;
		if (edge_owns(g, e))
			arrived += spread(g->to[e]);
	}
	for (v = 0; v < g->n; v++) {
		if (g->out[v] > g->out[v + 1])
			return false;
		booked += g->nin[v] * spread(v);
	}
	return arrived == booked;
}

static bool roots_ok(const struct graph *g)
{
	return roots_sorted(g) && (!g->nroots || g->root[g->nroots - 1].node < g->n);
}

static bool reverse_ok(const struct graph *g)
{
	uint64_t forth = 0, back = 0;
	node_id v;
	uint32_t i;
	edge_id e;

	for (v = 0; v < g->n; v++) {
		if (g->in[v + 1] - g->in[v] != g->nin[v])
			return false;
		for (i = g->in[v]; i < g->in[v + 1]; i++) {
			if (i > g->in[v] && g->holder[i] < g->holder[i - 1])
				return false;
			back += spread((uint64_t)g->holder[i] << 32 | v);
		}
		for (e = g->out[v]; e < g->out[v + 1]; e++)
			if (edge_owns(g, e))
				forth += spread((uint64_t)v << 32 | g->to[e]);
	}
	return forth == back;
}

bool graph_ok(const struct graph *g)
{
	return edges_ok(g) && roots_ok(g) && (!g->in || reverse_ok(g));
}
