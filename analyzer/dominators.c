#include "dominators.h"

#include <errno.h>

#include "base.h"
#include "mem.h"

/*
 * Nodes are numbered from 1 in the order in which a depth-first search from
 * the world (0) finds them, and everything below is by that number: a node's
 * tree parent, semidominator and dominator all have smaller ones.
 */
struct number {
	uint32_t anc;		/* an ancestor, further up with each path compressed   */
	uint32_t best;		/* smallest semidominator from here up to below anc    */
};

struct search {
	struct graph *g;
	const struct bits *entry;
	uint32_t n;		/* nodes reached: numbers are 1 to n                   */
	uint32_t *number;	/* by node; 0: not reached                             */
	node_id *node;		/* by number                                           */
	uint32_t *dom;		/* by number: tree parent, then immediate dominator    */
	uint32_t *semi;		/* by number                                           */
	struct number *link;	/* by number                                           */
	uint32_t *stack;	/* numbers, by depth                                   */
	edge_id *edge;		/* by depth: next edge to look at                      */
};

/* --- the search tree ------------------------------------------------------------- */

static uint32_t discover(struct search *s, node_id v, uint32_t parent)
{
	const struct graph *g = s->g;
	edge_id e;

	/* One of these is next: wait for memory once, for all of them. */
	for (e = g->out[v]; e < g->out[v + 1] && e < g->out[v] + 16; e++) {
		__builtin_prefetch(&s->number[g->to[e]]);
		__builtin_prefetch(&g->out[g->to[e]]);
	}
	s->number[v] = ++s->n;
	s->node[s->n] = v;
	s->dom[s->n] = parent;
	return s->n;
}

static node_id next_unseen(struct search *s, uint32_t depth)
{
	const struct graph *g = s->g;
	node_id v = s->node[s->stack[depth]];
	edge_id e;

	for (e = s->edge[depth]; e < g->out[v + 1]; e++) {
		if (edge_owns(g, e) && !s->number[g->to[e]]) {
			s->edge[depth] = e + 1;
			return g->to[e];
		}
	}
	return NODE_NONE;
}

static void search_from(struct search *s, node_id start)
{
	uint32_t depth = 0;
	node_id v = start;

	s->stack[0] = 0;
	for (;;) {
		if (v != NODE_NONE) {
			uint32_t i = discover(s, v, s->stack[depth]);

			s->stack[++depth] = i;
			s->edge[depth] = s->g->out[v];
		} else if (--depth == 0) {
			return;
		}
		v = next_unseen(s, depth);
	}
}

/* --- semidominators -------------------------------------------------------------- */

/*
 * The smallest semidominator of i and its ancestors down to the one numbered
 * done + 1 or more; all of these have theirs already.  The path is shortened
 * on the way, so that nobody walks it twice.
 */
static uint32_t best_above(struct search *s, uint32_t i, uint32_t done)
{
	struct number *link = s->link;
	uint32_t depth = 0, up;

	if (i <= done)
		return i;
	while (link[i].anc > done) {
		s->stack[depth++] = i;
		i = link[i].anc;
	}
	while (depth) {
		up = i;
		i = s->stack[--depth];
		if (link[up].best < link[i].best)
			link[i].best = link[up].best;
		link[i].anc = link[up].anc;
	}
	return link[i].best;
}

static void find_semidominators(struct search *s)
{
	const struct graph *g = s->g;
	uint32_t i, h, best, number;
	node_id v;

	for (i = s->n; i > 0; i--) {
		v = s->node[i];
		if (i > 8)	/* the holders of those to come are all over memory */
			__builtin_prefetch(&g->in[s->node[i - 8]]);
		if (i > 4)
			__builtin_prefetch(&g->holder[g->in[s->node[i - 4]]]);
		best = bits_has(s->entry, v) ? 0 : s->dom[i];
		for (h = g->in[v]; best && h < g->in[v + 1]; h++) {
			number = s->number[g->holder[h]];
			if (!number)	/* a dead holder holds nobody here */
				continue;
			number = best_above(s, number, i);
			if (number < best)
				best = number;
		}
		s->semi[i] = best;
		s->link[i].anc = s->dom[i];
		s->link[i].best = best;
	}
}

/* From the world downwards, each dominator's own one is known when it is asked for. */
static void find_dominators(struct search *s)
{
	uint32_t i, j;

	for (i = 1; i <= s->n; i++) {
		for (j = s->dom[i]; j > s->semi[i];)
			j = s->dom[j];
		s->dom[i] = j;
	}
}

/* --- the answer, by node --------------------------------------------------------- */

static void add_up_retained(const struct search *s, struct dominators *d)
{
	uint32_t i;
	node_id v, up;

	for (i = s->n; i > 0; i--) {
		v = s->node[i];
		d->bytes[v] += s->g->bytes[v];
		d->nodes[v]++;
		if (s->dom[i]) {
			up = s->node[s->dom[i]];
			d->bytes[up] += d->bytes[v];
			d->nodes[up] += d->nodes[v];
		} else {
			d->total_bytes += d->bytes[v];
			d->total += d->nodes[v];
		}
	}
	assert(d->total == s->n);
}

/* The numbers are not needed any more: their place takes the answer. */
static void name_dominators(struct search *s, struct dominators *d)
{
	uint32_t i;
	node_id v;

	d->above = s->number;
	s->number = NULL;
	for (v = 0; v < s->g->n; v++)
		if (!d->above[v])
			d->above[v] = NODE_NONE;
	for (i = 1; i <= s->n; i++)
		d->above[s->node[i]] = s->dom[i] ? s->node[s->dom[i]] : NODE_WORLD;
}

static int search_tree(struct search *s)
{
	size_t n = s->g->n + 1ul;
	node_id v;

	s->number = mem_array(n, sizeof(*s->number));
	s->node = mem_array(n, sizeof(*s->node));
	s->dom = mem_array(n, sizeof(*s->dom));
	s->stack = mem_array(n, sizeof(*s->stack));
	s->edge = mem_array(n, sizeof(*s->edge));
	if (!s->number || !s->node || !s->dom || !s->stack || !s->edge)
		return -ENOMEM;
	for (v = 0; v < s->g->n; v++)
		if (bits_has(s->entry, v) && !s->number[v])
			search_from(s, v);
	mem_free(s->edge);
	s->edge = NULL;
	return 0;
}

int dominators_find(struct graph *g, const struct bits *entry, struct dominators *ret)
{
	struct search s = {.g = g, .entry = entry};
	struct dominators d = {0};
	int err;

	assert(entry->n == g->n);
	err = graph_reverse(g);
	if (err)
		return err;
	err = search_tree(&s);
	if (err)
		goto out;
	err = -ENOMEM;
	s.semi = mem_array(s.n + 1ul, sizeof(*s.semi));
	s.link = mem_array(s.n + 1ul, sizeof(*s.link));
	if (!s.semi || !s.link)
		goto out;
	find_semidominators(&s);
	find_dominators(&s);
	mem_free(s.link);
	mem_free(s.semi);
	s.link = NULL;
	s.semi = NULL;

	d.bytes = mem_array(g->n, sizeof(*d.bytes));
	d.nodes = mem_array(g->n, sizeof(*d.nodes));
	if (!d.bytes || !d.nodes) {
		dominators_fini(&d);
		goto out;
	}
	add_up_retained(&s, &d);
	name_dominators(&s, &d);
	*ret = d;
	err = 0;
out:
	mem_free(s.number);
	mem_free(s.node);
	mem_free(s.dom);
	mem_free(s.semi);
	mem_free(s.link);
	mem_free(s.stack);
	mem_free(s.edge);
	return err;
}

void dominators_fini(struct dominators *d)
{
	mem_free(d->above);
	mem_free(d->bytes);
	mem_free(d->nodes);
	*d = (struct dominators){0};
}
