#include "holders.h"

#include "buf.h"
#include "mem.h"
#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------------------- the query */

static bool by_address(const struct heap *h, node_id v, const char *q)
{
	char *end;
	uint64_t address = strtoull(q, &end, 16);

	return !strncmp(q, "0x", 2) && !*end && h->node[v].address == address;
}

/* "app.py:12"; a path is compared from its end, by whole names. */
static bool by_place(const struct heap *h, node_id v, const char *q)
{
	const struct heap_frame *f = heap_place(h, h->node[v].site);
	const char *colon = strrchr(q, ':'), *file;
	size_t n, length;
	char *end;

	if (!f || !colon || strtoul(colon + 1, &end, 10) != f->line || *end || !colon[1])
		return false;
	file = heap_text(h, f->file);
	n = (size_t)(colon - q);
	length = strlen(file);
	return n <= length && n && !strncmp(file + length - n, q, n) &&
		(n == length || file[length - n - 1] == '/' || *q == '/');
}

static bool by_variable(const struct heap *h, node_id v, const char *q)
{
	return !strcmp(heap_text(h, h->site[h->node[v].site].name), q);
}

static bool by_label(const struct heap *h, node_id v, const char *q)
{
	const char *label = heap_text(h, h->node[v].label);

	return *label && (!strcmp(label, q) || !strcmp(words_last(label), q)) &&
		heap_is_infra(h, v);
}

static bool by_type(const struct heap *h, node_id v, const char *q)
{
	const char *type = heap_type_name(h, v);

	return !strcmp(type, q) || !strcmp(words_type(type), q) || !strcmp(words_last(type), q);
}

static bool by_function(const struct heap *h, node_id v, const char *q)
{
	const struct heap_frame *f = heap_place(h, h->node[v].site);
	const char *function = f ? heap_text(h, f->function) : "";
	size_t n = strlen(q);

	if (n > 2 && !strcmp(q + n - 2, "()"))
		n -= 2;
	return strlen(function) == n && !strncmp(function, q, n);
}

static int add_match(struct holders *s, node_id v)
{
	if (mem_room(&s->match, s->n, &s->cap, sizeof(*s->match)))
		return -ENOMEM;
	s->match[s->n++] = v;
	s->bytes += s->h->node[v].bytes;
	return 0;
}

/* "single", "app.single": what a namespace has under that name; __main__'s first. */
static int match_globals(struct holders *s, const char *q)
{
	const struct heap *h = s->h;
	const char *dot = strrchr(q, '.'), *name = dot ? dot + 1 : q;
	uint32_t i, main_first = 0;
	int r;

	for (i = 0; i < h->nedges; i++) {
		const struct heap_edge *e = &h->edge[i];
		const char *module;

		if (e->name != OURO_EDGE_KEY || !(h->node[e->from].flags & OURO_NODE_NAMESPACE) ||
		    strcmp(heap_text(h, e->operand), name))
			continue;
		module = words_module(h, e->from);
		if (dot && (strlen(module) != (size_t)(dot - q) ||
			    strncmp(module, q, (size_t)(dot - q))))
			continue;
		r = add_match(s, e->to);
		if (r)
			return r;
		if (!strcmp(module, "__main__")) {
			node_id v = s->match[s->n - 1];

			s->match[s->n - 1] = s->match[main_first];
			s->match[main_first++] = v;
		}
	}
	return 0;
}

static int match_nodes(struct holders *s, bool (*is)(const struct heap *h, node_id v,
						     const char *q), const char *q)
{
	node_id v;
	int r;

	for (v = 0; v < s->h->nnodes; v++) {
		if (!is(s->h, v, q))
			continue;
		r = add_match(s, v);
		if (r)
			return r;
	}
	return 0;
}

static const struct way {
	enum holders_by by;
	const char *prefix;
	bool (*is)(const struct heap *h, node_id v, const char *q);
} ways[] = {
	{ HOLDERS_BY_ADDRESS,  "address:",  by_address },
	{ HOLDERS_BY_PLACE,    "place:",    by_place },
	{ HOLDERS_BY_GLOBAL,   "global:",   NULL },
	{ HOLDERS_BY_VARIABLE, "var:",      by_variable },
	{ HOLDERS_BY_LABEL,    "name:",     by_label },
	{ HOLDERS_BY_TYPE,     "type:",     by_type },
	{ HOLDERS_BY_FUNCTION, "function:", by_function },
};

static int find_matches(struct holders *s, const char *query)
{
	const struct way *only = NULL;
	size_t i;
	int r = 0;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strncmp(query, ways[i].prefix, strlen(ways[i].prefix))) {
			only = &ways[i];
			query += strlen(only->prefix);
			break;
		}
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]) && !r && !s->n; i++) {
		if (only && only != &ways[i])
			continue;
		s->by = ways[i].by;
		r = ways[i].is ? match_nodes(s, ways[i].is, query) : match_globals(s, query);
	}
	if (!s->n)
		s->by = HOLDERS_BY_NOTHING;
	return r;
}

/* --------------------------------------------------------------------------- matches */

struct ranked {
	uint64_t bytes;
	node_id node;
};

static int most_retained_first(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

/* Globals keep their order, __main__'s first. */
static int rank_matches(struct holders *s)
{
	struct ranked *r;
	uint32_t i;

	if (s->by == HOLDERS_BY_GLOBAL || !s->n)
		return 0;
	r = mem_array(s->n, sizeof(*r));
	if (!r)
		return -ENOMEM;
	for (i = 0; i < s->n; i++)
		r[i] = (struct ranked){ s->dominators.bytes[s->match[i]], s->match[i] };
	qsort(r, s->n, sizeof(*r), most_retained_first);
	for (i = 0; i < s->n; i++)
		s->match[i] = r[i].node;
	mem_free(r);
	return 0;
}

int holders_init(struct holders *s, struct heap *h, const char *query)
{
	int r;

	*s = (struct holders){ .h = h };
	r = find_matches(s, query);
	if (!r)
		r = graph_rooted(&h->graph, &s->rooted);
	if (!r)
		r = graph_held(&h->graph, &s->held);
	if (!r)
		r = dominators_find(&h->graph, &s->held, &s->dominators);
	if (!r)
		r = paths_init(&s->paths, &h->graph, &s->rooted, NULL);
	if (!r)
		r = rank_matches(s);
	if (r)
		holders_fini(s);
	return r;
}

void holders_fini(struct holders *s)
{
	paths_fini(&s->paths);
	dominators_fini(&s->dominators);
	bits_fini(&s->rooted);
	bits_fini(&s->held);
	mem_free(s->match);
	*s = (struct holders){0};
}

const char *holders_by_words(enum holders_by by)
{
	static const char *const words[] = {
		[HOLDERS_BY_NOTHING] = "nothing", [HOLDERS_BY_ADDRESS] = "address",
		[HOLDERS_BY_PLACE] = "place of birth", [HOLDERS_BY_GLOBAL] = "module global",
		[HOLDERS_BY_VARIABLE] = "variable it was made for", [HOLDERS_BY_LABEL] = "name",
		[HOLDERS_BY_TYPE] = "type", [HOLDERS_BY_FUNCTION] = "function it was made in",
	};

	return words[by];
}

/* ------------------------------------------------------------------------- one object */

/* Takes `words`; equal ones are counted. */
static int add_holder(struct held *x, struct buf *words, struct holder how)
{
	uint32_t i;

	how.words = buf_take(words);
	how.references = 1;
	if (!how.words)
		return -ENOMEM;
	for (i = 0; i < x->nholders; i++)
		if (x->holder[i].address == how.address && x->holder[i].owned == how.owned &&
		    !strcmp(x->holder[i].words, how.words)) {
			x->holder[i].references++;
			mem_free(how.words);
			return 0;
		}
	if (mem_room(&x->holder, x->nholders, &x->holders_cap, sizeof(*x->holder))) {
		mem_free(how.words);
		return -ENOMEM;
	}
	x->holder[x->nholders++] = how;
	return 0;
}

static int add_roots(struct held *x, const struct heap *h)
{
	struct buf words = {0};
	uint32_t i;
	int r = 0;

	for (i = graph_root_of(&h->graph, x->node);
	     i < h->graph.nroots && h->graph.root[i].node == x->node && !r; i++) {
		const struct heap_root *root = &h->root[h->graph.root[i].id];

		words_root(&words, h, root);
		x->references += root->owned;
		r = add_holder(x, &words, (struct holder){ .owned = root->owned, .root = true,
			.maybe = root->flags & OURO_EDGE_MAYBE });
	}
	return r;
}

/* By one look at all edges: the reverse has only those that own. */
static int add_objects(struct held *x, const struct heap *h)
{
	struct buf words = {0};
	uint32_t i;
	int r = 0;

	for (i = 0; i < h->nedges && !r; i++) {
		const struct heap_edge *e = &h->edge[i];

		if (e->to != x->node)
			continue;
		if (!e->owned && e->name != OURO_EDGE_REFERENT && e->flags & OURO_EDGE_BORROWED)
			continue;	/* only there to tell a name */
		words_holder(&words, h, e);
		x->references += e->owned;
		r = add_holder(x, &words, (struct holder){ .owned = e->owned,
			.maybe = e->flags & OURO_EDGE_MAYBE, .type = heap_type_name(h, e->from),
			.address = h->node[e->from].address });
	}
	return r;
}

static int add_words(struct held *x, const struct heap *h)
{
	uint32_t i;

	for (i = 0; i < h->nwords; i++) {
		const struct heap_word *w = &h->word[i];
		struct buf b = {0};

		if (w->node != x->node || !w->plausible)
			continue;
		buf_printf(&b, "%s (at 0x%llx)", w->what ? heap_text(h, w->what) : "memory in use",
			   (unsigned long long)w->where);
		if (mem_room(&x->word, x->nwords, &x->words_cap, sizeof(*x->word)))
			return -ENOMEM;
		x->word[x->nwords] = buf_take(&b);
		if (!x->word[x->nwords++])
			return -ENOMEM;
	}
	return 0;
}

/* The root by which a path begins: the first that owns a reference. */
static const struct heap_root *entry_root(const struct heap *h, node_id v)
{
	uint32_t i = graph_root_of(&h->graph, v), first = i;

	while (i < h->graph.nroots && h->graph.root[i].node == v && !h->graph.root[i].owned)
		i++;
	if (i >= h->graph.nroots || h->graph.root[i].node != v)
		i = first;
	return &h->root[h->graph.root[i].id];
}

char *holders_way(const struct heap *h, const struct path_set *s, uint32_t i)
{
	uint32_t n = s->first[i + 1] - s->first[i] - 1, k;
	uint32_t *edge = mem_array(n, sizeof(*edge));
	struct buf b = {0};

	if (!edge)
		return NULL;
	for (k = 0; k < n; k++)
		edge[k] = h->graph.name[s->edge[s->first[i] + k]];
	words_path(&b, h, entry_root(h, s->node[s->first[i]]), edge, n);
	mem_free(edge);
	return buf_take(&b);
}

static int add_path(struct held *x, const struct heap *h, const struct path_set *s, uint32_t i)
{
	char *way = holders_way(h, s, i);

	if (!way)
		return -ENOMEM;
	for (uint32_t k = 0; k < x->npaths; k++)
		if (!strcmp(x->path[k], way)) {
			mem_free(way);
			return 0;
		}
	x->path[x->npaths++] = way;
	return 0;
}

static int add_paths(struct held *x, const struct holders *s, uint32_t k)
{
	struct path_set found;
	uint32_t i;
	int r = paths_to(&s->paths, x->node, k, &found);

	if (r)
		return r;
	x->path = mem_array(found.n, sizeof(*x->path));
	r = x->path ? 0 : -ENOMEM;
	for (i = 0; i < found.n && !r; i++)
		r = add_path(x, s->h, &found, i);
	path_set_fini(&found);
	return r;
}

/* References by holders of the same words, counted at the first of them; 0 at the others. */
static uint64_t references_alike(const struct held *x, uint32_t i)
{
	uint64_t n = 0;
	uint32_t k;

	for (k = 0; k < x->nholders; k++) {
		if (!x->holder[k].owned || strcmp(x->holder[k].words, x->holder[i].words))
			continue;
		if (k < i)
			return 0;
		n += x->holder[k].references;
	}
	return n;
}

#define SUM_TERMS 12

static int sum_up(struct held *x, const struct heap *h)
{
	const struct heap_node *n = &h->node[x->node];
	struct buf b = {0};
	uint64_t n_alike, rest = x->references;
	uint32_t i, told = 0;

	if (h->graph.count[x->node] == GRAPH_IMMORTAL) {
		buf_puts(&b, "it is never freed: its count says nothing");
		x->sum = buf_take(&b);
		return x->sum ? 0 : -ENOMEM;
	}
	buf_printf(&b, "refcount %llu =", (unsigned long long)n->count);
	for (i = 0; i < x->nholders && told < SUM_TERMS; i++) {
		n_alike = x->holder[i].owned ? references_alike(x, i) : 0;
		if (!n_alike)
			continue;
		buf_printf(&b, "%s%llu %s", told++ ? " + " : " ", (unsigned long long)n_alike,
			   x->holder[i].words);
		rest -= n_alike;
	}
	if (rest)
		buf_printf(&b, " + %llu more", (unsigned long long)rest);
	buf_printf(&b, "%s%lld unknown", told ? " + " : " ", (long long)x->account.unknown);
	x->sum = buf_take(&b);
	return x->sum ? 0 : -ENOMEM;
}

int held_init(struct held *x, const struct holders *s, node_id v, uint32_t paths)
{
	int r;

	*x = (struct held){ .node = v, .account = graph_account(&s->h->graph, v),
		.retained_objects = s->dominators.nodes[v],
		.retained_bytes = s->dominators.bytes[v] };
	r = add_objects(x, s->h);
	if (!r)
		r = add_roots(x, s->h);
	if (!r)
		r = add_words(x, s->h);
	if (!r)
		r = add_paths(x, s, paths);
	if (!r)
		r = sum_up(x, s->h);
	if (r)
		held_fini(x);
	return r;
}

void held_fini(struct held *x)
{
	uint32_t i;

	for (i = 0; i < x->nholders; i++)
		mem_free(x->holder[i].words);
	for (i = 0; i < x->npaths; i++)
		mem_free(x->path[i]);
	for (i = 0; i < x->nwords; i++)
		mem_free(x->word[i]);
	mem_free(x->holder);
	mem_free(x->path);
	mem_free(x->word);
	mem_free(x->sum);
	*x = (struct held){0};
}
