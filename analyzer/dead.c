#include "dead.h"

#include <errno.h>

#include "base.h"
#include "mem.h"

/* Nodes that are marked and whose edges were not followed yet; room for all of them. */
struct worklist {
	node_id *node;
	uint32_t n;
};

static int worklist_init(struct worklist *w, uint32_t size)
{
	w->n = 0;
	w->node = mem_array(size, sizeof(*w->node));
	return w->node ? 0 : -ENOMEM;
}

/* --- the truth ------------------------------------------------------------------- */

static void keep(struct bits *kept, struct worklist *todo, node_id v)
{
	if (bits_has(kept, v))
		return;
	bits_add(kept, v);
	todo->node[todo->n++] = v;
}

/* Adds to the set all it reaches. */
static void spread_life(const struct graph *g, struct bits *alive, struct worklist *todo)
{
	node_id v, u;
	edge_id e;

	for (v = 0; v < g->n; v++)
		if (bits_has(alive, v))
			todo->node[todo->n++] = v;
	while (todo->n) {
		u = todo->node[--todo->n];
		for (e = g->out[u]; e < g->out[u + 1]; e++)
			if (edge_owns(g, e))
				keep(alive, todo, g->to[e]);
	}
}

static int find_dead(const struct graph *g, struct dead *d)
{
	struct worklist todo;
	struct bits alive;
	node_id v;
	int err;

	err = graph_held(g, &alive);
	if (err)
		return err;
	err = worklist_init(&todo, g->n);
	if (err)
		goto out;
	err = bits_init(&d->dead, g->n);
	if (err)
		goto out;
	spread_life(g, &alive, &todo);
	for (v = 0; v < g->n; v++) {
		if (bits_has(&alive, v))
			continue;
		bits_add(&d->dead, v);
		d->nodes++;
		d->bytes += g->bytes[v];
	}
out:
	mem_free(todo.node);
	bits_fini(&alive);
	return err;
}

/* --- the collector's view -------------------------------------------------------- */

/*
 * Only the dead need to be looked at: what holds them is dead, and every one
 * of their references is an edge we know, so neither a count nor a rescue comes
 * from elsewhere.
 */
struct view {
	const struct graph *g;
	struct dead *d;
	uint32_t *left;		/* by node: references not taken back yet              */
	struct worklist todo;
};

static bool collectable(const struct graph *g, node_id v)
{
	return g->flags[v] & NODE_COLLECTABLE;
}

static void take_back_seen_edges(struct view *w)
{
	const struct graph *g = w->g;
	node_id v;
	edge_id e;

	for (v = 0; v < g->n; v++)
		if (bits_has(&w->d->dead, v))
			w->left[v] = g->nin[v];
	for (v = 0; v < g->n; v++) {
		if (!bits_has(&w->d->dead, v) || !collectable(g, v))
			continue;
		for (e = g->out[v]; e < g->out[v + 1]; e++)
			if (g->kind[e] == EDGE_OWNED && bits_has(&w->d->dead, g->to[e]))
				w->left[g->to[e]]--;
	}
}

static void lose(struct view *w, node_id v)
{
	bits_del(&w->d->found, v);
	w->d->nfound--;
	w->todo.node[w->todo.n++] = v;
}

/* The rest of left[v] is what the collector takes for a holder from outside. */
static void rescue_what_has_more(struct view *w)
{
	const struct graph *g = w->g;
	struct bits *found = &w->d->found;
	node_id v, u;
	edge_id e;

	for (v = 0; v < g->n; v++) {
		if (!bits_has(&w->d->dead, v) || !collectable(g, v))
			continue;
		bits_add(found, v);
		w->d->nfound++;
	}
	for (v = 0; v < g->n; v++)
		if (bits_has(found, v) && w->left[v])
			lose(w, v);
	while (w->todo.n) {
		u = w->todo.node[--w->todo.n];
		for (e = g->out[u]; e < g->out[u + 1]; e++)
			if (g->kind[e] == EDGE_OWNED && bits_has(found, g->to[e]))
				lose(w, g->to[e]);
	}
}

static void release(struct view *w, node_id v)
{
	bits_add(&w->d->freed, v);
	w->d->nfreed++;
	w->todo.node[w->todo.n++] = v;
}

/* The found ones let go of everything; what has no reference left follows them. */
static void release_found(struct view *w)
{
	const struct graph *g = w->g;
	node_id v, u;
	edge_id e;

	for (v = 0; v < g->n; v++) {
		w->left[v] = g->nin[v];
		if (bits_has(&w->d->found, v))
			release(w, v);
	}
	while (w->todo.n) {
		u = w->todo.node[--w->todo.n];
		for (e = g->out[u]; e < g->out[u + 1]; e++) {
			v = g->to[e];
			if (edge_owns(g, e) && bits_has(&w->d->dead, v) &&
			    !--w->left[v] && !bits_has(&w->d->freed, v))
				release(w, v);
		}
	}
}

static int collect(const struct graph *g, struct dead *d)
{
	struct view w = {.g = g, .d = d};
	int err = -ENOMEM;

	if (bits_init(&d->found, g->n) || bits_init(&d->freed, g->n))
		return -ENOMEM;
	if (!d->nodes)
		return 0;
	w.left = mem_array(g->n, sizeof(*w.left));
	if (!w.left || worklist_init(&w.todo, d->nodes))
		goto out;
	take_back_seen_edges(&w);
	rescue_what_has_more(&w);
	release_found(&w);
	err = 0;
out:
	mem_free(w.left);
	mem_free(w.todo.node);
	return err;
}

int dead_find(const struct graph *g, struct dead *ret)
{
	struct dead d = {0};
	int err;

	assert_deep(graph_ok(g));
	err = find_dead(g, &d);
	if (!err)
		err = collect(g, &d);
	if (err) {
		dead_fini(&d);
		return err;
	}
	assert(d.nfound <= d.nfreed && d.nfreed <= d.nodes);
	*ret = d;
	return 0;
}

void dead_fini(struct dead *d)
{
	bits_fini(&d->dead);
	bits_fini(&d->found);
	bits_fini(&d->freed);
	*d = (struct dead){0};
}
