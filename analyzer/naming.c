#include "naming.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sort_key {
	node_id node;
	uint32_t at;
};

static int by_node(const void *a, const void *b)
{
	const struct sort_key *x = a, *y = b;

	return x->node < y->node ? -1 : x->node > y->node;
}

static int sort_members(struct naming *w)
{
	struct sort_key *key = mem_array(w->n, sizeof(*key));
	uint32_t i;

	if (!key)
		return -ENOMEM;
	for (i = 0; i < w->n; i++)
		key[i] = (struct sort_key){ w->member[i].node, i };
	qsort(key, w->n, sizeof(*key), by_node);
	for (i = 0; i < w->n; i++)
		w->sorted[i] = key[i].at;
	mem_free(key);
	return 0;
}

uint32_t naming_find(const struct naming *w, node_id v)
{
	uint32_t low = 0, high = w->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (w->member[w->sorted[mid]].node < v)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < w->n && w->member[w->sorted[low]].node == v)
		return w->sorted[low];
	return UINT32_MAX;
}

/* Scaffolding of the language: what it was "made for" is some statement's result by chance. */
bool naming_is_scaffold(const struct heap *h, node_id v)
{
	static const char *const type[] = { "frame", "traceback", "cell", "method",
		"getset_descriptor", "member_descriptor", "wrapper_descriptor", "builtin_function_or_method" };
	size_t i;

	for (i = 0; i < sizeof(type) / sizeof(type[0]); i++)
		if (heap_is(h, v, type[i]))
			return true;
	return (heap_is_infra(h, v) && !h->node[v].label) || words_dict_owner(h, v) != NODE_NONE;
}

bool naming_is_instance(const struct heap *h, node_id v)
{
	return h->type[h->node[v].type].flags & OURO_TYPE_HEAP && !heap_is_infra(h, v) &&
		strchr(heap_type_name(h, v), '.');
}

/* Made by the same line, and for the same variable? */
static bool same_statement(const struct heap *h, node_id u, node_id v)
{
	const struct heap_frame *x = heap_place(h, h->node[u].site);
	const struct heap_frame *y = heap_place(h, h->node[v].site);

	return x && y && x->line == y->line && x->function == y->function &&
		x->file == y->file && h->site[h->node[u].site].name == h->site[h->node[v].site].name;
}

/*
 * One statement can make several objects for one variable.  The variable is that of
 * the instance among them, or of the first in the order of reading: it holds the others.
 */
static bool keeps_variable(const struct naming *w, uint32_t i)
{
	const struct heap *h = w->h;
	node_id v = w->member[i].node;
	uint32_t j;

	for (j = 0; j < w->n; j++) {
		node_id u = w->member[j].node;

		if (j == i || h->node[u].type == h->node[v].type || naming_is_scaffold(h, u) ||
		    !same_statement(h, u, v))
			continue;
		if (h->node[u].label)
			return false;
		if (naming_is_instance(h, u) && !naming_is_instance(h, v))
			return false;
		if (naming_is_instance(h, u) == naming_is_instance(h, v) && j < i)
			return false;
	}
	return true;
}

/* The variable by which the frame of a call that is over still holds it: `exc`. */
static text_id frame_variable(const struct naming *w, node_id v)
{
	const struct graph *g = &w->h->graph;
	uint32_t i;
	edge_id e;

	for (i = 0; i < w->n; i++) {
		node_id u = w->member[i].node;

		if (!heap_is(w->h, u, "frame"))
			continue;
		for (e = g->out[u]; e < g->out[u + 1]; e++)
			if (g->to[e] == v && w->h->edge[g->name[e]].name == OURO_EDGE_LOCAL)
				return w->h->edge[g->name[e]].operand;
	}
	return 0;
}

/* A call that has begun and not ended: its label is the function's. */
static bool is_running(const struct heap *h, node_id v)
{
	return heap_is(h, v, "generator") || heap_is(h, v, "coroutine") ||
		heap_is(h, v, "async_generator") || heap_is(h, v, "frame");
}

static bool name_of(const struct naming *w, uint32_t i, struct spoken *s)
{
	const struct heap *h = w->h;
	node_id v = w->member[i].node;
	const struct heap_node *n = &h->node[v];
	const char *variable = words_variable(h, v);

	if (!is_running(h, v) && (n->flags & OURO_NODE_NAMESPACE || n->label))
		return words_own_name(h, v, s);
	*s = (struct spoken){ .of = NODE_NONE };
	if (!naming_is_scaffold(h, v) && *variable && keeps_variable(w, i))
		buf_puts(&s->text, variable);
	else if (n->label && !heap_is(h, v, "frame"))
		buf_printf(&s->text, "%s()", words_last(heap_text(h, n->label)));
	else if (!naming_is_scaffold(h, v))
		buf_puts(&s->text, heap_text(h, frame_variable(w, v)));
	return s->text.n > 0;
}

static void name_plainly(struct naming *w)
{
	uint32_t i;

	for (i = 0; i < w->n; i++)
		w->member[i].known = name_of(w, i, &w->member[i].spoken);
}

/* The one edge by which members hold this member; NULL: none or several. */
static const struct heap_edge *only_edge(const struct naming *w, uint32_t i)
{
	const struct heap *h = w->h;
	const struct graph *g = &h->graph;
	node_id v = w->member[i].node, last = NODE_NONE;
	const struct heap_edge *only = NULL;
	uint32_t k;
	edge_id e;

	if (g->in[v + 1] - g->in[v] > 64)
		return NULL;
	for (k = g->in[v]; k < g->in[v + 1]; k++) {
		node_id u = g->holder[k];

		if (u == last || naming_find(w, u) == UINT32_MAX)
			continue;
		last = u;
		for (e = g->out[u]; e < g->out[u + 1]; e++) {
			if (g->to[e] != v || !edge_owns(g, e))
				continue;
			if (only)
				return NULL;
			only = &h->edge[g->name[e]];
		}
	}
	return only;
}

/* Two named alike are told apart by numbers; and who has no name gets its type's. */
static void number_labels(struct naming *w, bool *settled)
{
	uint32_t i, j, alone = 0;

	for (i = 0; i < w->n; i++)
		alone += settled[i] && !w->member[i].known && naming_is_instance(w->h, w->member[i].node);
	for (i = 0; i < w->n; i++) {
		struct named *m = &w->member[i];

		if (!settled[i] || m->known)
			continue;
		if (alone == 1 && naming_is_instance(w->h, m->node)) {
			buf_puts(&m->spoken.text, "self");
			m->known = true;
		} else {
			words_put_type(&m->spoken.text, heap_type_name(w->h, m->node));
			buf_puts(&m->spoken.text, " #0");
		}
	}
	for (i = 0; i < w->n; i++) {
		struct buf *text = &w->member[i].spoken.text;
		uint32_t number = 1;
		bool alike = false;

		if (!settled[i])
			continue;
		if (text->n > 3 && !strcmp(text->s + text->n - 3, " #0")) {
			text->n -= 3;
			text->s[text->n] = 0;
			alike = true;
		}
		for (j = i + 1; j < w->n; j++) {
			struct buf *other = &w->member[j].spoken.text;

			if (!settled[j])
				continue;
			if (other->n == text->n + 3 && !strncmp(other->s, buf_text(text), text->n) &&
			    !strcmp(other->s + text->n, " #0"))
				;
			else if (strcmp(buf_text(other), buf_text(text)))
				continue;
			else
				alike = true;
			buf_reset(other);
			buf_printf(other, "%s #%u", buf_text(text), ++number);
		}
		if (alike)
			buf_puts(text, " #1");
	}
}

/* By the way that leads to it from one that has a name: as many rounds as ways are deep. */
static void speak_of_inner(struct naming *w, const struct heap_edge **way, bool *settled)
{
	bool moved = true;
	uint32_t i;

	while (moved) {
		moved = false;
		for (i = 0; i < w->n; i++) {
			struct named *m = &w->member[i];
			uint32_t from = settled[i] ? 0 : naming_find(w, way[i]->from);

			if (settled[i] || !settled[from])
				continue;
			spoken_fini(&m->spoken);
			words_step(w->h, &w->member[from].spoken, way[i], &m->spoken);
			m->way = way[i];
			settled[i] = m->inner = moved = true;
		}
	}
}

/* Ways that only lead to each other, or too far: such an object speaks for itself. */
static uint32_t break_ways(struct naming *w, const struct heap_edge **way, bool *settled)
{
	uint32_t i, k, step, broken = 0;

	for (i = 0; i < w->n; i++) {
		for (k = i, step = 0; !settled[k] && step < 8; step++)
			k = naming_find(w, way[k]->from);
		if (settled[k])
			continue;
		settled[i] = true;
		broken++;
	}
	return broken;
}

int naming_init(struct naming *w, const struct heap *h, const node_id *nodes, uint32_t n)
{
	const struct heap_edge **way = mem_array(n, sizeof(const struct heap_edge *));
	bool *settled = mem_array(n, sizeof(*settled));
	uint32_t i;
	int r = -ENOMEM;

	*w = (struct naming){ .h = h, .n = n };
	w->member = mem_array(n, sizeof(*w->member));
	w->sorted = mem_array(n, sizeof(*w->sorted));
	if (!way || !settled || !w->member || !w->sorted)
		goto out;
	for (i = 0; i < n; i++)
		w->member[i] = (struct named){ .node = nodes[i], .spoken.of = NODE_NONE };
	r = sort_members(w);
	if (r)
		goto out;
	name_plainly(w);
	for (i = 0; i < n; i++) {
		way[i] = w->member[i].known ? NULL : only_edge(w, i);
		settled[i] = !way[i] || (!i && !naming_is_scaffold(h, nodes[0]));
	}
	break_ways(w, way, settled);
	number_labels(w, settled);
	speak_of_inner(w, way, settled);
out:
	mem_free(way);
	mem_free(settled);
	if (r)
		naming_fini(w);
	return r;
}

void naming_fini(struct naming *w)
{
	uint32_t i;

	for (i = 0; w->member && i < w->n; i++)
		spoken_fini(&w->member[i].spoken);
	mem_free(w->member);
	mem_free(w->sorted);
	*w = (struct naming){0};
}

void naming_edge(const struct naming *w, const struct heap_edge *e, struct buf *out)
{
	struct spoken held;

	words_step(w->h, &w->member[naming_find(w, e->from)].spoken, e, &held);
	spoken_label(&held, out);
	spoken_fini(&held);
}
