#include "blocks.h"

#include "found.h"
#include "mem.h"
#include "tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_SHIFT 12
#define PAGE_MASK  0xfffu

/* Blocks that begin in one page. */
struct blocks_page {
	uint64_t page;			/* its number + 1; 0: free                   */
	uint32_t first, n;
};

/* --- pages ------------------------------------------------------------------------- */

static uint64_t page_hash(const struct blocks *b, uint64_t page)
{
	uint64_t h = page * 0x9e3779b97f4a7c15u;

	return (h >> 32 ^ h >> 17) & b->mask;
}

static struct blocks_page *page_slot(const struct blocks *b, uint64_t page)
{
	uint64_t at = page_hash(b, page);

	while (b->page[at].page && b->page[at].page != page + 1)
		at = (at + 1) & b->mask;
	return &b->page[at];
}

static int more_pages(struct blocks *b)
{
	struct blocks_page *old = b->page;
	uint64_t size = old ? b->mask + 1 : 0, room = old ? 2 * size : 64;

	b->page = mem_array(room, sizeof(*b->page));
	if (!b->page) {
		b->page = old;
		return -ENOMEM;
	}
	b->mask = room - 1;
	for (uint64_t i = 0; i < size; i++)
		if (old[i].page)
			*page_slot(b, old[i].page - 1) = old[i];
	mem_free(old);
	return 0;
}

/* One more block that begins there.  -ENOMEM. */
static int count_page(struct blocks *b, uint64_t page)
{
	struct blocks_page *p;

	if (2 * b->pages > b->mask && more_pages(b))
		return -ENOMEM;
	p = page_slot(b, page);
	b->pages += !p->page;
	p->page = page + 1;
	p->n++;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* From how many blocks each page has to where those begin; there are none of them yet. */
static int place_pages(struct blocks *b)
{
	uint64_t *page = mem_array(b->pages, sizeof(*page));
	uint32_t n = 0, first = 0;

	if (!page)
		return -ENOMEM;
	for (uint64_t i = 0; i <= b->mask; i++)
		if (b->page[i].page)
			page[n++] = b->page[i].page - 1;
	if (n)
		qsort(page, n, sizeof(*page), by_number);
	for (uint32_t i = 0; i < n; i++) {
		struct blocks_page *p = page_slot(b, page[i]);

		p->first = first;
		first += p->n;
		p->n = 0;
	}
	mem_free(page);
	return 0;
}

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

/* Is it one of those that are told?  Blocks of a pool, where a runtime says which its objects fill. */
static bool is_wanted(const struct block *x, bool pools)
{
	return !x->pool || pools;
}

static int count(struct blocks *b, const struct replay *r, bool pools)
{
	const struct block *x;
	size_t at = 0;
	int e = more_pages(b);

	while (!e && (x = replay_each_block(r, &at))) {
		if (!is_wanted(x, pools))
			continue;
		e = count_page(b, x->addr >> PAGE_SHIFT);
		b->n++;
		b->bytes += x->size;
	}
	return e;
}

static void take(struct blocks *b, const struct replay *r, bool pools)
{
	const struct block *x;
	size_t at = 0;

	while ((x = replay_each_block(r, &at))) {
		struct blocks_page *p;

		if (!is_wanted(x, pools))
			continue;
		p = page_slot(b, x->addr >> PAGE_SHIFT);
		b->row[p->first + p->n++] = (struct blocks_row){ .addr = x->addr, .size = x->size,
			.born = x->born, .site = block_site(r, x), .pool = x->pool,
			.object = has_object(r, x) };
	}
}

/*
 * By address, page by page: the pages are in order, and few blocks begin in one.  (Sorting
 * all at once would take as much memory again.)
 */
static int collect(struct blocks *b, const struct replay *r, bool pools)
{
	int e = count(b, r, pools);

	if (!e)
		e = place_pages(b);
	if (e)
		return e;
	b->row = mem_array(b->n, sizeof(*b->row));
	b->low = mem_array(b->n, sizeof(*b->low));
	if (!b->row || !b->low)
		return -ENOMEM;
	take(b, r, pools);
	for (uint64_t i = 0; i <= b->mask; i++)
		if (b->page[i].n > 1)
			qsort(&b->row[b->page[i].first], b->page[i].n, sizeof(*b->row), by_address);
	for (uint32_t i = 0; i < b->n; i++)
		b->low[i] = (uint16_t)(b->row[i].addr & PAGE_MASK);
	return 0;
}

/* The block in which addr lies is the one before row `next`, or there is none. */
static node_id before(const struct blocks *b, uint32_t next, uint64_t addr)
{
	const struct blocks_row *x;

	if (!next)
		return NODE_NONE;
	x = &b->row[next - 1];
	/* A block of no bytes has an address, too. */
	return addr - x->addr < (x->size ? x->size : 1) ? next - 1 : NODE_NONE;
}

/* First of the rows that begins behind addr. */
static uint32_t first_behind(const struct blocks *b, uint64_t addr)
{
	uint32_t lo = 0, hi = b->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (b->row[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/*
 * The same, where blocks begin in addr's own page.  Most of the time of all goes into
 * reading memory that is in no cache: so their offsets stand close together.
 */
static uint32_t first_behind_in(const struct blocks *b, const struct blocks_page *p, uint64_t addr)
{
	uint32_t lo = p->first, hi = p->first + p->n;
	uint16_t low = (uint16_t)(addr & PAGE_MASK);

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (b->low[mid] <= low)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

node_id blocks_at(const struct blocks *b, uint64_t addr)
{
	const struct blocks_page *p = page_slot(b, addr >> PAGE_SHIFT);

	/* In the middle of a large block no block begins. */
	return before(b, p->n ? first_behind_in(b, p, addr) : first_behind(b, addr), addr);
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

static bool in_block(const struct blocks *b, node_id v, uint64_t addr)
{
	return v != NODE_NONE && addr - b->row[v].addr < b->row[v].size;
}

/* `last` is the block in which the word before this one stood. */
static int tell_word(const struct blocks *b, node_id *last, uint64_t where, uint64_t held,
	uint8_t region, blocks_word_fn *fn, void *arg)
{
	struct block_word w = { blocks_at(b, held), NODE_NONE, where, held, region };

	if (w.held == NODE_NONE)
		return 0;
	if (region == OURO_REGION_REGISTER)
		return fn(arg, &w);
	if (!in_block(b, *last, where))
		*last = blocks_at(b, where);
	if (in_block(b, *last, where))
		w.holder = *last;
	else if (region == OURO_REGION_MALLOC)
		return 0;
	return fn(arg, &w);
}

/* Words lead anywhere: memory is asked for what the next ones will need. */
#define AHEAD 12

static void expect(const struct blocks *b, const struct found *f, uint32_t k)
{
	if (k + 2 * AHEAD < f->n)
		__builtin_prefetch(&b->page[page_hash(b, f->held[k + 2 * AHEAD] >> PAGE_SHIFT)]);
	if (k + AHEAD < f->n) {
		const struct blocks_page *p = page_slot(b, f->held[k + AHEAD] >> PAGE_SHIFT);

		__builtin_prefetch(&b->low[p->first]);
		__builtin_prefetch(&b->row[p->first + p->n / 2]);
	}
}

int blocks_each_word(const struct blocks *b, const struct snap *s, blocks_word_fn *fn, void *arg)
{
	node_id last = NODE_NONE;
	struct found f;
	int r = 0;

	for (uint32_t i = 0; i < s->runs && !r; i++) {
		/* It was read before, when the snapshot was loaded. */
		if (!found_read(s->run[i].p, s->run[i].end, &f))
			continue;
		for (uint32_t k = 0; k < f.n && !r; k++) {
			expect(b, &f, k);
			r = tell_word(b, &last, f.where[k], f.held[k], f.region, fn, arg);
		}
	}
	return r;
}

struct drawing {
	struct blocks *b;
	struct draft draft;
	struct bits rooted;
	struct tables tables;
};

static int draw_root(struct drawing *d, node_id to, bool inside, uint8_t region)
{
	d->b->roots++;
	d->b->row[to].outside += !inside;
	if (bits_has(&d->rooted, to))
		return 0;
	bits_add(&d->rooted, to);
	return draft_root(&d->draft, to, 1, region);
}

static int draw_word(void *arg, const struct block_word *w)
{
	struct drawing *d = arg;
	const struct book *book;
	uint64_t offset;
	bool inside;

	if (tables_is_weak(&d->tables, w->where))
		return 0;
	if (w->region == OURO_REGION_DATA && tables_word(&d->tables, w->held, w->where))
		return 0;
	book = blocks_book(d->b, w->held);
	inside = book && book->addr / 8 != w->address / 8;
	if (w->holder == NODE_NONE)
		return draw_root(d, w->held, inside, w->region);
	offset = w->where - d->b->row[w->holder].addr;
	return draft_edge(&d->draft, w->holder, w->held,
		(offset < BLOCKS_OFFSET ? (uint32_t)offset : BLOCKS_OFFSET) |
			(inside ? BLOCKS_INSIDE : 0), EDGE_OWNED);
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
	struct drawing d = { .b = b };
	int r = bits_init(&d.rooted, b->n);

	if (!r)
		r = tables_init(&d.tables, b, replay);
	for (uint32_t i = 0; i < b->n && !r; i++)
		r = draft_node(&d.draft, 0, b->row[i].size, NODE_UNCOUNTED);
	if (!r)
		r = draw_objects(&d);
	if (!r)
		r = blocks_each_word(b, s, draw_word, &d);
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

int blocks_count(struct blocks *b, node_id v, struct book *book)
{
	if (!b->book_of)
		b->book_of = mem_array(b->n, sizeof(*b->book_of));
	if (!b->book_of)
		return -ENOMEM;
	if (!b->book_of[v]) {
		if (mem_room(&b->book, b->counted + 1, &b->book_cap, sizeof(*b->book)))
			return -ENOMEM;
		b->book_of[v] = ++b->counted;
		b->book[b->counted] = (struct blocks_counted){ 0 };
	}
	b->book[b->book_of[v]].book = book;
	return 0;
}

int blocks_init(struct blocks *b, const struct replay *r, const struct snap *s)
{
	int result;

	*b = (struct blocks){ 0 };
	if (mem_room(&b->book, 0, &b->book_cap, sizeof(*b->book)))
		return -ENOMEM;
	b->book[0] = (struct blocks_counted){ 0 };
	result = collect(b, r, s->nodes || s->core);
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
	mem_free(b->low);
	mem_free(b->book);
	mem_free(b->book_of);
	mem_free(b->row);
	*b = (struct blocks){ 0 };
}
