#include "find_lost.h"

#include "buf.h"
#include "cycles.h"
#include "find_balance.h"
#include "mem.h"
#include "place.h"
#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_BLOCK "memory block"
#define MEMBERS_MAX	200
#define CYCLE_TOLD	4		/* members whose edges are told              */

/*
 * A thread that waits in a system call has six registers that are preserved
 * across it and nowhere in memory; one that runs may use all.
 */
#define REGISTERS_WAITING 6
#define REGISTERS_RUNNING 15

/* A group that no other lost one holds, by what it is folded by. */
struct top {
	site_id site;			/* of its direct block                       */
	uint32_t group;
	node_id direct;
	bool cyclic;
};

struct finder {
	struct findings *findings;
	struct lost *lost;
	const struct blocks *b;
	struct heap_loader *l;
	struct groups groups;
	struct top *top;
	uint32_t n;
};

/* The oldest of a circle stands for it. */
static node_id direct_of(const struct finder *f, const struct group *g)
{
	node_id v = f->groups.member[g->first];

	for (uint32_t i = 1; i < g->ncycle; i++) {
		node_id u = f->groups.member[g->first + i];

		if (f->b->row[u].born < f->b->row[v].born)
			v = u;
	}
	return v;
}

static int by_site(const void *a, const void *b)
{
	const struct top *x = a, *y = b;

	if (x->site != y->site)
		return x->site < y->site ? -1 : 1;
	if (x->cyclic != y->cyclic)
		return x->cyclic < y->cyclic ? -1 : 1;
	return x->group < y->group ? -1 : x->group > y->group;
}

static int collect(struct finder *f)
{
	f->top = mem_array(f->groups.n, sizeof(*f->top));
	if (!f->top)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->groups.n; i++) {
		const struct group *g = &f->groups.group[i];
		node_id v = direct_of(f, g);

		if (g->parent != GROUP_NONE || f->b->row[v].born < f->l->warm ||
		    f->b->row[v].born < f->l->r->since)
			continue;
		f->top[f->n++] = (struct top){ f->b->row[v].site, i, v,
			/* One that holds itself: a short string, an empty list. */
			g->cyclic && g->ncycle > 1 };
		f->lost->direct++;
		f->lost->direct_bytes += f->b->row[v].size;
	}
	if (f->n)
		qsort(f->top, f->n, sizeof(*f->top), by_site);
	return 0;
}

/* --- where ------------------------------------------------------------------------- */

/* The place that tells a reader most: the innermost of what he may have written. */
static struct finding_site place_of(struct finder *f, site_id id, uint32_t *ret_site)
{
	struct heap *h = f->l->h;
	int64_t site = heap_load_site(f->l, id);
	const struct heap_frame *at = NULL;

	*ret_site = site > 0 ? (uint32_t)site : 0;
	if (!*ret_site)
		return (struct finding_site){ "", "", "", 0, 0 };
	heap_load_symbols(h, f->l->symbols, *ret_site);
	for (uint32_t c = h->site[*ret_site].calls; c && !at; c = h->call[c].outer) {
		const struct heap_frame *x = heap_frame(h, c);

		if (x->interpreted || !place_serves(heap_text(h, x->function), heap_text(h, x->module)))
			at = x;
	}
	if (!at && h->site[*ret_site].calls)
		at = heap_frame(h, h->site[*ret_site].calls);
	if (!at)
		return (struct finding_site){ "", "", "", 0, 0 };
	return (struct finding_site){ heap_text(h, at->function),
		heap_text(h, at->file ? at->file : at->module), "", at->line, 0 };
}

/* The place of the direct ones; where what they hold was made stands with the members. */
static int take_sites(struct finder *f, struct finding *x, const struct top *run, uint32_t n)
{
	uint32_t site;

	x->site = mem_array(1, sizeof(*x->site));
	if (!x->site)
		return -ENOMEM;
	x->site[0] = place_of(f, run[0].site, &site);
	x->site[0].objects = n;
	x->nsites = 1;
	x->stack = site;
	return 0;
}

/* --- who --------------------------------------------------------------------------- */

/* Of counted objects whose references are not told (GSource) that much is known. */
static const char *type_of(struct finder *f, node_id v)
{
	const struct book *book = blocks_book(f->b, v);
	const struct def_type *t = book ? def_type(f->l->r->defs, book->type) : NULL;
	text_id name = t ? texts_add(&f->l->h->texts, t->name.s, t->name.length) : 0;

	return name ? heap_text(f->l->h, name) : MEMORY_BLOCK;
}

static int take_members(struct finder *f, struct finding *x, const struct top *shown)
{
	const struct group *g = &f->groups.group[shown->group];
	uint32_t all = g->ncycle + g->ntail, n = all < MEMBERS_MAX ? all : MEMBERS_MAX;

	x->members_all = all;
	x->member = mem_array(n, sizeof(*x->member));
	if (!x->member)
		return -ENOMEM;
	for (; x->nmembers < n; x->nmembers++) {
		node_id v = f->groups.member[g->first + x->nmembers];
		int64_t site = heap_load_site(f->l, f->b->row[v].site);
		struct buf label = { 0 };

		if (site < 0)
			return (int)site;
		buf_printf(&label, "0x%llx", (unsigned long long)f->b->row[v].addr);
		x->member[x->nmembers] = (struct finding_member){ .node = v,
			.label = buf_take(&label), .type = type_of(f, v),
			.address = f->b->row[v].addr, .bytes = f->b->row[v].size,
			.holders = f->b->graph.nin[v], .site = (uint32_t)site };
		if (!x->member[x->nmembers].label)
			return -ENOMEM;
	}
	return 0;
}

static uint32_t member_of(const struct finding *x, node_id v)
{
	uint32_t i = 0;

	while (i < x->nmembers && x->member[i].node != v)
		i++;
	return i;
}

static int add_edge(struct finding *x, uint32_t *cap, uint32_t from, uint32_t to, uint32_t offset)
{
	struct buf name = { 0 };

	if (mem_room(&x->edge, x->nedges, cap, sizeof(*x->edge)))
		return -ENOMEM;
	buf_printf(&name, "+%u", offset);
	x->edge[x->nedges] = (struct finding_edge){ from, to, buf_take(&name), true };
	return x->edge[x->nedges++].name ? 0 : -ENOMEM;
}

static int take_edges(struct finder *f, struct finding *x)
{
	const struct graph *g = &f->b->graph;
	uint32_t cap = 0;

	for (uint32_t i = 0; i < x->nmembers; i++)
		for (edge_id e = g->out[x->member[i].node]; e < g->out[x->member[i].node + 1]; e++) {
			uint32_t to = member_of(x, g->to[e]);

			if (to < x->nmembers && x->nedges < MEMBERS_MAX &&
			    add_edge(x, &cap, i, to, g->name[e] & BLOCKS_OFFSET))
				return -ENOMEM;
		}
	return 0;
}

/* --- words ------------------------------------------------------------------------- */

static void put_blocks(struct buf *b, const char *lost, uint64_t n)
{
	buf_number(b, n);
	buf_printf(b, " %s%s", lost, n == 1 ? "block" : "blocks");
}

static int take_headline(struct finding *x, const struct top *run, uint32_t cycle)
{
	struct buf b = { 0 };

	if (run->cyclic && x->count == 1) {
		buf_puts(&b, "lost cycle of ");
		put_blocks(&b, "", cycle);
	} else if (run->cyclic) {
		buf_number(&b, x->count);
		buf_puts(&b, " lost cycles of blocks");
	} else {
		put_blocks(&b, "lost ", x->count);
	}
	if (x->nmembers && strcmp(x->member[0].type, MEMORY_BLOCK))
		buf_printf(&b, " (%s)", x->member[0].type);
	if (*x->site[0].function) {
		buf_puts(&b, " made in ");
		words_place(&b, x->site[0].function, x->site[0].file, x->site[0].line);
	}
	x->headline = buf_take(&b);
	return x->headline ? 0 : -ENOMEM;
}

/* "0x10 +8 -> 0x30 +0 -> 0x10", as far as a reader follows. */
static void put_circle(struct buf *b, const struct finding *x, uint32_t cycle)
{
	if (cycle > CYCLE_TOLD)
		return;
	for (uint32_t i = 0; i < x->nedges; i++) {
		const struct finding_edge *e = &x->edge[i];

		if (e->from < cycle && e->to < cycle)
			buf_printf(b, "; %s%s holds %s", x->member[e->from].label, e->name,
				x->member[e->to].label);
	}
}

static int take_story(struct finder *f, struct finding *x, const struct top *run, uint32_t cycle)
{
	struct buf b = { 0 };
	bool one = x->count == 1 && !run->cyclic;

	buf_puts(&b, one ? "nothing has its address any more" :
		 run->cyclic ? "they hold each other, and nothing else has their addresses" :
		 "nothing has their addresses any more");
	if (run->cyclic && x->count == 1)
		put_circle(&b, x, cycle);
	if (x->severity == FINDING_WARNING && f->lost->unseen)
		buf_printf(&b, "; unless a register of another thread has (up to %llu might)",
			(unsigned long long)f->lost->unseen);
	else if (x->severity == FINDING_WARNING && f->lost->doubtful)
		buf_puts(&b, "; what is not known (see above) might");
	else if (x->severity == FINDING_WARNING)
		buf_puts(&b, "; unless the library that made it keeps addresses in a form of its own");
	x->story = buf_take(&b);
	return x->story ? 0 : -ENOMEM;
}

static int take_advice(struct finding *x, bool cyclic)
{
	struct buf b = { 0 };

	if (cyclic)
		buf_puts(&b, "Break the circle before its last holder lets go, or free it whole.");
	else if (x->tail_objects)
		buf_puts(&b, "Free it, and first what it holds, before the last pointer to it goes.");
	else
		buf_puts(&b, "Free it before the last pointer to it goes.");
	x->advice = buf_take(&b);
	return x->advice ? 0 : -ENOMEM;
}

/* --- all of it --------------------------------------------------------------------- */

/* The loader's own affairs: it keeps addresses where nobody looks. */
static bool is_loaders(const struct finder *f, uint32_t site)
{
	const struct heap *h = f->l->h;
	const char *module;

	if (!h->site[site].calls)
		return false;
	module = heap_text(h, heap_frame(h, h->site[site].calls)->module);
	return !strncmp(words_file(module), "ld-linux", 8);
}

/*
 * Made deep inside of a library of the system: that may keep addresses in a form of its own, as
 * fontconfig does, less a base.  Nearer to the program's call it is what the call returned.
 */
#define LIBRARY_DEPTH 3

static bool is_library_inside(const struct finder *f, site_id site)
{
	struct refs *refs = f->l->r->refs;
	struct caller path[CALLERS_DEPTH];
	uint32_t n = refs && site && site < f->l->r->sites ?
		callers_path(&refs->callers, f->l->r->site[site].stack, path) : 0;
	uint32_t depth = 0;

	while (depth < n && !path[n - 1 - depth].program)
		depth++;
	return depth > LIBRARY_DEPTH + 1;
}

static enum finding_severity severity_of(const struct finder *f, const struct finding *x,
	site_id site)
{
	if (is_loaders(f, x->stack))
		return FINDING_INFO;
	if (f->lost->doubtful || x->count <= f->lost->unseen || is_library_inside(f, site))
		return FINDING_WARNING;
	return FINDING_ERROR;
}

static void add_up(const struct finder *f, struct finding *x, const struct top *run, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct group *g = &f->groups.group[run[i].group];

		x->count++;
		x->objects += g->retained;
		x->bytes += g->retained_bytes;
		x->tail_objects += g->retained - 1;
		x->tail_bytes += g->retained_bytes - f->b->row[run[i].direct].size;
	}
	x->retained_objects = x->objects;
	x->retained_bytes = x->bytes;
}

static int tell(struct finder *f, const struct top *run, uint32_t n)
{
	struct finding *x = findings_add(f->findings);
	const struct top *shown = run;
	uint32_t cycle;
	int r;

	if (!x)
		return -ENOMEM;
	for (uint32_t i = 1; i < n; i++)
		if (f->groups.group[run[i].group].retained <
		    f->groups.group[shown->group].retained)
			shown = &run[i];
	cycle = f->groups.group[shown->group].ncycle;
	x->kind = FINDING_LOST;
	x->cyclic = run->cyclic;
	add_up(f, x, run, n);
	r = take_sites(f, x, run, n);
	if (r)
		return r;
	x->severity = severity_of(f, x, run->site);
	r = take_members(f, x, shown);
	if (!r)
		r = take_edges(f, x);
	if (!r)
		r = take_headline(x, run, cycle);
	if (!r)
		r = take_story(f, x, run, cycle);
	return r ? r : take_advice(x, run->cyclic);
}

static int tell_all(struct finder *f, bool each)
{
	uint32_t i, k;
	int r = 0;

	for (i = 0; i < f->n && !r; i = k) {
		for (k = i + 1; k < f->n && !each && f->top[k].site == f->top[i].site &&
		     f->top[k].cyclic == f->top[i].cyclic; k++)
			;
		r = tell(f, &f->top[i], k - i);
	}
	return r;
}

/* A core file has the memory of the moment at which the trace ends. */
static bool cut_off(const struct snap *s, const struct trace *t)
{
	return t->truncated && !(s->core && t->killed && !t->damages);
}

static void judge(struct finder *f, const struct snap *s, const struct trace *t)
{
	f->lost->unseen = s->scan.waiting * REGISTERS_WAITING +
		s->scan.running * REGISTERS_RUNNING;
	/* A block whose making is not in the trace holds nothing that we see. */
	f->lost->doubtful = s->scan.flags || t->lost || cut_off(s, t) || t->head.sample_bytes ||
		!s->complete || f->l->r->snapshot != s->number;
}

static void tell_row(struct blocks *b, node_id v)
{
	const struct book *book = blocks_book(b, v);

	blocks_counted(b, v)->told = book ? book->addr : 0;
}

/* Takes what was told of objects out of the dead. */
static int tell_objects(struct finder *f, struct blocks *b, struct dead *dead, bool each)
{
	struct stays stays;
	int r = stays_find(&stays, b, f->l->r->refs, dead);

	if (!r)
		r = find_unbalanced(f->findings, &stays, f->l, f->lost->doubtful,
			f->lost->unseen, each);
	for (uint32_t i = 0; i < stays.n && !r; i++)
		f->lost->direct += stays.stay[i].why != STAYS_KEPT;
	for (uint32_t i = 0; i < stays.n && !r; i++)
		for (uint32_t k = 0; k < stays.stay[i].cycle; k++)
			tell_row(b, stays.member[stays.stay[i].first + k]);
	for (uint32_t i = 0; i < stays.nmember && !r; i++) {
		bits_del(&dead->dead, stays.member[i]);
		bits_del(&dead->found, stays.member[i]);
		bits_del(&dead->freed, stays.member[i]);
		dead->nodes--;
	}
	for (uint32_t i = 0; i < stays.n && !r; i++)
		if (stays.stay[i].why != STAYS_KEPT)
			f->lost->direct_bytes += b->row[stays.stay[i].node].size;
	stays_fini(&stays);
	return r;
}

int find_lost(struct findings *s, struct lost *ret, struct blocks *b,
	struct heap_loader *l, bool each)
{
	struct finder f = { .findings = s, .lost = ret, .b = b, .l = l };
	uint64_t nodes, bytes;
	struct dead dead;
	int r;

	*ret = (struct lost){ 0 };
	judge(&f, l->snap, l->r->trace);
	r = dead_find(&b->graph, &dead);
	if (r)
		return r;
	ret->reached = b->n - b->objects - dead.nodes;
	ret->reached_bytes = b->bytes - b->object_bytes - dead.bytes;
	nodes = dead.nodes;
	bytes = dead.bytes;
	if (b->counted)
		r = tell_objects(&f, b, &dead, each);
	if (!r)
		r = groups_find(&b->graph, &dead, &f.groups);
	if (!r) {
		r = collect(&f);
		ret->indirect = nodes - ret->direct;
		ret->indirect_bytes = bytes - ret->direct_bytes;
		if (!r)
			r = tell_all(&f, each);
		mem_free(f.top);
		groups_fini(&f.groups);
	}
	dead_fini(&dead);
	return r;
}
