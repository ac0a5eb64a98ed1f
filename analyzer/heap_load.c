#include "heap_load.h"

#include "across.h"
#include "buf.h"
#include "mem.h"
#include "words.h"

#include <ouro/core.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>


int heap_loader_init(struct heap_loader *l, struct heap *h, struct replay *r,
		     struct symbols *symbols, const struct snap *snap)
{
	const struct defs *d = r->defs;
	uint32_t i;

	*l = (struct heap_loader){ .h = h, .r = r, .symbols = symbols, .snap = snap };
	l->string = mem_array(snap ? snap->strings : 0, sizeof(*l->string));
	l->guest = mem_array(d->modules, sizeof(*l->guest));
	if (!l->string || !l->guest || heap_init(h)) {
		heap_loader_fini(l);
		return -ENOMEM;
	}
	h->sampled = r->trace->head.sample_bytes;
	for (i = 1; i < d->modules; i++)
		if (d->module[i].guest) {
			l->guest[l->guests][0] = d->module[i].start;
			l->guest[l->guests++][1] = d->module[i].end;
		}
	return 0;
}

void heap_loader_fini(struct heap_loader *l)
{
	mem_free(l->site);
	mem_free(l->call);
	mem_free(l->frame);
	mem_free(l->path);
	mem_free(l->string);
	mem_free(l->guest);
	*l = (struct heap_loader){0};
}

static text_id string_of(struct heap_loader *l, uint32_t row)
{
	if (!row || row >= l->snap->strings)
		return 0;
	if (!l->string[row]) {
		struct text t = snap_string(l->snap, row);

		l->string[row] = texts_add(&l->h->texts, t.s, t.length);
	}
	return l->string[row];
}

/* ------------------------------------------------------------------------ birth sites */

static struct heap_frame line_frame(struct heap_loader *l, const struct def_location *x)
{
	const struct def_code *c = def_code(l->r->defs, x->line.code);
	struct heap_frame f = { .line = x->line.line, .interpreted = true };

	if (c) {
		f.function = texts_add(&l->h->texts, c->name.s, c->name.length);
		f.file = texts_add(&l->h->texts, c->file.s, c->file.length);
		if (!f.line)		/* an instruction of no line: the function begins */
			f.line = c->line;
	}
	return f;
}

/*
 * The runtime counts as ready just before it imports `site`, by itself: there the
 * outermost frame is the import system's.  In a program it is the program's.
 */
static bool is_startup(struct heap_loader *l, uint32_t code)
{
	const struct def_code *c = def_code(l->r->defs, code);
	struct text f;

	if (!c)
		return false;
	f = c->file;
	return text_is(f, "<frozen site>") ||
		(f.length > 17 && !memcmp(f.s, "<frozen importlib", 17)) ||
		(f.length > 8 && !memcmp(f.s + f.length - 8, "/site.py", 8));
}

static text_id variable_of(struct heap_loader *l, stack_id stack)
{
	stack_id line = stacks_line(&l->r->stacks, stack);
	const struct def_location *x = stack_location(&l->r->stacks, line);
	struct text name;

	if (!line || x->kind != LOCATION_LINE)
		return 0;
	name = def_string(l->r->defs, x->line.name);
	return texts_add(&l->h->texts, name.s, name.length);
}

/* There are `known` by now; the replay may have run on, and met more of them. */
static int room_for(uint32_t **array, uint32_t *n, uint32_t id, uint32_t known)
{
	uint32_t room = *n > known / 2 ? *n * 2 : known, *more;

	if (id < *n)
		return 0;
	assert(id < known);
	more = mem_array(room, sizeof(*more));
	if (!more)
		return -ENOMEM;
	if (*n)
		memcpy(more, *array, *n * sizeof(*more));
	mem_free(*array);
	*array = more;
	*n = room;
	return 0;
}

/* What stands at a location, once; -ENOMEM. */
static int64_t frame_at(struct heap_loader *l, const struct def_location *x, uint32_t location)
{
	const struct defs *d = l->r->defs;
	bool known = location < d->locations;
	struct heap_frame f;
	int64_t frame;

	if (known && room_for(&l->frame, &l->frames, location, d->locations))
		return -ENOMEM;
	if (known && l->frame[location])
		return l->frame[location] - 1;
	if (x->kind == LOCATION_LINE)
		f = line_frame(l, x);
	else
		f = (struct heap_frame){ .location = location };
	frame = heap_add_frame(l->h, &f);
	if (known && frame >= 0)
		l->frame[location] = (uint32_t)frame + 1;
	return frame;
}

/* The call that a stack's innermost frame is; that outside of it is known.  -ENOMEM. */
static int64_t add_call(struct heap_loader *l, stack_id at)
{
	const struct stacks *s = &l->r->stacks;
	const struct def_location *x = stack_location(s, at);
	uint32_t outer = stack_parent(s, at) ? l->call[stack_parent(s, at)] : 0;
	bool line = x->kind == LOCATION_LINE, startup = l->h->call[outer].startup;
	int64_t frame;

	if (!line && (x->kind != LOCATION_NATIVE || x->flags & LOCATION_GUEST))
		return outer;
	frame = frame_at(l, x, s->node[at].location);
	if (frame < 0)
		return frame;
	if (line && !l->h->call[outer].here)
		startup = is_startup(l, x->line.code);
	return heap_add_call(l->h, (uint32_t)frame, outer, startup);
}

/* Calls of a whole stack: from the outermost that is not known yet to its innermost. */
static int64_t calls_of_stack(struct heap_loader *l, stack_id stack)
{
	const struct stacks *s = &l->r->stacks;
	stack_id at;
	uint32_t n = 0;

	if (room_for(&l->call, &l->calls, stack, s->count))
		return -ENOMEM;
	for (at = stack; at && !l->call[at]; at = stack_parent(s, at)) {
		if (mem_room(&l->path, n, &l->path_cap, sizeof(*l->path)))
			return -ENOMEM;
		l->path[n++] = at;
	}
	while (n-- > 0) {
		int64_t call = add_call(l, l->path[n]);

		if (call < 0)
			return call;
		l->call[l->path[n]] = (uint32_t)call;
	}
	return stack ? l->call[stack] : 0;
}

int64_t heap_load_site(struct heap_loader *l, site_id id)
{
	int64_t row, calls;

	if (!id || id >= l->r->sites)
		return 0;
	if (room_for(&l->site, &l->sites, id, l->r->sites))
		return -ENOMEM;
	if (l->site[id])
		return l->site[id];
	calls = calls_of_stack(l, l->r->site[id].stack);
	if (calls < 0)
		return calls;
	row = heap_add_site(l->h, (uint32_t)calls, variable_of(l, l->r->site[id].stack));
	if (row > 0)
		l->site[id] = (uint32_t)row;
	return row;
}

static struct heap_frame native_frame(struct heap *h, const struct frame *s, uint32_t location)
{
	return (struct heap_frame){ .location = location, .inlined = s->inlined,
		.function = texts_add0(&h->texts, s->function), .file = texts_add0(&h->texts, s->file),
		.module = texts_add0(&h->texts, s->module), .line = s->line };
}

/* A frame of machine code that nobody named yet. */
static bool is_bare(const struct heap_frame *f)
{
	return !f->interpreted && !f->function && f->location;
}

/* Functions that were inlined at a place stand before the one that took them in. */
static void take_apart(struct heap *h, struct symbols *symbols, uint32_t site)
{
	struct heap_frame *frame = NULL;
	const struct frame *s;
	uint32_t n = 0, cap = 0, found, c;

	for (c = h->site[site].calls; c; c = h->call[c].outer) {
		const struct heap_frame *old = heap_frame(h, c);

		if (!is_bare(old)) {
			if (mem_room(&frame, n, &cap, sizeof(*frame)))
				break;
			frame[n++] = *old;
			continue;
		}
		s = symbols_frames(symbols, old->location, &found);
		while (found && !mem_room(&frame, n, &cap, sizeof(*frame)))
			frame[n++] = native_frame(h, &s[--found], old->location);
	}
	if (!c)
		heap_set_frames(h, site, frame, n);
	mem_free(frame);
}

void heap_load_symbols(struct heap *h, struct symbols *symbols, uint32_t site)
{
	bool several = false;

	for (uint32_t c = h->site[site].calls; c; c = h->call[c].outer) {
		struct heap_frame *f = heap_frame(h, c);
		const struct frame *s;
		uint32_t found;

		if (!is_bare(f))
			continue;
		s = symbols_frames(symbols, f->location, &found);
		if (found == 1)		/* for all sites that come by */
			*f = native_frame(h, s, f->location);
		else
			several = true;
	}
	if (several)
		take_apart(h, symbols, site);
}

/* --------------------------------------------------------------------------- snapshot */

static int load_types(struct heap_loader *l)
{
	const struct snap *s = l->snap;
	uint32_t i;

	for (i = 1; i < s->types; i++) {
		const struct snap_type *t = &s->type[i];
		int64_t r = heap_add_type(l->h, &(struct heap_type){ .address = t->addr,
			.name = texts_add(&l->h->texts, t->name.s, t->name.length),
			.flags = t->flags });

		if (r < 0)
			return (int)r;
	}
	return 0;
}

enum heap_born heap_load_born(const struct heap_loader *l, uint64_t born, uint32_t site)
{
	bool early;

	if (born < l->r->since)
		return HEAP_BORN_PARENT;
	early = born < l->warm || replay_before_ready(l->r, born) || l->h->site[site].startup;

	return early ? HEAP_BORN_BEFORE : HEAP_BORN_AFTER;
}

/* Where the snapshot's own event is not there any more, the object may be a later one. */
static const struct object *object_of(const struct heap_loader *l, const struct snap_node *n)
{
	const struct object *o = replay_object(l->r, n->addr);
	const struct def_snapshot *moment = l->snap->def;
	bool placed = !moment || l->r->snapshot == moment->id;

	return o && (placed || o->born <= moment->ticks) ? o : NULL;
}

/* When and where it was made. */
static int load_birth(struct heap_loader *l, const struct snap_node *n, struct heap_node *ret)
{
	const struct object *o = object_of(l, n);
	int64_t site = 0;

	if (o) {
		const struct block *b = o->block ? replay_block(l->r, o->block) : NULL;

		site = heap_load_site(l, o->site);
		ret->when = o->born;
		ret->weight = replay_weight(l->r, b);
	}
	if (site < 0)
		return (int)site;
	ret->site = (uint32_t)site;
	if (o)
		ret->born = heap_load_born(l, o->born, ret->site);
	return 0;
}

static int load_nodes(struct heap_loader *l)
{
	const struct snap *s = l->snap;
	uint32_t i;

	for (i = 0; i < s->nodes; i++) {
		const struct snap_node *n = &s->node[i];
		struct heap_node node = {
			.address = n->addr, .bytes = n->size, .count = n->count,
			.type = n->type < s->types ? n->type : 0, .label = string_of(l, n->label),
			.flags = (uint16_t)n->flags, .generation = (uint8_t)n->generation };
		int64_t r = load_birth(l, n, &node);

		if (!r)
			r = heap_add_node(l->h, &node);
		if (r < 0)
			return (int)r;
	}
	return 0;
}

static int load_edges(struct heap_loader *l)
{
	const struct snap *s = l->snap;
	uint32_t i, k;

	for (i = 0; i < s->nodes; i++)
		for (k = s->node[i].edge; k < s->node[i].edge + s->node[i].edges; k++) {
			const struct snap_edge *e = &s->edge[k];
			uint64_t operand = snap_named(e->name) ?
				string_of(l, (uint32_t)e->operand) : e->operand;
			int64_t r = heap_add_edge(l->h, &(struct heap_edge){
				.from = i, .to = e->to, .name = e->name, .flags = e->flags,
				.operand = operand < UINT32_MAX ? (uint32_t)operand : UINT32_MAX });

			if (r < 0)
				return (int)r;
		}
	return 0;
}

static int load_roots(struct heap_loader *l)
{
	const struct snap *s = l->snap;
	uint32_t i;

	for (i = 0; i < s->roots; i++) {
		const struct snap_root *x = &s->root[i];
		int64_t r = heap_add_root(l->h, &(struct heap_root){ .node = x->to,
			.kind = x->kind, .flags = x->flags, .what = string_of(l, x->what),
			.function = string_of(l, x->function), .file = string_of(l, x->file),
			.line = x->line, .thread = x->thread, .number = x->number });

		if (r < 0)
			return (int)r;
	}
	return 0;
}

/* ------------------------------------------------------------- words outside of objects */

static bool in_guest(const struct heap_loader *l, uint64_t where)
{
	uint32_t i;

	for (i = 0; i < l->guests; i++)
		if (where >= l->guest[i][0] && where < l->guest[i][1])
			return true;
	return false;
}

static int word_in_block(struct heap_loader *l, struct heap_word *w, struct buf *what)
{
	const struct block *b = replay_block_around(l->r, w->where);
	const struct heap_frame *place;
	int64_t site;

	if (!b || replay_waits(l->r, b))
		return 0;
	w->plausible = true;
	buf_printf(what, "a block of %llu bytes", (unsigned long long)b->size);
	site = heap_load_site(l, block_site(l->r, b));
	if (site < 0)
		return (int)site;
	place = heap_place(l->h, (uint32_t)site);
	if (place) {
		buf_puts(what, " made in ");
		words_place(what, heap_text(l->h, place->function), heap_text(l->h, place->file),
			    place->line);
	}
	return 0;
}

/*
 * A runtime's pools are anonymous memory, and where the kernel put such next to a
 * loaded file they look like that file's data.  What shares its page with blocks of
 * the pool is pool memory, and what lies in none of them there is free.
 */
#define POOL_PAGE_SHIFT 14		/* CPython 3.10 and later; earlier pools are smaller */

struct pool_pages {
	uint64_t *page;			/* of words in question, ascending     */
	bool *pool;
	uint32_t n;
};

static int by_page(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint32_t find_page(const struct pool_pages *p, uint64_t where)
{
	uint64_t page = where >> POOL_PAGE_SHIFT;
	uint32_t low = 0, high = p->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (p->page[mid] < page)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool in_pool(const struct pool_pages *p, uint64_t where)
{
	uint32_t i = find_page(p, where);

	return i < p->n && p->page[i] == where >> POOL_PAGE_SHIFT && p->pool[i];
}

static int find_pool_pages(const struct heap_loader *l, struct pool_pages *p)
{
	const struct snap *s = l->snap;
	const struct block *b;
	size_t at = 0;
	uint32_t i;

	*p = (struct pool_pages){ .page = mem_array(s->words, sizeof(*p->page)),
		.pool = mem_array(s->words, sizeof(*p->pool)) };
	if (!p->page || !p->pool)
		return -ENOMEM;
	for (i = 0; i < s->words; i++)
		if (s->word[i].region == OURO_REGION_DATA)
			p->page[p->n++] = s->word[i].where >> POOL_PAGE_SHIFT;
	if (!p->n)
		return 0;
	qsort(p->page, p->n, sizeof(*p->page), by_page);
	while ((b = replay_each_block(l->r, &at))) {
		if (!b->pool)
			continue;
		for (i = find_page(p, b->addr); i < p->n &&
		     p->page[i] == b->addr >> POOL_PAGE_SHIFT && !p->pool[i]; i++)
			p->pool[i] = true;
	}
	return 0;
}

#define STACK_MOST (64u << 20)

/* Of another thread than the one that asked: in use is what is above its stack pointer. */
static const struct snap_thread *stack_around(const struct snap *s, uint64_t where)
{
	for (uint32_t i = 0; i < s->threads; i++) {
		const struct snap_thread *t = &s->thread[i];
		uint64_t low = t->sp - OURO_RED_ZONE;

		/* The first thread's struct pthread is not above its stack, the others' are. */
		if (t->sp && where >= low && where - low < STACK_MOST && (t->tcb < t->sp || where < t->tcb))
			return t;
	}
	return NULL;
}

/*
 * Does the word stand in memory that somebody uses?  Freed memory is full of
 * addresses that mean nothing, and so is the part of a stack that a finished
 * program's last calls left behind.
 */
static int judge_word(struct heap_loader *l, const struct pool_pages *pools, struct heap_word *w)
{
	const struct snap_thread *thread;
	struct buf what = {0};
	const char *data;
	int r;

	if (in_guest(l, w->where))
		return 0;
	if (w->region == OURO_REGION_STACK) {
		w->plausible = l->h->reason != OURO_SNAPSHOT_EXIT;
		w->what = texts_add0(&l->h->texts, "a native stack");
		return 0;
	}
	r = word_in_block(l, w, &what);
	thread = r || w->plausible ? NULL : stack_around(l->snap, w->where);
	if (thread) {
		w->plausible = true;
		buf_printf(&what, "the stack of thread %u", thread->tid);
	}
	if (!r && !w->plausible && w->region == OURO_REGION_DATA) {
		data = symbols_data(l->symbols, w->where);
		buf_puts(&what, data ? data : "data of a loaded file");
		w->plausible = data || !in_pool(pools, w->where);
	}
	w->what = texts_add0(&l->h->texts, buf_text(&what));
	buf_fini(&what);
	return r;
}

static int load_words(struct heap_loader *l)
{
	const struct snap *s = l->snap;
	struct pool_pages pools;
	uint32_t i;
	int r = find_pool_pages(l, &pools);

	for (i = 0; i < s->words && !r; i++) {
		struct heap_word w = { .node = s->word[i].to, .where = s->word[i].where,
			.region = s->word[i].region };

		r = judge_word(l, &pools, &w);
		if (!r && heap_add_word(l->h, &w) < 0)
			r = -ENOMEM;
	}
	mem_free(pools.page);
	mem_free(pools.pool);
	return r;
}

int heap_load(struct heap_loader *l)
{
	int r;

	l->h->complete = l->snap->complete;
	l->h->reason = l->snap->def ? l->snap->def->reason : 0;
	r = load_types(l);
	if (!r)
		r = load_nodes(l);
	if (!r)
		r = load_edges(l);
	if (!r)
		r = load_roots(l);
	if (!r)
		r = load_words(l);
	if (!r && l->blocks)
		r = across_load(l, l->blocks);
	return r ? r : heap_build(l->h);
}
