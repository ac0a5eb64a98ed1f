#include "blocks.h"

#include "found.h"
#include "mem.h"
#include "tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_SHIFT 12

/* Blocks that begin in one page. */
struct blocks_page {
	uint64_t page;			/* 0: free                                   */
	uint32_t first, n;
};

/* --- which ------------------------------------------------------------------------- */

static int by_address(const void *a, const void *b)
{
	const struct blocks_row *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* One that an interpreter's walk looks at: not those that are counted by calls. */
static bool has_object(const struct replay *r, const struct block *x)
{
	for (uint32_t row = x->object; row; row = r->live.object[row].next) {
		const struct def_type *t = def_type(r->defs, r->live.object[row].type);

		if (r->live.object[row].alive && !(t && t->runtime))
			return true;
	}
	return false;
}

/* Blocks of a pool are C code's as well where a runtime says which ones its objects fill. */
static int collect(struct blocks *b, const struct replay *r, bool pools)
{
	const struct block *x;
	uint32_t cap = 0;
	size_t at = 0;

	while ((x = replay_each_block(r, &at))) {
		if (x->pool && !pools)
			continue;
		if (mem_room(&b->row, b->n, &cap, sizeof(*b->row)))
			return -ENOMEM;
		b->row[b->n++] = (struct blocks_row){ .addr = x->addr, .size = x->size,
			.born = x->born, .site = block_site(r, x), .pool = x->pool,
			.object = has_object(r, x) };
		b->bytes += x->size;
	}
	if (b->n)
		qsort(b->row, b->n, sizeof(*b->row), by_address);
	return 0;
}

static struct blocks_page *page_slot(const struct blocks *b, uint64_t page)
{
	uint64_t h = page * 0x9e3779b97f4a7c15u;
	uint64_t at = (h >> 32 ^ h >> 17) & b->mask;

	while (b->page[at].page && b->page[at].page != page)
		at = (at + 1) & b->mask;
	return &b->page[at];
}

static int make_index(struct blocks *b)
{
	uint64_t size = 64, pages = 0, last = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		pages += b->row[i].addr >> PAGE_SHIFT != last;
		last = b->row[i].addr >> PAGE_SHIFT;
	}
	while (size < 2 * pages)
		size *= 2;
	b->mask = size - 1;
	b->page = mem_array(size, sizeof(*b->page));
	if (!b->page)
		return -ENOMEM;
	for (uint32_t i = 0; i < b->n; i++) {
		struct blocks_page *p = page_slot(b, b->row[i].addr >> PAGE_SHIFT);

		if (!p->n)
			*p = (struct blocks_page){ b->row[i].addr >> PAGE_SHIFT, i, 0 };
		p->n++;
	}
	return 0;
}

/* The last of rows lo to hi - 1 that begins at or before addr is in it, or none is. */
static node_id among(const struct blocks *b, uint32_t lo, uint32_t hi, uint64_t addr)
{
	const struct blocks_row *x;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (b->row[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return NODE_NONE;
	x = &b->row[lo - 1];
	/* A block of no bytes has an address, too. */
	return addr - x->addr < (x->size ? x->size : 1) ? lo - 1 : NODE_NONE;
}

node_id blocks_at(const struct blocks *b, uint64_t addr)
{
	const struct blocks_page *p = page_slot(b, addr >> PAGE_SHIFT);

	/* In the middle of a large block no block begins. */
	return p->n ? among(b, p->first, p->first + p->n, addr) : among(b, 0, b->n, addr);
}

/* Some births are not seen: the walk of the heap knows those objects, too. */
static void mark_objects(struct blocks *b, const struct snap *s)
{
	for (uint32_t i = 0; i < s->nodes; i++) {
		node_id v = blocks_at(b, s->node[i].addr);

		if (v != NODE_NONE)
			b->row[v].object = true;
	}
	for (uint32_t i = 0; i < b->n; i++) {
		b->objects += b->row[i].object;
		b->object_bytes += b->row[i].object ? b->row[i].size : 0;
	}
}

/* --- who holds whom ---------------------------------------------------------------- */

struct drawing {
	struct blocks *b;
	struct draft draft;
	struct bits rooted;
	struct tables tables;
	node_id holder;			/* of the previous word                      */
};

static bool in_block(const struct blocks *b, node_id v, uint64_t addr)
{
	return v != NODE_NONE && addr - b->row[v].addr < b->row[v].size;
}

static int draw_root(struct drawing *d, node_id to, bool inside, uint8_t region)
{
	d->b->roots++;
	d->b->row[to].outside += !inside;
	if (bits_has(&d->rooted, to))
		return 0;
	bits_add(&d->rooted, to);
	return draft_root(&d->draft, to, 1, region);
}

static int draw_word(struct drawing *d, uint64_t where, uint64_t held, uint8_t region)
{
	node_id to = blocks_at(d->b, held);
	uint64_t offset;
	bool inside;

	if (to == NODE_NONE || tables_is_weak(&d->tables, where))
		return 0;
	if (region == OURO_REGION_DATA && tables_word(&d->tables, to, where))
		return 0;
	inside = d->b->row[to].book && d->b->row[to].book->addr / 8 != held / 8;
	if (region == OURO_REGION_REGISTER)
		return draw_root(d, to, inside, region);
	if (!in_block(d->b, d->holder, where))
		d->holder = blocks_at(d->b, where);
	if (!in_block(d->b, d->holder, where))
		return region == OURO_REGION_MALLOC ? 0 : draw_root(d, to, inside, region);
	offset = where - d->b->row[d->holder].addr;
	return draft_edge(&d->draft, d->holder, to,
		(offset < BLOCKS_OFFSET ? (uint32_t)offset : BLOCKS_OFFSET) |
			(inside ? BLOCKS_INSIDE : 0), EDGE_OWNED);
}

static int draw_words(struct drawing *d, const struct snap *s)
{
	struct found f;
	int r = 0;

	for (uint32_t i = 0; i < s->runs; i++) {
		/* It was read before, when the snapshot was loaded. */
		if (!found_read(s->run[i].p, s->run[i].end, &f))
			continue;
		d->b->words += f.n;
		for (uint32_t k = 0; k < f.n && !r; k++)
			r = draw_word(d, f.where[k], f.held[k], f.region);
		if (r)
			return r;
	}
	return 0;
}

static int draw_objects(struct drawing *d)
{
	int r = 0;

	for (uint32_t i = 0; i < d->b->n && !r; i++)
		if (d->b->row[i].object)
			r = draw_root(d, i, false, BLOCKS_OBJECT);
	return r;
}

static int draw(struct blocks *b, const struct replay *replay, const struct snap *s)
{
	struct drawing d = { .b = b, .holder = NODE_NONE };
	int r = bits_init(&d.rooted, b->n);

	if (!r)
		r = tables_init(&d.tables, b, replay);
	for (uint32_t i = 0; i < b->n && !r; i++)
		r = draft_node(&d.draft, 0, b->row[i].size, NODE_UNCOUNTED);
	if (!r)
		r = draw_objects(&d);
	if (!r)
		r = draw_words(&d, s);
	if (!r)
		r = tables_draw(&d.tables, &d.draft);
	if (!r)
		r = graph_build(&b->graph, &d.draft);
	if (!r)
		r = tables_judge(&d.tables);
	tables_fini(&d.tables);
	draft_fini(&d.draft);
	bits_fini(&d.rooted);
	return r;
}

int blocks_init(struct blocks *b, const struct replay *r, const struct snap *s)
{
	int result;

	*b = (struct blocks){ 0 };
	result = collect(b, r, s->nodes);
	if (!result)
		result = make_index(b);
	if (!result) {
		mark_objects(b, s);
		result = draw(b, r, s);
	}
	if (result)
		blocks_fini(b);
	return result;
}

void blocks_fini(struct blocks *b)
{
	graph_fini(&b->graph);
	mem_free(b->page);
	mem_free(b->row);
	*b = (struct blocks){ 0 };
}
