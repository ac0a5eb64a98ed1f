#include "scc.h"

#include <errno.h>
#include <string.h>

#include "base.h"
#include "mem.h"

/*
 * While a node is open its index is the order of its discovery, or that of
 * the earliest open node it is known to reach; at least 1.  Closed, it is the
 * number of its component, counted down from n.  Open indices never exceed the
 * number of open nodes, and at most one number is used up for each closed node,
 * so every closed index is at least as large as every open one and never looks
 * like an earlier node.  Nodes outside of the set have the largest index of all.
 */
struct walk {
	const struct graph *g;
	uint32_t *index;	/* by node: 0 not seen yet                             */
	uint32_t next;		/* index of the next node discovered                   */
	uint32_t number;	/* of the next component closed                        */

	/*
	 * The path grows from the front of stack, closed-but-unassigned nodes
	 * grow from the back: a node is on one of them at most.
	 */
	node_id *stack;
	uint32_t depth, waiting, size;
	edge_id *edge;		/* by depth: next edge to look at                      */
	struct bits early;	/* by depth: it reaches an earlier node                */
	struct bits self;	/* by node: holds itself                               */
};

static void walk_fini(struct walk *w)
{
	mem_free(w->index);
	mem_free(w->stack);
	mem_free(w->edge);
	bits_fini(&w->early);
	bits_fini(&w->self);
}

static int walk_init(struct walk *w, const struct graph *g, const struct bits *set)
{
	node_id v;

	*w = (struct walk){.g = g, .next = 1, .number = g->n};
	w->size = set ? bits_count(set) : g->n;
	w->index = mem_array(g->n, sizeof(*w->index));
	w->stack = mem_array(w->size, sizeof(*w->stack));
	w->edge = mem_array(w->size, sizeof(*w->edge));
	if (!w->index || !w->stack || !w->edge ||
	    bits_init(&w->early, w->size) || bits_init(&w->self, g->n)) {
		walk_fini(w);
		return -ENOMEM;
	}
	for (v = 0; set && v < g->n; v++)
		if (!bits_has(set, v))
			w->index[v] = SCC_NONE;
	return 0;
}

static void enter(struct walk *w, node_id v)
{
	const struct graph *g = w->g;
	edge_id e;

	/* One of these is next: wait for memory once, for all of them. */
	for (e = g->out[v]; e < g->out[v + 1] && e < g->out[v] + 16; e++) {
		__builtin_prefetch(&w->index[g->to[e]]);
		__builtin_prefetch(&g->out[g->to[e]]);
	}
	w->index[v] = w->next++;
	w->stack[w->depth] = v;
	w->edge[w->depth] = g->out[v];
	bits_del(&w->early, w->depth);
	w->depth++;
}

/* What v holds can reach the node of this index: so can v. */
static void reaches(struct walk *w, node_id v, uint32_t index)
{
	if (index >= w->index[v])
		return;
	w->index[v] = index;
	bits_add(&w->early, w->depth - 1);
}

/* The first thing held by the node on top of the path that was not seen yet. */
static node_id next_unseen(struct walk *w)
{
	const struct graph *g = w->g;
	node_id v = w->stack[w->depth - 1], to;
	edge_id e;

	for (e = w->edge[w->depth - 1]; e < g->out[v + 1]; e++) {
		if (!edge_owns(g, e))
			continue;
		to = g->to[e];
		if (to == v)
			bits_add(&w->self, v);
		if (!w->index[to]) {
			w->edge[w->depth - 1] = e;	/* again on the way back */
			return to;
		}
		reaches(w, v, w->index[to]);
	}
	return NODE_NONE;
}

/* The top of the path is done: it waits for an earlier node, or closes a component. */
static void leave(struct walk *w)
{
	node_id v = w->stack[w->depth - 1], u;

	if (bits_has(&w->early, w->depth - 1)) {
		w->depth--;
		w->stack[w->size - ++w->waiting] = v;
		return;
	}
	w->depth--;
	w->next--;
	while (w->waiting) {
		u = w->stack[w->size - w->waiting];
		if (w->index[u] < w->index[v])
			break;
		w->waiting--;
		w->next--;
		w->index[u] = w->number;
	}
	w->index[v] = w->number--;
}

static void walk_from(struct walk *w, node_id start)
{
	node_id v;

	enter(w, start);
	while (w->depth) {
		v = next_unseen(w);
		if (v != NODE_NONE)
			enter(w, v);
		else
			leave(w);
	}
	assert(w->next == 1 && !w->waiting);
}

/* From numbers counted down to numbers counted up from 0, and lists by component. */
static int list_members(struct walk *w, struct scc *s)
{
	node_id v;
	uint32_t c;

	s->n = w->g->n - w->number;
	s->of = w->index;
	s->first = mem_array(s->n + 1ul, sizeof(*s->first));
	s->member = mem_array(w->size, sizeof(*s->member));
	if (!s->first || !s->member || bits_init(&s->cyclic, s->n)) {
		mem_free(s->first);
		mem_free(s->member);
		return -ENOMEM;
	}
	for (v = 0; v < w->g->n; v++) {
		if (s->of[v] == SCC_NONE)
			continue;
		s->of[v] -= w->number + 1;
		s->first[s->of[v] + 1]++;
	}
	for (c = 0; c < s->n; c++) {
		if (s->first[c + 1] > 1)
			bits_add(&s->cyclic, c);
		s->first[c + 1] += s->first[c];
	}
	for (v = 0; v < w->g->n; v++) {
		if (s->of[v] == SCC_NONE)
			continue;
		s->member[s->first[s->of[v]]++] = v;
		if (bits_has(&w->self, v))
			bits_add(&s->cyclic, s->of[v]);
	}
	memmove(s->first + 1, s->first, s->n * sizeof(*s->first));
	s->first[0] = 0;
	return 0;
}

int scc_find(const struct graph *g, const struct bits *set, struct scc *ret)
{
	struct scc s = {0};
	struct walk w;
	node_id v;
	int err;

	err = walk_init(&w, g, set);
	if (err)
		return err;
	/* From the last: what is closed last is numbered first. */
	for (v = g->n; v-- > 0;)
		if (!w.index[v])
			walk_from(&w, v);
	bits_fini(&w.early);	/* the lists want memory */
	mem_free(w.stack);
	mem_free(w.edge);
	w.stack = NULL;
	w.edge = NULL;
	err = list_members(&w, &s);
	if (!err) {
		w.index = NULL;		/* it is s.of now */
		*ret = s;
	}
	walk_fini(&w);
	return err;
}

void scc_keep_cyclic(struct scc *s)
{
	uint32_t c, i, kept = 0, at = 0, end, begin = 0;

	for (c = 0; c < s->n; c++) {
		end = s->first[c + 1];
		if (bits_has(&s->cyclic, c)) {
			for (i = begin; i < end; i++) {
				s->of[s->member[i]] = kept;
				s->member[at++] = s->member[i];
			}
			bits_add(&s->cyclic, kept);
			s->first[++kept] = at;
		} else {
			s->of[s->member[begin]] = SCC_NONE;
		}
		begin = end;
	}
	s->n = kept;
}

void scc_fini(struct scc *s)
{
	mem_free(s->of);
	mem_free(s->first);
	mem_free(s->member);
	bits_fini(&s->cyclic);
	*s = (struct scc){0};
}
