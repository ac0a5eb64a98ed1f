#include "block_holders.h"

#include "block_roots.h"
#include "mem.h"
#include "place.h"
#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_EACH	24		/* holders of one that are listed            */

/* --- the query ------------------------------------------------------------------------ */

static const struct heap_site *site_of(struct report *r, site_id id)
{
	int64_t site = heap_load_site(&r->loader, id);

	if (site <= 0)
		return NULL;
	heap_load_symbols(&r->heap, r->symbols, (uint32_t)site);
	return &r->heap.site[site];
}

static bool serves(const struct heap *h, const struct heap_frame *f)
{
	return !f->interpreted && place_serves(heap_text(h, f->function), heap_text(h, f->module));
}

/* "server.c:12"; a path is compared from its end, by whole names. */
static bool is_place(const struct heap *h, const struct heap_frame *f, const char *q)
{
	const char *colon = strrchr(q, ':'), *file = heap_text(h, f->file);
	size_t n = colon ? (size_t)(colon - q) : 0, length = strlen(file);

	return n && n <= length && strtoul(colon + 1, NULL, 10) == f->line && f->line &&
		!strncmp(file + length - n, q, n) &&
		(n == length || file[length - n - 1] == '/' || *q == '/');
}

static bool is_function(const struct heap *h, const struct heap_frame *f, const char *q)
{
	const char *name = heap_text(h, f->function);
	size_t n = strlen(q);

	if (n > 2 && !strcmp(q + n - 2, "()"))
		n -= 2;
	return strlen(name) == n && !strncmp(name, q, n);
}

typedef bool frame_fn(const struct heap *h, const struct heap_frame *f, const char *q);

/* The innermost frame that is no library's, or any. */
static bool site_matches(const struct heap *h, const struct heap_site *s, frame_fn *is,
	const char *q, bool any)
{
	for (uint32_t c = s->calls; c; c = h->call[c].outer) {
		const struct heap_frame *f = heap_frame(h, c);

		if (is(h, f, q))
			return true;
		if (!any && !serves(h, f))
			return false;
	}
	return false;
}

static int add_match(struct block_holders *s, node_id v)
{
	if (mem_room(&s->match, s->n, &s->cap, sizeof(*s->match)))
		return -ENOMEM;
	s->match[s->n++] = v;
	s->bytes += s->r->blocks.row[v].size;
	return 0;
}

static int match_sites(struct block_holders *s, frame_fn *is, const char *q, bool any)
{
	const struct blocks *b = &s->r->blocks;
	uint32_t sites = s->r->replay.sites;
	uint8_t *verdict = mem_array(sites, 1);	/* 0: not asked, 1: no, 2: yes       */
	int e = verdict ? 0 : -ENOMEM;

	for (node_id v = 0; v < b->n && !e; v++) {
		site_id id = b->row[v].site;

		if (id >= sites)
			continue;
		if (!verdict[id]) {
			const struct heap_site *x = site_of(s->r, id);

			verdict[id] = 1 + (x && site_matches(&s->r->heap, x, is, q, any));
		}
		if (verdict[id] == 2)
			e = add_match(s, v);
	}
	mem_free(verdict);
	return e;
}

static int match_address(struct block_holders *s, const char *q)
{
	char *end;
	uint64_t address = strtoull(q, &end, 16);
	node_id v = strncmp(q, "0x", 2) || *end ? NODE_NONE : blocks_at(&s->r->blocks, address);

	return v == NODE_NONE ? 0 : add_match(s, v);
}

static int match_types(struct block_holders *s, const char *query)
{
	const char *q = query + (strncmp(query, "type:", 5) ? 0 : 5);
	int e = 0;

	s->by = "type";
	for (node_id v = 0; v < s->r->blocks.n && !e; v++)
		if (block_types_is(&s->types, v, q))
			e = add_match(s, v);
	return e;
}

static int find_matches(struct block_holders *s, const char *query)
{
	static const struct {
		const char *prefix, *by;
		frame_fn *is;
	} way[] = {
		{ "address:", "address", NULL },
		{ "place:", "place of birth", is_place },
		{ "function:", "function it was made in", is_function },
	};
	int e = 0;

	for (int any = 0; any < 2 && !s->n && !e && strncmp(query, "type:", 5); any++)
		for (size_t i = 0; i < sizeof(way) / sizeof(*way) && !s->n && !e; i++) {
			size_t n = strlen(way[i].prefix);
			bool said = !strncmp(query, way[i].prefix, n);

			if (!said && (!strncmp(query, "address:", 8) || !strncmp(query, "place:", 6) ||
				      !strncmp(query, "function:", 9)))
				continue;
			s->by = way[i].by;
			e = way[i].is ? match_sites(s, way[i].is, query + (said ? n : 0), any) :
				match_address(s, query + (said ? n : 0));
		}
	return e || s->n ? e : match_types(s, query);
}

/* --- the words ------------------------------------------------------------------------ */

/* Some words only know a block (a runtime's weak pointers): the graph does not have those. */
static int take_word(void *arg, const struct block_word *w)
{
	struct block_holders *s = arg;
	const struct graph *g = &s->r->blocks.graph;

	if (!bits_has(&s->wanted, w->held))
		return 0;
	if (w->holder == NODE_NONE ? !bits_has(&s->rooted, w->held) :
	    graph_edge_between(g, w->holder, w->held) == EDGE_NONE)
		return 0;
	if (mem_room(&s->word, s->words, &s->words_cap, sizeof(*s->word)))
		return -ENOMEM;
	s->word[s->words++] = *w;
	return 0;
}

/* Roots first, then by address of the word: as found in memory. */
static int by_held(const void *a, const void *b)
{
	const struct block_word *x = a, *y = b;
	bool x_root = x->holder == NODE_NONE, y_root = y->holder == NODE_NONE;

	if (x->held != y->held)
		return x->held < y->held ? -1 : 1;
	if (x_root != y_root)
		return x_root ? -1 : 1;
	return x->where < y->where ? -1 : x->where > y->where;
}

static const struct block_word *words_of(const struct block_holders *s, node_id v, uint32_t *ret_n)
{
	uint32_t lo = 0, hi = s->words;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (s->word[mid].held < v)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (*ret_n = 0; lo + *ret_n < s->words && s->word[lo + *ret_n].held == v; ++*ret_n)
		;
	return &s->word[lo];
}

static const struct block_holders *ranked;

static int by_retained(const void *a, const void *b)
{
	const node_id *x = a, *y = b;
	uint64_t p = ranked->dominators.bytes[*x], q = ranked->dominators.bytes[*y];

	return p > q ? -1 : p < q ? 1 : *x < *y ? -1 : *x > *y;
}

static int want(struct block_holders *s, uint32_t limit)
{
	int e = bits_init(&s->wanted, s->r->blocks.n);

	for (uint32_t i = 0; i < s->n && i < limit && !e; i++) {
		struct path_set p;

		bits_add(&s->wanted, s->match[i]);
		e = paths_to(&s->paths, s->match[i], PATHS_WIDTH, &p);
		for (uint32_t k = 0; !e && k < p.n; k++)
			bits_add(&s->wanted, p.node[p.first[k]]);
		if (!e)
			path_set_fini(&p);
	}
	return e ? e : blocks_each_word(&s->r->blocks, &s->r->snap, take_word, s);
}

int block_holders_init(struct block_holders *s, struct report *r, const char *query, uint32_t limit)
{
	struct graph *g = &r->blocks.graph;
	int e;

	*s = (struct block_holders){ .r = r };
	e = block_types_find(&s->types, &r->blocks, &r->snap, r->symbols);
	if (!e)
		e = find_matches(s, query);
	if (!e)
		e = graph_rooted(g, &s->rooted);
	if (!e)
		e = dominators_find(g, &s->rooted, &s->dominators);
	if (!e)
		e = paths_init(&s->paths, g, &s->rooted, NULL);
	if (!e && s->n) {
		ranked = s;
		qsort(s->match, s->n, sizeof(*s->match), by_retained);
		e = want(s, limit);
	}
	if (!e && s->words)
		qsort(s->word, s->words, sizeof(*s->word), by_held);
	if (e)
		block_holders_fini(s);
	return e;
}

void block_holders_fini(struct block_holders *s)
{
	paths_fini(&s->paths);
	dominators_fini(&s->dominators);
	bits_fini(&s->rooted);
	bits_fini(&s->wanted);
	block_types_fini(&s->types);
	mem_free(s->match);
	mem_free(s->word);
	*s = (struct block_holders){ 0 };
}

/* --- one block ------------------------------------------------------------------------ */

void block_words(struct buf *out, const struct block_holders *h, node_id v)
{
	struct report *r = h->r;
	const struct blocks_row *row = &r->blocks.row[v];
	const struct heap_site *s = site_of(r, row->site);
	const char *type = block_types_name(&h->types, v);
	const struct heap_frame *at = NULL;

	buf_puts(out, row->object ? "an object of " : "a block of ");
	buf_bytes(out, row->size);
	if (type)
		buf_printf(out, " (%s)", type);
	for (uint32_t c = s ? s->calls : 0; c && !at; c = r->heap.call[c].outer)
		if (!serves(&r->heap, heap_frame(&r->heap, c)))
			at = heap_frame(&r->heap, c);
	if (!at)
		return;
	buf_puts(out, " made in ");
	words_place(out, heap_text(&r->heap, at->function),
		    heap_text(&r->heap, at->file ? at->file : at->module), at->line);
}

/* "+8 (next)" */
static void put_offset(struct buf *out, const struct block_holders *s, node_id v, uint64_t offset)
{
	struct buf member = { 0 };

	buf_printf(out, "+%llu", (unsigned long long)offset);
	if (block_types_member(&s->types, v, offset, &member))
		buf_printf(out, " (%s)", buf_text(&member));
	buf_fini(&member);
}

/* NULL: not known. */
static char *name_member(const struct block_holders *s, const struct block_word *w)
{
	struct buf b = { 0 };
	bool known = w->holder == NODE_NONE ? block_root_member(&b, s->r, w->where, w->region) :
		block_types_member(&s->types, w->holder, w->where - s->r->blocks.row[w->holder].addr, &b);

	if (known)
		return buf_take(&b);
	buf_fini(&b);
	return NULL;
}

static char *name_holder(const struct block_holders *s, const struct block_word *w)
{
	struct buf b = { 0 };

	if (w->holder == NODE_NONE) {
		block_root_words(&b, s->r, w->where, w->region);
	} else {
		put_offset(&b, s, w->holder, w->where - s->r->blocks.row[w->holder].addr);
		buf_puts(&b, " of ");
		block_words(&b, s, w->holder);
		buf_printf(&b, " (0x%llx)", (unsigned long long)s->r->blocks.row[w->holder].addr);
	}
	return buf_take(&b);
}

static int take_holders(struct block_held *x, const struct block_holders *s)
{
	uint32_t n;
	const struct block_word *w = words_of(s, x->node, &n);

	x->more = n > WORDS_EACH ? n - WORDS_EACH : 0;
	n -= x->more;
	x->holder = mem_array(n, sizeof(*x->holder));
	x->address = mem_array(n, sizeof(*x->address));
	x->member = mem_array(n, sizeof(*x->member));
	if (!x->holder || !x->address || !x->member)
		return -ENOMEM;
	for (; x->nholders < n; x->nholders++) {
		const struct block_word *at = &w[x->nholders];

		x->address[x->nholders] = at->holder == NODE_NONE ? 0 :
			s->r->blocks.row[at->holder].addr;
		x->member[x->nholders] = name_member(s, at);
		x->holder[x->nholders] = name_holder(s, at);
		if (!x->holder[x->nholders])
			return -ENOMEM;
	}
	return 0;
}

/* "global `cache` of server -> a block of 48 bytes made in fill() +0 -> ..." */
static char *name_path(const struct block_holders *s, const struct path_set *p, uint32_t i)
{
	const struct graph *g = &s->r->blocks.graph;
	struct buf b = { 0 };
	uint32_t n;
	const struct block_word *root = words_of(s, p->node[p->first[i]], &n);

	if (n && root->holder == NODE_NONE)
		block_root_words(&b, s->r, root->where, root->region);
	else
		buf_puts(&b, s->r->blocks.row[p->node[p->first[i]]].object ? "the runtime" : "a root");
	for (uint32_t k = p->first[i]; k + 1 < p->first[i + 1]; k++) {
		buf_puts(&b, " -> ");
		block_words(&b, s, p->node[k]);
		buf_putc(&b, ' ');
		if (g->name[p->edge[k]] & BLOCKS_TIE)
			buf_puts(&b, "(as the runtime told)");
		else
			put_offset(&b, s, p->node[k], g->name[p->edge[k]] & BLOCKS_OFFSET);
	}
	buf_puts(&b, " -> it");
	return buf_take(&b);
}

static int take_paths(struct block_held *x, const struct block_holders *s, uint32_t paths)
{
	struct path_set p;
	int e = paths_to(&s->paths, x->node, paths, &p);

	if (e)
		return e;
	x->path = mem_array(p.n, sizeof(*x->path));
	for (; x->path && x->npaths < p.n; x->npaths++) {
		x->path[x->npaths] = name_path(s, &p, x->npaths);
		if (!x->path[x->npaths])
			break;
	}
	e = x->path && x->npaths == p.n ? 0 : -ENOMEM;
	path_set_fini(&p);
	return e;
}

int block_held_init(struct block_held *x, const struct block_holders *s, node_id v, uint32_t paths)
{
	int e;

	*x = (struct block_held){ .node = v, .retained_blocks = s->dominators.nodes[v],
		.retained_bytes = s->dominators.bytes[v] };
	e = take_holders(x, s);
	return e ? e : take_paths(x, s, paths);
}

void block_held_fini(struct block_held *x)
{
	for (uint32_t i = 0; i < x->nholders; i++) {
		mem_free(x->holder[i]);
		mem_free(x->member[i]);
	}
	for (uint32_t i = 0; i < x->npaths; i++)
		mem_free(x->path[i]);
	mem_free(x->holder);
	mem_free(x->member);
	mem_free(x->address);
	mem_free(x->path);
	*x = (struct block_held){ 0 };
}
