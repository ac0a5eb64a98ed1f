#include "scan.h"

#include "file.h"
#include "maps.h"
#include "own.h"
#include "real.h"
#include "runtime.h"
#include "scan_arena.h"
#include "snapshot.h"
#include "sys.h"
#include "threads.h"

#include <ouro/core.h>
#include <string.h>

#define PAGE		4096u
#define WINDOW		1024u		/* pages the kernel is asked about at once   */
#define PRESENT		(UINT64_C(3) << 62)	/* pagemap: in memory, or swapped out */
#define RED_ZONE	OURO_RED_ZONE
#define TCB_ALIGN	OURO_TCB_ALIGN
#define TCB_SIZE	OURO_TCB_SIZE

struct scan {
	struct snapshot *s;
	struct threads *threads;
	bool (*has)(uintptr_t word);	/* of the runtime, or NULL                   */
	bool (*pool)(uintptr_t address, uintptr_t start);
	struct maps maps;
	struct part *target;		/* where blocks may be, ascending            */
	size_t targets, last;
	uintptr_t low, high;

	int pagemap;			/* -1: all pages are looked at               */
	uint64_t *page;
	enum ouro_region region;	/* of what is being searched                 */
	enum ouro_region mapping;	/* ... but for pools in it                   */
	uintptr_t start;		/* from here on it can be read               */
	uintptr_t tcb;			/* the first struct pthread found, or 0      */

	uintptr_t where[OURO_SNAP_WORDS_MAX], held[OURO_SNAP_WORDS_MAX];
	unsigned n;
	uint64_t bytes, words;
};

static uintptr_t early_end;		/* brk's heap held blocks up to here before we recorded */

void scan_setup(void)
{
	early_end = arena_top();
	own_early(early_end);
}

/* --- words ------------------------------------------------------------------------ */

static void put(struct scan *c)
{
	if (c->n)
		snapshot_words(c->s, c->region, c->where, c->held, c->n);
	c->words += c->n;
	c->n = 0;
}

static void keep_word(struct scan *c, uintptr_t where, uintptr_t held)
{
	c->where[c->n] = where;
	c->held[c->n++] = held;
	if (c->n == OURO_SNAP_WORDS_MAX)
		put(c);
}

static bool is_target(struct scan *c, uintptr_t address)
{
	size_t lo = 0, hi = c->targets;

	if (address - c->target[c->last].start <
	    c->target[c->last].end - c->target[c->last].start)
		return true;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (address >= c->target[mid].end) {
			lo = mid + 1;
		} else if (address < c->target[mid].start) {
			hi = mid;
		} else {
			c->last = mid;
			return true;
		}
	}
	return false;
}

static void set_region(struct scan *c, enum ouro_region region)
{
	if (region != c->region)
		put(c);
	c->region = region;
}

static bool is_wanted(struct scan *c, uintptr_t w)
{
	return w >= c->low && w < c->high && is_target(c, w) && !(c->has && c->has(w));
}

/*
 * GLib's hash tables keep addresses below 4 GiB in halves of words.  There are such where
 * the program is not position-independent (Debian's python3): its heap lies low.
 */
static void search_halves(struct scan *c, uintptr_t at, uintptr_t w)
{
	const uintptr_t half[] = { (uint32_t)w, w >> 32 };

	for (int i = 0; i < 2; i++)
		if (half[i] % 8 == 0 && is_wanted(c, half[i]))
			keep_word(c, at, half[i]);
}

/* A part of one page. */
static void search(struct scan *c, uintptr_t start, uintptr_t end)
{
	bool halves = c->low >> 32 == 0 && c->mapping != OURO_REGION_STACK;
	bool pool = c->pool && c->mapping == OURO_REGION_HEAP && c->pool(start, c->start);

	set_region(c, pool ? OURO_REGION_MALLOC : c->mapping);
	for (uintptr_t at = start; at + 8 <= end; at += 8) {
		uintptr_t w = *(const uintptr_t *)at;

		if (is_wanted(c, w))
			keep_word(c, at, w);
		else if (halves && w >> 32)
			search_halves(c, at, w);
	}
	c->bytes += end - start;
}

static void look_for_tcb(struct scan *c, uintptr_t start, uintptr_t end)
{
	start = (start + TCB_ALIGN - 1) & ~(uintptr_t)(TCB_ALIGN - 1);
	for (uintptr_t at = start; at + TCB_ALIGN <= end && !c->tcb; at += TCB_ALIGN)
		if (arena_is_tcb((const uintptr_t *)at))
			c->tcb = at;
}

/* --- memory ----------------------------------------------------------------------- */

typedef void piece_fn(struct scan *c, uintptr_t start, uintptr_t end);

/* Pages nobody touched would be made by reading: the kernel knows which are there. */
static void each_present(struct scan *c, uintptr_t start, uintptr_t end, piece_fn *fn)
{
	for (uintptr_t at = start & ~(uintptr_t)(PAGE - 1); at < end; at += WINDOW * PAGE) {
		size_t pages = (end - at + PAGE - 1) / PAGE;
		bool told;

		if (pages > WINDOW)
			pages = WINDOW;
		told = c->pagemap >= 0 && sys_pread(c->pagemap, c->page, pages * 8,
			at / PAGE * 8) == (long)(pages * 8);
		for (size_t i = 0; i < pages; i++) {
			uintptr_t from = at + i * PAGE, to = from + PAGE;

			if (!told || c->page[i] & PRESENT)
				fn(c, from < start ? start : from, to > end ? end : to);
		}
	}
}

static void search_all(struct scan *c, uintptr_t start, uintptr_t end,
	enum ouro_region region)
{
	if (start >= end)
		return;
	put(c);
	c->mapping = region;
	c->start = start;
	each_present(c, (start + 7) & ~(uintptr_t)7, end, search);
	put(c);
}

/* All of it but ouro's own. */
static void search_others(struct scan *c, uintptr_t start, uintptr_t end,
	enum ouro_region region)
{
	uintptr_t own, own_end;

	while (start < end && own_next(start, &own, &own_end) && own < end) {
		search_all(c, start, own, region);
		start = own_end;
	}
	search_all(c, start, end, region);
}

static const struct thread_seen *thread_in(const struct scan *c, uintptr_t start,
	uintptr_t end)
{
	for (uint32_t i = 0; i < c->threads->n; i++) {
		const struct thread_seen *x = &c->threads->thread[i];

		if (x->tcb >= start && x->tcb < end)
			return x;
	}
	return NULL;
}

/*
 * The stack of a thread, from its guard page on: what is below its stack
 * pointer is left over, and so is all of it when its thread has ended (the C
 * library keeps such stacks for the next).  `tcb` is the struct pthread at its top.
 */
static uintptr_t stack_in_use(const struct scan *c, const struct range *r, uintptr_t tcb)
{
	uintptr_t sp = snapshot_frames(c->s);
	uintptr_t top = (tcb + TCB_SIZE + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
	const struct thread_seen *x = thread_in(c, tcb, tcb + 2 * TCB_SIZE);

	if (top > r->end)
		top = r->end;
	if (sp >= r->start && sp < top)
		return sp;
	if (x)
		return x->waits && x->sp - RED_ZONE >= r->start && x->sp < top
			? x->sp - RED_ZONE : r->start;
	/* Our own, while it runs on another stack; or who could not be looked at. */
	if (!c->threads->all || c->threads->unplaced || (uintptr_t)__builtin_thread_pointer() == tcb)
		return r->start;
	return top;
}

static void search_mapped(struct scan *c, const struct range *r, bool guarded)
{
	uintptr_t start = r->start;

	if (guarded) {
		c->tcb = 0;
		each_present(c, r->start, r->end, look_for_tcb);
		if (c->tcb)
			start = stack_in_use(c, r, c->tcb);
	}
	search_others(c, start, r->end, OURO_REGION_HEAP);
}

/* The main thread's. */
static void search_stack(struct scan *c, const struct range *r)
{
	uintptr_t sp = snapshot_frames(c->s), start = r->start;

	if (sp >= r->start && sp < r->end)
		start = sp;
	for (uint32_t i = 0; i < c->threads->n; i++) {
		const struct thread_seen *x = &c->threads->thread[i];

		if (x->waits && x->sp - RED_ZONE >= r->start && x->sp < r->end)
			start = x->sp - RED_ZONE;
	}
	search_all(c, start, r->end, OURO_REGION_STACK);
}

static void search_data(struct scan *c, const struct range *r)
{
	struct part arena;

	if (!arena_in_data(r->start, r->end, &arena))
		arena = (struct part){ r->end, r->end };
	search_all(c, r->start, arena.start, OURO_REGION_DATA);
	search_all(c, arena.end, r->end, OURO_REGION_DATA);
}

/* What was made before we recorded, or before a fork, is in no block that is known. */
static void search_brk(struct scan *c, const struct range *r)
{
	uintptr_t early = early_end < r->start ? r->start : early_end;

	if (file->origin == OURO_ORIGIN_FORK || early > r->end)
		early = r->end;
	search_all(c, r->start, early, OURO_REGION_HEAP);
	search_all(c, early, r->end, OURO_REGION_MALLOC);
}

/* Our own variables hold nothing, but for the arena that serves the program's first calls. */
static bool search_own(struct scan *c, const struct range *r)
{
	static int in_data = 1, in_bss;
	uintptr_t own[] = { (uintptr_t)&in_data, (uintptr_t)&in_bss };
	uintptr_t early = (uintptr_t)early_arena;
	bool ours = false;

	for (int i = 0; i < 2; i++)
		ours |= own[i] >= r->start && own[i] < r->end;
	if (ours && early >= r->start && early + EARLY_ARENA <= r->end)
		search_all(c, early, early + EARLY_ARENA, OURO_REGION_DATA);
	return ours;
}

static bool is_searched(const struct scan *c, const struct range *r)
{
	return r->readable && r->writable && r->kind != RANGE_SPECIAL &&
		!snapshot_owns(c->s, r->start, r->end);
}

static void search_range(struct scan *c, const struct range *r, bool guarded)
{
	bool arena;

	switch (r->kind) {
	case RANGE_FILE:
	case RANGE_BSS:
		if (!search_own(c, r))
			search_data(c, r);
		return;
	case RANGE_STACK:
		search_stack(c, r);
		return;
	default:
		break;
	}
	if (r->brk) {
		search_brk(c, r);
		return;
	}
	arena = file->origin != OURO_ORIGIN_FORK && arena_is_heap(r->start, r->end);
	if (arena)
		search_others(c, r->start, r->end, OURO_REGION_MALLOC);
	else
		search_mapped(c, r, guarded);
}

/* Where each of these stands is of no interest: they hold. */
static void put_registers(struct scan *c)
{
	const struct threads *t = c->threads;

	c->region = OURO_REGION_REGISTER;
	/* A coroutine's stack is a block like any other, held by him who runs on it. */
	keep_word(c, (uintptr_t)t->self * 128, snapshot_frames(c->s));
	for (uint32_t i = 0; i < t->n; i++) {
		const struct thread_seen *x = &t->thread[i];
		uintptr_t where = (uintptr_t)x->tid * 128;

		if (!x->waits)
			continue;
		keep_word(c, where, x->sp);
		for (unsigned k = 0; k < THREAD_WORDS; k++)
			keep_word(c, where + 8 + 8 * k, x->word[k]);
	}
	put(c);
}

/* Whose stack and thread-local memory is where. */
static void put_threads(struct scan *c)
{
	const struct threads *t = c->threads;

	snapshot_thread(c->s, t->self, snapshot_frames(c->s), (uintptr_t)__builtin_thread_pointer());
	for (uint32_t i = 0; i < t->n; i++)
		snapshot_thread(c->s, t->thread[i].tid, t->thread[i].waits ? t->thread[i].sp : 0,
			t->thread[i].tcb);
}

/* --- all of it -------------------------------------------------------------------- */

static bool may_have_blocks(const struct range *r)
{
	return r->readable && r->writable && (r->kind == RANGE_ANONYMOUS || r->brk);
}

static int find_targets(struct scan *c)
{
	const struct range *r = c->maps.range;

	c->target = snapshot_memory(c->s, (c->maps.n + 1) * sizeof(*c->target));
	if (!c->target)
		return -ENOMEM;
	for (size_t i = 0; i < c->maps.n; i++)
		if (may_have_blocks(&r[i]) && !snapshot_owns(c->s, r[i].start, r[i].end))
			c->target[c->targets++] = (struct part){ r[i].start, r[i].end };
	if (!c->targets)
		return 0;
	c->low = c->target[0].start;
	c->high = c->target[c->targets - 1].end;
	return 0;
}

static void put_scan(struct scan *c)
{
	uint64_t waiting = 0;

	for (uint32_t i = 0; i < c->threads->n; i++)
		waiting += c->threads->thread[i].waits;
	snapshot_scan(c->s, c->threads->all ? 0 : OURO_SCAN_THREADS, waiting,
		c->threads->n - waiting, c->bytes, c->words);
}

int scan_write(struct snapshot *s)
{
	struct scan *c = snapshot_memory(s, sizeof *c);
	int r;

	if (!c)
		return -ENOMEM;
	c->s = s;
	if (interpreter) {
		c->has = interpreter->has;
		/* Blocks of before a fork are not known. */
		c->pool = file->origin == OURO_ORIGIN_FORK ? NULL : interpreter->pool;
	}
	c->threads = snapshot_threads(s);
	c->page = snapshot_memory(s, WINDOW * sizeof(*c->page));
	if (!c->page)
		return -ENOMEM;
	c->pagemap = sys_open("/proc/self/pagemap", O_RDONLY, 0);
	r = maps_read(&c->maps, s);
	if (!r)
		r = find_targets(c);
	if (r)
		return r;
	put_threads(c);
	put_registers(c);
	for (size_t i = 0; i < c->maps.n; i++) {
		const struct range *x = &c->maps.range[i];

		if (is_searched(c, x))
			search_range(c, x, i && x[-1].end == x->start && !x[-1].readable);
	}
	put_scan(c);
	return 0;
}
