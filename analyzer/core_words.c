#include "core_words.h"

#include "mem.h"

#include <ouro/core.h>
#include <ouro/record.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE		4096u
#define BRK_AWAY	(UINT64_C(1) << 30)	/* brk's heap begins within this behind the program */
#define RUN_BYTES	(8 + 2 * (size_t)OURO_SNAP_WORDS_MAX * OURO_VARINT_MAX)

struct searcher {
	const struct core *c;
	struct replay *r;
	struct snap *s;
	uint64_t pool;
	struct ouro_own *own;		/* memory of the library, by address         */
	uint32_t nown;
	struct ouro_core mark;		/* zeroes: not found                         */
	uint64_t program_end;		/* of the program's own image                */
	uint64_t low, high;		/* where blocks may be                       */

	uint8_t region;
	uint64_t where[OURO_SNAP_WORDS_MAX], held[OURO_SNAP_WORDS_MAX];
	uint32_t n;
	size_t *end;			/* of each run in s->made                    */
	uint32_t runs, runs_cap;
	size_t used, room;
	bool failed;
};

/* --- words ---------------------------------------------------------------------------- */

static bool make_room(struct searcher *x)
{
	size_t want = x->room ? x->room * 2 : 1 << 20;
	uint8_t *more;

	if (x->room - x->used >= RUN_BYTES)
		return true;
	more = realloc(x->s->made, want);
	if (!more)
		return false;
	x->s->made = more;
	x->room = want;
	return true;
}

/* As preload/snapshot.c writes them, without the kind. */
static void put(struct searcher *x)
{
	uint64_t at, before = 0;
	uint8_t *p;

	if (!x->n)
		return;
	if (!make_room(x) || mem_room(&x->end, x->runs, &x->runs_cap, sizeof(*x->end))) {
		x->failed = true;
		x->n = 0;
		return;
	}
	p = x->s->made + x->used;
	at = x->where[0] >> 3;
	p = ouro_put_varint(p, x->n);
	*p++ = x->region;
	p = ouro_put_varint(p, at);
	for (uint32_t i = 0; i < x->n; i++) {
		p = ouro_put_varint(p, (x->where[i] >> 3) - at);
		p = ouro_put_varint(p, ouro_zigzag((int64_t)((x->held[i] >> 3) - before)));
		at = x->where[i] >> 3;
		before = x->held[i] >> 3;
	}
	x->used = (size_t)(p - x->s->made);
	x->end[x->runs++] = x->used;
	x->s->scan.words += x->n;
	x->n = 0;
}

static void keep(struct searcher *x, uint64_t where, uint64_t held)
{
	x->where[x->n] = where;
	x->held[x->n++] = held;
	if (x->n == OURO_SNAP_WORDS_MAX)
		put(x);
}

/* May a block of malloc be there? */
static bool is_target(const struct core *c, uint64_t address)
{
	static const struct core_part *last;	/* most words lead to where the one before did */
	uint32_t lo = 0, hi = c->nparts;

	if (last && last >= c->part && last < c->part + c->nparts && address >= last->start &&
	    address < last->end)
		return last->writable && !last->file;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (address >= c->part[mid].end) {
			lo = mid + 1;
		} else if (address < c->part[mid].start) {
			hi = mid;
		} else {
			last = &c->part[mid];
			return last->writable && !last->file;
		}
	}
	return false;
}

static void find_targets(struct searcher *x)
{
	x->low = UINT64_MAX;
	for (uint32_t i = 0; i < x->c->nparts; i++) {
		const struct core_part *p = &x->c->part[i];

		if (!p->writable || p->file)
			continue;
		x->low = p->start < x->low ? p->start : x->low;
		x->high = p->end;
	}
}

static void set_region(struct searcher *x, uint8_t region)
{
	if (region != x->region)
		put(x);
	x->region = region;
}

static bool in_pool(const struct searcher *x, uint64_t address)
{
	const void *head = x->pool ? core_at(x->c, address & ~(x->pool - 1), OURO_POOL_HEAD) : NULL;

	return head && ouro_is_pool(head, x->pool);
}

/* Where blocks lie below 4 GiB, GLib's hash tables have their addresses in halves of words. */
static void search_halves(struct searcher *x, uint64_t at, uint64_t w)
{
	const uint64_t half[] = { (uint32_t)w, w >> 32 };

	for (int i = 0; i < 2; i++)
		if (half[i] >= x->low && half[i] % 8 == 0 && is_target(x->c, half[i]))
			keep(x, at, half[i]);
}

static void search_word(struct searcher *x, uint64_t at, uint64_t w, bool halves)
{
	if (w >= x->low && w < x->high && is_target(x->c, w))
		keep(x, at, w);
	else if (halves && w >> 32)
		search_halves(x, at, w);
}

static void search(struct searcher *x, uint64_t start, uint64_t end, uint8_t region)
{
	bool halves = x->low >> 32 == 0 && region != OURO_REGION_STACK;
	const uint8_t *data;

	start = (start + 7) & ~UINT64_C(7);
	for (uint64_t page = start, next; page < end; page = next) {
		next = (page | (PAGE - 1)) + 1;
		if (next > end)
			next = end;
		data = core_at(x->c, page, next - page);
		if (!data)
			continue;
		set_region(x, region == OURO_REGION_HEAP && in_pool(x, page) ? OURO_REGION_MALLOC : region);
		for (uint64_t at = page; at + 8 <= next; at += 8) {
			uint64_t w;

			memcpy(&w, data + (at - page), 8);
			search_word(x, at, w, halves);
		}
		x->s->scan.bytes += next - page;
	}
	put(x);
}

/* --- what is the library's ------------------------------------------------------------ */

static int by_start(const void *a, const void *b)
{
	const struct ouro_own *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int take_own(struct searcher *x)
{
	bool marked = core_mark(x->c, &x->mark);

	x->own = mem_array(OURO_CORE_PLACES, sizeof(*x->own));
	if (!x->own)
		return -ENOMEM;
	/* One by one: they may begin in a file's last page and go on behind it. */
	for (uint32_t i = 0; marked && i < OURO_CORE_PLACES; i++) {
		const struct ouro_own *own = core_at(x->c, x->mark.own + i * sizeof(*own), sizeof(*own));

		if (own && own->start > 1 && own->end > own->start)
			x->own[x->nown++] = *own;
	}
	if (x->nown)
		qsort(x->own, x->nown, sizeof(*x->own), by_start);
	return 0;
}

static void search_others(struct searcher *x, uint64_t start, uint64_t end, uint8_t region)
{
	for (uint32_t i = 0; i < x->nown && start < end; i++) {
		if (x->own[i].end <= start)
			continue;
		if (x->own[i].start >= end)
			break;
		if (x->own[i].start > start)
			search(x, start, x->own[i].start, region);
		start = x->own[i].end;
	}
	if (start < end)
		search(x, start, end, region);
}

/* --- kinds of memory ------------------------------------------------------------------ */

static const struct core_thread *thread_of(const struct core *c, uint64_t tcb)
{
	for (uint32_t i = 0; i < c->nthreads; i++)
		if (c->thread[i].fs == tcb)
			return &c->thread[i];
	return NULL;
}

static uint64_t find_tcb(const struct core_part *p)
{
	for (uint64_t at = 0; at + OURO_TCB_ALIGN <= p->bytes; at += OURO_TCB_ALIGN)
		if (ouro_is_tcb(p->data + at, p->start + at))
			return p->start + at;
	return 0;
}

static bool has_sp(const struct core_part *p, uint64_t sp)
{
	return sp - OURO_RED_ZONE >= p->start && sp < p->end;
}

/* From where on the stack is in use that lies in memory behind a guard page. */
static uint64_t stack_from(const struct core *c, const struct core_part *p)
{
	uint64_t tcb = find_tcb(p), top = (tcb + OURO_TCB_SIZE + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	const struct core_thread *t = tcb ? thread_of(c, tcb) : NULL;

	if (!tcb)
		return p->start;
	if (!t)				/* it has ended, and its stack is kept for the next */
		return top < p->end ? top : p->end;
	return has_sp(p, t->sp) && t->sp < top ? t->sp - OURO_RED_ZONE : p->start;
}

/* The stack that no guard page is known of, where the first thread began. */
static const struct core_thread *main_stack(struct searcher *x, const struct core_part *p)
{
	for (uint32_t i = 0; i < x->c->nthreads; i++) {
		const struct core_thread *t = &x->c->thread[i];

		/* What runs on a block of malloc (a coroutine) has that as its stack. */
		if (t->tid == x->c->pid && has_sp(p, t->sp) && !replay_block_around(x->r, t->sp))
			return t;
	}
	return NULL;
}

static uint64_t whole_pages(uint64_t end)
{
	return (end + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

static bool in_module(const struct searcher *x, const struct core_part *p)
{
	const struct defs *d = x->r->defs;

	for (uint32_t i = 1; i < d->modules; i++)
		if (p->start >= d->module[i].start && p->start < whole_pages(d->module[i].end))
			return true;
	return false;
}

static void search_data(struct searcher *x, const struct core_part *p)
{
	size_t from, to;

	if (!ouro_arena_in(p->data, p->start, p->bytes, &from, &to)) {
		search(x, p->start, p->end, OURO_REGION_DATA);
		return;
	}
	search(x, p->start, p->start + from, OURO_REGION_DATA);
	search(x, p->start + to, p->end, OURO_REGION_DATA);
}

static void search_part(struct searcher *x, const struct core_part *p, bool guarded)
{
	const struct core_thread *t;

	if (p->start >= x->mark.start && p->start < whole_pages(x->mark.end))
		return;
	if (p->file || in_module(x, p)) {
		search_data(x, p);
		return;
	}
	t = main_stack(x, p);
	if (t) {
		search(x, t->sp - OURO_RED_ZONE, p->end, OURO_REGION_STACK);
		return;
	}
	if (p->start >= x->program_end && p->start - x->program_end < BRK_AWAY) {
		uint64_t early = x->mark.early_brk < p->start ? p->start : x->mark.early_brk;

		if (x->r->trace->head.origin == OURO_ORIGIN_FORK || early > p->end)
			early = p->end;
		search(x, p->start, early, OURO_REGION_HEAP);
		search(x, early, p->end, OURO_REGION_MALLOC);
		return;
	}
	if (p->bytes && ouro_arena_heap(p->data, p->start, p->bytes) &&
	    x->r->trace->head.origin != OURO_ORIGIN_FORK)
		search_others(x, p->start, p->end, OURO_REGION_MALLOC);
	else
		search_others(x, guarded ? stack_from(x->c, p) : p->start, p->end, OURO_REGION_HEAP);
}

static void search_registers(struct searcher *x)
{
	set_region(x, OURO_REGION_REGISTER);
	x->s->thread = calloc(x->c->nthreads, sizeof(*x->s->thread));
	x->failed |= !x->s->thread;
	for (uint32_t i = 0; i < x->c->nthreads && x->s->thread; i++)
		x->s->thread[x->s->threads++] = (struct snap_thread){ x->c->thread[i].tid,
			x->c->thread[i].sp, x->c->thread[i].fs };
	for (uint32_t i = 0; i < x->c->nthreads; i++)
		for (uint32_t k = 0; k < CORE_REGISTERS; k++)
			keep(x, (uint64_t)x->c->thread[i].tid * 128 + 8 * (k % 16), x->c->thread[i].word[k]);
	put(x);
}

static uint64_t end_of_program(const struct defs *d)
{
	for (uint32_t i = 1; i < d->modules; i++)
		if (d->module[i].path.length == d->executable.length &&
		    !memcmp(d->module[i].path.s, d->executable.s, d->executable.length))
			return d->module[i].end;
	return 0;
}

/* --- all of it ------------------------------------------------------------------------ */

static int take_runs(struct searcher *x)
{
	size_t at = 0;

	x->s->run = calloc(x->runs ? x->runs : 1, sizeof(*x->s->run));
	if (!x->s->run)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->runs; i++) {
		x->s->run[i] = (struct snap_run){ x->s->made + at, x->s->made + x->end[i] };
		at = x->end[i];
	}
	x->s->runs = x->runs;
	return 0;
}

int core_words(struct snap *ret, const struct core *c, struct replay *r, uint64_t pool)
{
	struct searcher x = { .c = c, .r = r, .s = ret, .pool = pool,
		.program_end = end_of_program(r->defs) };
	int e;

	*ret = (struct snap){ .number = r->snapshot, .complete = !c->cut, .scan = { .there = true },
		.core = true };
	find_targets(&x);
	e = take_own(&x);
	if (!e)
		search_registers(&x);
	for (uint32_t i = 0; i < c->nparts && !e; i++) {
		const struct core_part *p = &c->part[i];

		if (p->readable && p->writable)
			search_part(&x, p, i && p[-1].end == p->start && !p[-1].readable);
	}
	if (!e)
		e = x.failed ? -ENOMEM : take_runs(&x);
	mem_free(x.own);
	mem_free(x.end);
	if (e)
		snap_free(ret);
	return e;
}
