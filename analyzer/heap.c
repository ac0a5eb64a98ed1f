#include "heap.h"

#include "base.h"
#include "mem.h"

#include <errno.h>
#include <string.h>

enum { TYPES, NODES, EDGES, ROOTS, WORDS, SITES, FRAMES, CALLS };

static_assert(sizeof(((struct heap *)0)->cap) / sizeof(uint32_t) == CALLS + 1, "one each");

/* Index 0 of types and sites stands for "not known", that of calls for none. */
int heap_init(struct heap *h)
{
	if (!h->ntypes) {
		if (mem_room(&h->type, 0, &h->cap[TYPES], sizeof(*h->type)))
			return -ENOMEM;
		h->type[0] = (struct heap_type){ .name = texts_add0(&h->texts, "object") };
		h->ntypes = 1;
	}
	if (!h->nsites) {
		if (mem_room(&h->site, 0, &h->cap[SITES], sizeof(*h->site)))
			return -ENOMEM;
		h->site[0] = (struct heap_site){0};
		h->nsites = 1;
	}
	if (!h->ncalls) {
		if (mem_room(&h->call, 0, &h->cap[CALLS], sizeof(*h->call)))
			return -ENOMEM;
		h->call[0] = (struct heap_call){0};
		h->ncalls = 1;
	}
	return 0;
}

#define ADD(h, array, n, which, item) ({					\
	int64_t at_ = -ENOMEM;							\
	if (!heap_init(h) &&							\
	    !mem_room(&(h)->array, (h)->n, &(h)->cap[which], sizeof(*(h)->array))) {	\
		at_ = (h)->n;							\
		(h)->array[(h)->n++] = *(item);					\
	}									\
	at_;									\
})

int64_t heap_add_type(struct heap *h, const struct heap_type *t)
{
	return ADD(h, type, ntypes, TYPES, t);
}

int64_t heap_add_node(struct heap *h, const struct heap_node *n)
{
	assert(n->type < h->ntypes || !n->type);
	assert(n->site < h->nsites || !n->site);
	return ADD(h, node, nnodes, NODES, n);
}

int64_t heap_add_edge(struct heap *h, const struct heap_edge *e)
{
	assert(e->from < h->nnodes && e->to < h->nnodes);
	return ADD(h, edge, nedges, EDGES, e);
}

int64_t heap_add_root(struct heap *h, const struct heap_root *r)
{
	assert(r->node < h->nnodes);
	return ADD(h, root, nroots, ROOTS, r);
}

int64_t heap_add_word(struct heap *h, const struct heap_word *w)
{
	assert(w->node < h->nnodes);
	return ADD(h, word, nwords, WORDS, w);
}

int64_t heap_add_frame(struct heap *h, const struct heap_frame *f)
{
	return ADD(h, frame, nframes, FRAMES, f);
}

int64_t heap_add_call(struct heap *h, uint32_t frame, uint32_t outer, bool startup)
{
	struct heap_call c = { .frame = frame, .outer = outer, .startup = startup };

	if (heap_init(h))
		return -ENOMEM;
	assert(frame < h->nframes && outer < h->ncalls);
	c.here = h->frame[frame].interpreted ? h->ncalls : h->call[outer].here;
	return ADD(h, call, ncalls, CALLS, &c);
}

int64_t heap_add_site(struct heap *h, uint32_t calls, text_id name)
{
	struct heap_site s = { .calls = calls, .name = name };

	if (heap_init(h))
		return -ENOMEM;
	assert(calls < h->ncalls);
	s.here = h->call[calls].here;
	s.startup = h->call[calls].startup;
	return ADD(h, site, nsites, SITES, &s);
}

int heap_set_frames(struct heap *h, uint32_t site, const struct heap_frame *frames, uint32_t n)
{
	struct heap_site *s = &h->site[site];
	int64_t r = 0;

	while (n-- > 0) {
		int64_t frame = heap_add_frame(h, &frames[n]);

		r = frame < 0 ? frame : heap_add_call(h, (uint32_t)frame, (uint32_t)r, s->startup);
		if (r < 0)
			return -ENOMEM;
	}
	s->calls = (uint32_t)r;
	s->here = h->call[r].here;
	return 0;
}

/* What runs has its values on a stack; elsewhere an address is more often left over. */
static bool is_running(const struct heap_root *r)
{
	return r->kind == OURO_ROOT_LOCAL || r->kind == OURO_ROOT_STACK ||
		r->kind == OURO_ROOT_FRAME;
}

static void own_doubtful_roots(struct heap *h, uint64_t *missing, bool running)
{
	uint32_t i;

	for (i = 0; i < h->nroots; i++) {
		struct heap_root *r = &h->root[i];

		if (r->flags != OURO_EDGE_MAYBE || is_running(r) != running || !missing[r->node])
			continue;
		r->owned = true;
		missing[r->node]--;
	}
}

/* `missing` has what each count lacks when all certain references are subtracted. */
static void decide_owned(struct heap *h, uint64_t *missing)
{
	uint32_t i;

	for (i = 0; i < h->nedges; i++) {
		h->edge[i].owned = !h->edge[i].flags;
		missing[h->edge[i].to] += h->edge[i].owned;
	}
	for (i = 0; i < h->nroots; i++) {
		h->root[i].owned = !h->root[i].flags;
		missing[h->root[i].node] += h->root[i].owned;
	}
	for (i = 0; i < h->nnodes; i++)
		missing[i] = h->node[i].count > missing[i] ? h->node[i].count - missing[i] : 0;
	own_doubtful_roots(h, missing, true);
	own_doubtful_roots(h, missing, false);
	for (i = 0; i < h->nedges; i++)
		if (h->edge[i].flags == OURO_EDGE_MAYBE && missing[h->edge[i].to]) {
			h->edge[i].owned = true;
			missing[h->edge[i].to]--;
		}
}

static uint32_t graph_count(const struct heap_node *n)
{
	if (n->flags & (OURO_NODE_IMMORTAL | OURO_NODE_STATIC) || n->count >= GRAPH_IMMORTAL)
		return GRAPH_IMMORTAL;
	return (uint32_t)n->count;
}

/* CPython's type_traverse leaves these out, as they cannot be part of a cycle. */
static bool is_hidden(const struct heap *h, const struct heap_edge *e)
{
	const char *field;

	if (e->name != OURO_EDGE_FIELD || !(h->node[e->from].flags & OURO_NODE_CODE_INFRA))
		return false;
	field = heap_text(h, e->operand);
	return !strcmp(field, "__slots__") || !strcmp(field, "__subclasses__");
}

static enum edge_kind graph_kind(const struct heap *h, const struct heap_edge *e)
{
	if (e->owned)
		return is_hidden(h, e) ? EDGE_HIDDEN : EDGE_OWNED;
	return e->name == OURO_EDGE_REFERENT ? EDGE_WEAK :
		e->flags & OURO_EDGE_MAYBE ? EDGE_MAYBE : EDGE_BORROWED;
}

static int fill(struct draft *d, const struct heap *h)
{
	uint32_t i;
	int r;

	for (i = 0; i < h->nnodes; i++) {
		const struct heap_node *n = &h->node[i];
		unsigned flags = n->flags & OURO_NODE_TRACKED ? NODE_COLLECTABLE : 0;

		if (!(h->type[n->type].flags & OURO_TYPE_GC) && !flags)
			flags |= NODE_NOT_GC;
		if (n->foreign)
			flags |= NODE_UNCOUNTED;
		r = draft_node(d, n->foreign ? 0 : graph_count(n), n->bytes, (uint8_t)flags);
		if (r < 0)
			return r;
	}
	for (i = 0; i < h->nedges; i++) {
		r = draft_edge(d, h->edge[i].from, h->edge[i].to, i, graph_kind(h, &h->edge[i]));
		if (r < 0)
			return r;
	}
	for (i = 0; i < h->nroots; i++) {
		r = draft_root(d, h->root[i].node, h->root[i].owned, i);
		if (r < 0)
			return r;
	}
	return 0;
}

int heap_build(struct heap *h)
{
	struct draft d = {0};
	uint64_t *missing = mem_array(h->nnodes, sizeof(*missing));
	int r;

	if (!missing)
		return -ENOMEM;
	decide_owned(h, missing);
	mem_free(missing);
	r = fill(&d, h);
	if (!r)
		r = graph_build(&h->graph, &d);
	draft_fini(&d);
	if (!r)
		r = graph_reverse(&h->graph);
	return r;
}

void heap_fini(struct heap *h)
{
	graph_fini(&h->graph);
	texts_fini(&h->texts);
	mem_free(h->type);
	mem_free(h->node);
	mem_free(h->edge);
	mem_free(h->root);
	mem_free(h->word);
	mem_free(h->site);
	mem_free(h->frame);
	mem_free(h->call);
	*h = (struct heap){0};
}

const struct heap_frame *heap_place(const struct heap *h, uint32_t site)
{
	const struct heap_site *s = &h->site[site];

	return s->here ? heap_frame(h, s->here) : NULL;
}

/* "/usr/lib/python3.11/copy.py", "<frozen importlib._bootstrap>": nobody's program. */
static bool is_library(const char *file)
{
	const char *lib = strstr(file, "/lib/python");

	return *file == '<' ? !strncmp(file, "<frozen ", 8) : lib != NULL;
}

const struct heap_frame *heap_caller(const struct heap *h, uint32_t site)
{
	for (uint32_t c = h->site[site].here; c; c = h->call[c].outer) {
		const struct heap_frame *f = heap_frame(h, c);

		if (f->interpreted && !is_library(heap_text(h, f->file)))
			return f;
	}
	return heap_place(h, site);
}

bool heap_is_import(const struct heap *h, uint32_t site)
{
	const struct heap_frame *place = heap_place(h, site);

	if (!place || !is_library(heap_text(h, place->file)))
		return false;
	for (uint32_t c = h->site[site].here; c; c = h->call[c].outer)
		if (!strncmp(heap_text(h, heap_frame(h, c)->file), "<frozen importlib", 17))
			return true;
	return false;
}
