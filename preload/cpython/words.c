#include "words.h"

#include "layout.h"
#include "roots.h"

#include <sys/syscall.h>
#include <unistd.h>

#define FILTER_BITS	16
#define SCAN_MAX	(64ull << 30)	/* bytes; more is left out, and said */
#define STATIC_COUNT	900000000	/* objects that were never counted, up to 3.11 */
#define SEEN_MAX	2000		/* words for one object: a small int is everywhere */
#define PAGE		4096u
#define WINDOW		(4u << 20)	/* bytes the kernel is asked about at once */

/* The objects looked for, and what was found: at most WORDS_PER_OBJECT for each. */
struct target {
	uintptr_t address;
	uint32_t seen, found;		/* in all; and outside of objects */
};

struct hit {
	uintptr_t where, held;
	enum ouro_region region;
	bool known;			/* part of an object */
};

struct scan {
	struct walk *w;
	struct target *target;
	size_t mask, n;
	uintptr_t low, high;
	uint64_t *filter;		/* by address: most words are sorted out here */
	struct hit *hit;
	size_t nhit;
};

/* Where a variable of ours stands, our own data does. */
static int in_data = 1, in_bss;

static unsigned filter_bit(uintptr_t address)
{
	return (unsigned)((address >> 3) * 0x9e3779b97f4a7c15u >> (64 - FILTER_BITS));
}

static struct target *target_at(struct scan *s, uintptr_t address)
{
	size_t i = ((address >> 3) * 0x9e3779b97f4a7c15u >> 20) & s->mask;

	while (s->target[i].address && s->target[i].address != address)
		i = (i + 1) & s->mask;
	return &s->target[i];
}

static bool unexplained(const struct walk *w, const struct heap_node *n)
{
	const struct range *r;

	if (!n->queued || n->open <= 0 || n->open >= STATIC_COUNT)
		return false;
	/* None, the types of C: part of a file, held by code everywhere, never leaked */
	r = maps_find(&w->maps, n->address, 16);
	return r && r->kind != RANGE_FILE && r->kind != RANGE_BSS;
}

static bool choose_targets(struct scan *s)
{
	const struct nodes *nodes = &s->w->nodes;
	size_t n = 0, size = 64;

	for (size_t i = 0; i <= nodes->mask; i++)
		n += unexplained(s->w, &nodes->at[i]);
	while (size < n * 2)
		size *= 2;
	s->target = snapshot_memory(s->w->s, size * sizeof *s->target);
	s->filter = snapshot_memory(s->w->s, (1u << FILTER_BITS) / 8);
	s->hit = snapshot_memory(s->w->s, WORDS_ALL * sizeof *s->hit);
	if (!n || !s->target || !s->filter || !s->hit)
		return false;
	s->mask = size - 1;
	s->low = UINTPTR_MAX;
	for (size_t i = 0; i <= nodes->mask; i++) {
		uintptr_t address = nodes->at[i].address;

		if (!unexplained(s->w, &nodes->at[i]))
			continue;
		target_at(s, address)->address = address;
		s->filter[filter_bit(address) / 64] |= 1ull << filter_bit(address) % 64;
		s->low = address < s->low ? address : s->low;
		s->high = address > s->high ? address : s->high;
		s->n++;
	}
	return true;
}

static void scan_words(struct scan *s, uintptr_t start, uintptr_t end, enum ouro_region region)
{
	for (const uintptr_t *p = (const uintptr_t *)start; (uintptr_t)(p + 1) <= end; p++) {
		struct target *t;

		if (*p < s->low || *p > s->high || *p % 8)
			continue;
		if (!(s->filter[filter_bit(*p) / 64] >> filter_bit(*p) % 64 & 1))
			continue;
		t = target_at(s, *p);
		if (!t->address || t->seen == SEEN_MAX || s->nhit == WORDS_ALL ||
		    roots_tell((uintptr_t)p))
			continue;
		t->seen++;
		s->hit[s->nhit++] = (struct hit){ (uintptr_t)p, *p, region, false };
	}
}

/* Our own data: what stands there is no holder. */
static bool ours(const struct range *r)
{
	uintptr_t own[] = { (uintptr_t)&in_data, (uintptr_t)&in_bss };

	for (int i = 0; i < 2; i++)
		if (own[i] >= r->start && own[i] < r->end)
			return true;
	return false;
}

/* Pages nobody touched would be read as zeroes, and made: the kernel knows which are there. */
static void scan_present(struct scan *s, uintptr_t start, uintptr_t end, enum ouro_region region)
{
	unsigned char present[WINDOW / PAGE];

	for (uintptr_t at = start & ~(uintptr_t)(PAGE - 1); at < end; at += WINDOW) {
		uintptr_t stop = end - at < WINDOW ? end : at + WINDOW;
		bool told = syscall(SYS_mincore, at, stop - at, present) == 0;

		for (uintptr_t page = at; page < stop; page += PAGE) {
			uintptr_t from = page < start ? start : page;
			uintptr_t to = stop - page < PAGE ? stop : page + PAGE;

			if (!told || present[(page - at) / PAGE] & 1)
				scan_words(s, from, to, region);
		}
	}
}

static void scan_memory(struct scan *s)
{
	uintptr_t sp = snapshot_stack(s->w->s);
	uint64_t left = SCAN_MAX;

	for (size_t i = 0; i < s->w->maps.n; i++) {
		const struct range *r = &s->w->maps.range[i];
		enum ouro_region region = OURO_REGION_HEAP;
		uintptr_t start = r->start;

		if (!r->readable || !r->writable || r->kind == RANGE_SPECIAL || ours(r) ||
		    snapshot_owns(s->w->s, r->start, r->end))
			continue;
		if (r->kind == RANGE_FILE || r->kind == RANGE_BSS)
			region = OURO_REGION_DATA;
		if (sp >= r->start && sp < r->end) {
			region = OURO_REGION_STACK;
			start = sp & ~(uintptr_t)7;
		}
		if (r->end - start > left) {
			snapshot_note(s->w->s, "not all memory was searched for unexplained holders");
			return;
		}
		left -= r->end - start;
		scan_present(s, start, r->end, region);
	}
}

/* --- leave out what the objects themselves fill -------------------------------------- */

/* First hit at or behind `where`; hits were found by address. */
static size_t first_hit(const struct scan *s, uintptr_t where)
{
	size_t lo = 0, hi = s->nhit;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (s->hit[mid].where < where)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Most extents have no hit in their pages: a bit per page says so at once. */
static void mark_known(struct scan *s)
{
	const struct extents *e = &s->w->extents;

	memset(s->filter, 0, (1u << FILTER_BITS) / 8);
	for (size_t i = 0; i < s->nhit; i++) {
		unsigned bit = filter_bit(s->hit[i].where >> 12 << 3);

		s->filter[bit / 64] |= 1ull << bit % 64;
	}
	for (size_t i = 0; i < e->n; i++) {
		uintptr_t start = e->at[i].start, end = e->at[i].end;
		bool near = end - start > 4096;

		for (uintptr_t page = start >> 12; !near && page <= (end - 1) >> 12; page++) {
			unsigned bit = filter_bit(page << 3);

			near = s->filter[bit / 64] >> bit % 64 & 1;
		}
		if (!near)
			continue;
		for (size_t h = first_hit(s, start); h < s->nhit && s->hit[h].where < end; h++)
			s->hit[h].known = true;
	}
}

void words_write(struct walk *w)
{
	struct scan s = { .w = w };

	if (!choose_targets(&s))
		return;
	scan_memory(&s);
	mark_known(&s);
	for (size_t i = 0; i < s.nhit; i++) {
		const struct hit *h = &s.hit[i];

		if (!h->known && target_at(&s, h->held)->found++ < WORDS_PER_OBJECT)
			snapshot_word(w->s, h->held, h->region, h->where);
	}
	if (s.nhit == WORDS_ALL)
		snapshot_note(w->s, "holders of unexplained objects were too many to list");
}
