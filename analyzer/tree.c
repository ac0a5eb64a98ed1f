#include "tree.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Nodes are split one after another, from the root on: a node has its parts in one
 * stretch of an array; sorted by the function that comes next in their stacks they
 * are its children's stretches.  So nothing is made of what is too small to be shown.
 */
struct frame_id {
	text_id function, file;
};

struct stretch {
	part_id part;
	uint32_t at;			/* next frame of its path                    */
	uint32_t end;			/* where the path ends                       */
	uint64_t next;			/* that frame, to sort by; 0: none is left   */
};

struct growing {
	struct tree *t;
	const struct replay *r;
	struct places *p;
	const struct tree_query *q;
	struct frame_id *frame;		/* the paths, one after another              */
	uint32_t nframes, frames_cap;
	uint32_t *path, *path_end;	/* by site: its path in frame                */
	struct stretch *s;
	uint32_t n;
	uint32_t *from, *to;		/* by node: its stretch                      */
	uint32_t from_cap, to_cap;
};

/* --- paths ------------------------------------------------------------------------- */

static int add_frame(struct growing *g, const struct place *at)
{
	if (mem_room(&g->frame, g->nframes, &g->frames_cap, sizeof(*g->frame)))
		return -ENOMEM;
	g->frame[g->nframes++] = (struct frame_id){ at->function,
		at->file ? at->file : at->module };
	return 0;
}

static void reverse(struct frame_id *f, uint32_t n)
{
	for (uint32_t i = 0; i < n / 2; i++) {
		struct frame_id swap = f[i];

		f[i] = f[n - 1 - i];
		f[n - 1 - i] = swap;
	}
}

/* How the C library starts a program or a thread is news to nobody. */
static bool is_start(const struct growing *g, const struct place *at)
{
	const char *name = places_text(g->p, at->function);

	return at->library || !strcmp(name, "_start") || !strcmp(name, "__libc_start_call_main");
}

/* Innermost first, without the library's frames at both ends; then as asked for. */
static int add_path(struct growing *g, site_id site)
{
	const struct stacks *s = &g->r->stacks;
	uint32_t start = g->nframes, end = start;
	bool lines = g->q->lines && stacks_line(s, g->r->site[site].stack);
	bool inside = true;

	for (stack_id id = g->r->site[site].stack; id; id = stack_parent(s, id)) {
		const struct def_location *x = stack_location(s, id);
		const struct place *at;
		uint32_t n;

		if (x->kind == LOCATION_NATIVE ? lines || x->flags & LOCATION_GUEST :
		    x->kind != LOCATION_LINE)
			continue;
		at = places_at(g->p, s->node[id].location, &n);
		for (uint32_t i = 0; i < n; i++) {
			inside &= at[i].library;
			if (!inside && add_frame(g, &at[i]))
				return -ENOMEM;
			if (!inside && !is_start(g, &at[i]))
				end = g->nframes;
		}
	}
	g->nframes = end;
	if (g->nframes == start && add_frame(g, &g->p->place[0]))
		return -ENOMEM;
	g->path[site] = start;
	g->path_end[site] = g->nframes;
	if (g->q->top_down)
		reverse(g->frame + start, g->nframes - start);
	return 0;
}

static int collect(struct growing *g)
{
	for (part_id i = 0; i < g->r->parts; i++) {
		const struct part *p = &g->r->part[i];
		int e;

		if ((!p->blocks && !replay_objects(g->r, i)->born && !p->at_peak && !p->live) ||
		    !usage_asked(&g->q->usage, g->r, g->p, i))
			continue;
		e = g->path_end[p->site] ? 0 : add_path(g, p->site);
		if (e)
			return e;
		g->s[g->n++] = (struct stretch){ i, g->path[p->site], g->path_end[p->site], 0 };
	}
	return g->p->failed ? -ENOMEM : 0;
}

/* --- nodes ------------------------------------------------------------------------- */

static int by_next(const void *a, const void *b)
{
	const struct stretch *x = a, *y = b;

	if (x->next != y->next)
		return x->next < y->next ? -1 : 1;
	return x->part < y->part ? -1 : x->part > y->part;
}

static int most_first(const void *a, const void *b)
{
	const struct tree_node *x = a, *y = b;

	if (x->key != y->key)
		return x->key > y->key ? -1 : 1;
	return x->function < y->function ? -1 : x->function > y->function;
}

static int add_node(struct growing *g, const struct tree_node *x)
{
	struct tree *t = g->t;

	if (mem_room(&g->from, t->n, &g->from_cap, sizeof(*g->from)) ||
	    mem_room(&g->to, t->n, &g->to_cap, sizeof(*g->to)) ||
	    mem_room(&t->node, t->n, &t->cap, sizeof(*t->node)))
		return -ENOMEM;
	t->node[t->n++] = *x;
	return 0;
}

/* The parts from..to go through this function next. */
static int add_child(struct growing *g, uint32_t parent, uint32_t from, uint32_t to, double least)
{
	const struct frame_id *f = &g->frame[g->s[from].at];
	struct tree_node x = { .function = f->function, .file = f->file, .parent = parent,
		.depth = g->t->node[parent].depth + 1, .first = from, .folded = to };

	for (uint32_t i = from; i < to; i++)
		usage_add_part(&x.u, g->r, g->s[i].part);
	x.key = usage_key(&x.u, g->q->sort);
	if (x.key < least || (least > 0 && !(x.key > 0))) {
		g->t->node[parent].folded++;
		g->t->node[parent].folded_key += x.key;
		return 0;
	}
	return add_node(g, &x);
}

static int split(struct growing *g, uint32_t node, double least)
{
	struct tree *t = g->t;
	uint32_t first = t->n, from = g->from[node], to = g->to[node];
	int e = 0;

	for (uint32_t i = from; i < to; i++) {
		const struct frame_id *f = &g->frame[g->s[i].at];

		g->s[i].next = g->s[i].at < g->s[i].end ?
			(uint64_t)f->function << 32 | f->file : 0;
	}
	if (to > from)
		qsort(g->s + from, to - from, sizeof(*g->s), by_next);
	for (uint32_t i = from, k; i < to && !e; i = k) {
		for (k = i + 1; k < to && g->s[k].next == g->s[i].next; k++)
			;
		if (g->s[i].at < g->s[i].end)
			e = add_child(g, node, i, k, least);
	}
	t->node[node].first = first;
	t->node[node].children = t->n - first;
	if (t->n > first)
		qsort(t->node + first, t->n - first, sizeof(*t->node), most_first);
	for (uint32_t i = first; i < t->n; i++) {
		g->from[i] = t->node[i].first;	/* lent for the way through the sort */
		g->to[i] = t->node[i].folded;
		t->node[i].first = t->node[i].folded = 0;
		for (uint32_t k = g->from[i]; k < g->to[i]; k++)
			g->s[k].at++;
	}
	return e;
}

static int grow(struct growing *g)
{
	struct tree_node root = { 0 };
	int e;

	for (uint32_t i = 0; i < g->n; i++)
		usage_add_part(&root.u, g->r, g->s[i].part);
	root.key = usage_key(&root.u, g->q->sort);
	e = add_node(g, &root);
	if (e)
		return e;
	g->from[0] = 0;
	g->to[0] = g->n;
	for (uint32_t i = 0; i < g->t->n && !e; i++)
		e = split(g, i, g->q->least * root.key);
	return e;
}

int tree_init(struct tree *t, const struct replay *r, struct places *p,
	const struct tree_query *q)
{
	struct growing g = { .t = t, .r = r, .p = p, .q = q };
	int e = -ENOMEM;

	*t = (struct tree){ .places = p };
	g.path = mem_array(r->sites, sizeof(*g.path));
	g.path_end = mem_array(r->sites, sizeof(*g.path_end));
	g.s = mem_array(r->parts, sizeof(*g.s));
	if (g.path && g.path_end && g.s)
		e = collect(&g);
	if (!e)
		e = grow(&g);
	mem_free(g.path);
	mem_free(g.path_end);
	mem_free(g.s);
	mem_free(g.frame);
	mem_free(g.from);
	mem_free(g.to);
	if (e)
		tree_fini(t);
	return e;
}

void tree_fini(struct tree *t)
{
	mem_free(t->node);
	*t = (struct tree){ 0 };
}
