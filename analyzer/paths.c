#include "paths.h"

#include <errno.h>
#include <string.h>

#include "base.h"
#include "mem.h"

/* --- depths ---------------------------------------------------------------------- */

/* Not reached yet, and not to be avoided: only during the search. */
#define UNSEEN (PATHS_FAR - 1)

static void find_depths(struct paths *p, node_id *queue)
{
	const struct graph *g = p->g;
	uint32_t head = 0, tail = 0;
	node_id v, u;
	edge_id e;

	for (v = 0; v < g->n; v++) {
		if (p->depth[v] == UNSEEN && bits_has(p->entry, v)) {
			p->depth[v] = 0;
			queue[tail++] = v;
		}
	}
	while (head < tail) {
		u = queue[head++];
		for (e = g->out[u]; e < g->out[u + 1]; e++) {
			v = g->to[e];
			if (!edge_owns(g, e) || p->depth[v] != UNSEEN)
				continue;
			p->depth[v] = p->depth[u] + 1;
			queue[tail++] = v;
		}
	}
	for (v = 0; v < g->n; v++)
		if (p->depth[v] == UNSEEN)
			p->depth[v] = PATHS_FAR;
}

int paths_init(struct paths *p, struct graph *g, const struct bits *entry,
	       const struct bits *avoid)
{
	node_id *queue, v;
	int err;

	assert(entry->n == g->n && (!avoid || avoid->n == g->n));
	*p = (struct paths){.g = g, .entry = entry};
	err = graph_reverse(g);
	if (err)
		return err;
	p->depth = mem_array(g->n, sizeof(*p->depth));
	queue = mem_array(g->n, sizeof(*queue));
	if (!p->depth || !queue) {
		mem_free(queue);
		paths_fini(p);
		return -ENOMEM;
	}
	for (v = 0; v < g->n; v++)
		p->depth[v] = avoid && bits_has(avoid, v) ? PATHS_FAR : UNSEEN;
	find_depths(p, queue);
	mem_free(queue);
	return 0;
}

void paths_fini(struct paths *p)
{
	mem_free(p->depth);
	*p = (struct paths){0};
}

/* --- partial paths, the most promising on top of a heap --------------------------- */

/* A way from a node down to the one that was asked for; the rest is on the way. */
struct partial {
	node_id node;
	uint32_t below;		/* the partial path it prolongs; itself at the end     */
	uint32_t steps;		/* edges from here to the end                          */
	uint32_t total;		/* and at least as many as this from an entry          */
};

struct search {
	const struct paths *p;
	struct partial *partial;
	uint32_t n, cap;
	uint32_t *heap;		/* of numbers of partial paths                         */
	uint32_t nheap, heap_cap;
};

/* Shorter ones first, of equal ones those nearer to their entry, then the older. */
static bool before(const struct search *s, uint32_t a, uint32_t b)
{
	const struct partial *x = &s->partial[a], *y = &s->partial[b];

	if (x->total != y->total)
		return x->total < y->total;
	if (x->steps != y->steps)
		return x->steps > y->steps;
	return a < b;
}

static int push(struct search *s, struct partial new)
{
	uint32_t i, up;

	if (mem_room(&s->partial, s->n, &s->cap, sizeof(*s->partial)) ||
	    mem_room(&s->heap, s->nheap, &s->heap_cap, sizeof(*s->heap)))
		return -ENOMEM;
	s->partial[s->n] = new;
	for (i = s->nheap++; i > 0; i = up) {
		up = (i - 1) / 2;
		if (!before(s, s->n, s->heap[up]))
			break;
		s->heap[i] = s->heap[up];
	}
	s->heap[i] = s->n++;
	return 0;
}

static uint32_t pop(struct search *s)
{
	uint32_t best = s->heap[0], last = s->heap[--s->nheap], i = 0, down;

	for (;; i = down) {
		down = 2 * i + 1;
		if (down >= s->nheap)
			break;
		if (down + 1 < s->nheap && before(s, s->heap[down + 1], s->heap[down]))
			down++;
		if (!before(s, s->heap[down], last))
			break;
		s->heap[i] = s->heap[down];
	}
	if (s->nheap)
		s->heap[i] = last;
	return best;
}

static bool passes(const struct search *s, uint32_t path, node_id v)
{
	while (s->partial[path].node != v) {
		if (s->partial[path].below == path)
			return false;
		path = s->partial[path].below;
	}
	return true;
}

/* The holders nearest to an entry, nearest first; of equal ones the lower. */
static uint32_t best_holders(const struct search *s, uint32_t path, node_id *best)
{
	const struct graph *g = s->p->g;
	const uint32_t *depth = s->p->depth;
	node_id v = s->partial[path].node, u;
	uint32_t h, i, n = 0;

	for (h = g->in[v]; h < g->in[v + 1]; h++) {
		u = g->holder[h];
		if (h > g->in[v] && u == g->holder[h - 1])	/* it holds v twice */
			continue;
		if (depth[u] == PATHS_FAR ||
		    (n == PATHS_WIDTH && depth[u] >= depth[best[n - 1]]) ||
		    passes(s, path, u))
			continue;
		i = n < PATHS_WIDTH ? n++ : n - 1;
		for (; i > 0 && depth[best[i - 1]] > depth[u]; i--)
			best[i] = best[i - 1];
		best[i] = u;
	}
	return n;
}

static int prolong(struct search *s, uint32_t path)
{
	node_id best[PATHS_WIDTH];
	uint32_t i, n = best_holders(s, path, best);
	uint32_t steps = s->partial[path].steps + 1;

	for (i = 0; i < n; i++)
		if (push(s, (struct partial){best[i], path, steps,
					     steps + s->p->depth[best[i]]}))
			return -ENOMEM;
	return 0;
}

/* --- answers --------------------------------------------------------------------- */

static int add_step(struct path_set *set, uint32_t at, node_id v, edge_id e)
{
	if (mem_room(&set->node, at, &set->cap[1], sizeof(*set->node)) ||
	    mem_room(&set->edge, at, &set->cap[2], sizeof(*set->edge)))
		return -ENOMEM;
	set->node[at] = v;
	set->edge[at] = e;
	return 0;
}

static int add_path(struct path_set *set, const struct search *s, uint32_t path)
{
	uint32_t at = set->n ? set->first[set->n] : 0, i = path, below;
	bool end = false;
	edge_id e;

	/* Room for where it begins and where it ends. */
	if (mem_room(&set->first, set->n + 1, &set->cap[0], sizeof(*set->first)))
		return -ENOMEM;
	for (; !end; i = below, at++) {
		below = s->partial[i].below;
		end = below == i;
		e = end ? EDGE_NONE : graph_edge_between(s->p->g, s->partial[i].node,
							 s->partial[below].node);
		assert(end || e != EDGE_NONE);
		if (add_step(set, at, s->partial[i].node, e))
			return -ENOMEM;
	}
	if (!set->n)
		set->first[0] = 0;
	set->first[++set->n] = at;
	return 0;
}

static int search(struct search *s, uint32_t k, struct path_set *set)
{
	const struct bits *entry = s->p->entry;
	const struct partial *top;
	uint32_t path;
	int err = 0;

	while (!err && s->nheap && set->n < k && s->n < PATHS_EFFORT) {
		path = pop(s);
		top = &s->partial[path];
		if (bits_has(entry, top->node))
			err = add_path(set, s, path);
		/* What was asked for may be an entry and held by others as well. */
		if (!err && (!bits_has(entry, top->node) || !top->steps))
			err = prolong(s, path);
	}
	return err;
}

int paths_to(const struct paths *p, node_id v, uint32_t k, struct path_set *ret)
{
	struct search s = {.p = p};
	struct path_set set = {0};
	int err;

	assert(v < p->g->n);
	err = push(&s, (struct partial){.node = v});
	if (!err)
		err = search(&s, k < PATHS_WIDTH ? k : PATHS_WIDTH, &set);
	if (err)
		path_set_fini(&set);
	else
		*ret = set;
	mem_free(s.partial);
	mem_free(s.heap);
	return err;
}

void path_set_fini(struct path_set *s)
{
	mem_free(s->first);
	mem_free(s->node);
	mem_free(s->edge);
	*s = (struct path_set){0};
}
