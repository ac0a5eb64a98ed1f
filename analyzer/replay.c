/*
 * replay.c - apply events to the living, one after another
 */
#include "replay.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RECENT   4			/* blocks of a stream in which a birth is looked for */
#define PENDING  4			/* reallocs of a stream that have not come back */
#define LATE     8
#define SIZE_MAX_SANE ((uint64_t)1 << 47)	/* no block is larger than the address space */

/* A block between RELEASE and PLACE: in no table, its objects in no index. */
struct pending {
	struct block block;		/* addr as it was                            */
	bool known;
};

struct stream_state {
	uint64_t recent[RECENT];	/* blocks made last, the newest first        */
	uint64_t newest;		/* the last one, if nothing was made since   */
	struct pending pending[PENDING];
	uint32_t pendings;
	stack_id native, interp;	/* the last stack ...                        */
	site_id site;			/* ... and its site                          */
	bool cached;
};

/*
 * A block was made where one is alive, at the tick at which another thread
 * may have freed that one: its FREE then comes after the ALLOC it made room for.
 */
struct late {
	uint64_t addr, ticks;
	uint32_t stream;		/* of the ALLOC                              */
};

struct replay_private {
	struct stream_state *stream;
	uint32_t pendings;		/* of all streams                            */
	site_id *site_of;		/* by merged stack; 0: none yet              */
	uint32_t site_of_room;
	struct late late[LATE];
	uint32_t late_next;
	uint64_t epoch;			/* how often there was a new peak            */
	const struct event *held;	/* fetched, not yet applied                  */
	struct block **sorted;		/* by address, when somebody asked           */
	size_t sorts;
};

int replay_init(struct replay *r, struct trace *t, const struct defs *d)
{
	struct replay_private *p;

	*r = (struct replay){ .trace = t, .defs = d, .sites = 1, .sites_room = 256 };
	r->site = calloc(r->sites_room, sizeof(*r->site));
	p = r->private = calloc(1, sizeof(*p));
	if (p) {
		p->site_of_room = 256;
		p->site_of = calloc(p->site_of_room, sizeof(*p->site_of));
		p->stream = calloc(t->events + 1, sizeof(*p->stream));
	}
	if (!r->site || !p || !p->site_of || !p->stream || live_init(&r->live) ||
	    stacks_init(&r->stacks, d)) {
		replay_fini(r);
		return -ENOMEM;
	}
	/* Real stacks share far more than this; a hostile file must not multiply them for ever. */
	if (t->size < r->stacks.limit - (1u << 20))
		r->stacks.limit = (1u << 20) + (uint32_t)t->size;
	if (merge_init(&r->merge, t, &r->stacks)) {
		replay_fini(r);
		return -ENOMEM;
	}
	r->total.lost = t->lost;
	return 0;
}

static void forget_order(struct replay *r)
{
	free(r->private->sorted);
	r->private->sorted = NULL;
}

void replay_fini(struct replay *r)
{
	if (r->private) {
		forget_order(r);
		free(r->private->site_of);
		free(r->private->stream);
	}
	free(r->private);
	free(r->site);
	merge_fini(&r->merge);
	stacks_fini(&r->stacks);
	live_fini(&r->live);
	*r = (struct replay){ 0 };
}

/* --- sites ------------------------------------------------------------------------- */

static int new_site(struct replay *r, stack_id stack, site_id *ret)
{
	struct replay_private *p = r->private;

	if (stack >= p->site_of_room) {
		uint32_t room = r->stacks.room;
		site_id *q = realloc(p->site_of, room * sizeof(*q));

		if (!q)
			return -ENOMEM;
		memset(q + p->site_of_room, 0, (room - p->site_of_room) * sizeof(*q));
		p->site_of = q;
		p->site_of_room = room;
	}
	if (p->site_of[stack]) {
		*ret = p->site_of[stack];
		return 0;
	}
	if (r->sites == r->sites_room) {
		struct site *q = realloc(r->site, (size_t)r->sites_room * 2 * sizeof(*q));

		if (!q)
			return -ENOMEM;
		r->site = q;
		r->sites_room *= 2;
	}
	r->site[r->sites] = (struct site){ .stack = stack };
	*ret = p->site_of[stack] = r->sites++;
	return 0;
}

static int find_site(struct replay *r, const struct event *e, site_id *ret)
{
	struct replay_private *p = r->private;
	struct stream_state *s = &p->stream[e->stream];
	stack_id merged;
	int result;

	*ret = 0;
	if (e->form == OURO_STACK_NONE)
		return 0;
	if (s->cached && s->native == e->native && s->interp == e->interp) {
		*ret = s->site;
		return 0;
	}
	errno = 0;
	merged = stacks_merge(&r->stacks, e->native, e->interp);
	if (!merged)
		return errno == ENOMEM ? -ENOMEM : 0;
	if (merged < p->site_of_room && p->site_of[merged]) {
		*ret = p->site_of[merged];
	} else {
		result = new_site(r, merged, ret);
		if (result)
			return result;
	}
	s->native = e->native;
	s->interp = e->interp;
	s->site = *ret;
	s->cached = true;
	return 0;
}

/* What a site had at the peak is kept when it changes for the first time after it. */
static struct site *touch(struct replay *r, site_id id)
{
	struct site *s = &r->site[id];

	if (s->epoch != r->private->epoch) {
		s->epoch = r->private->epoch;
		s->at_peak = s->live;
		s->at_peak_bytes = s->live_bytes;
	}
	return s;
}

static void settle_peak(struct replay *r)
{
	for (site_id i = 0; i < r->sites; i++)
		touch(r, i);
}

/* --- blocks ------------------------------------------------------------------------ */

static void count_in(struct replay *r, const struct block *b, uint64_t ticks)
{
	struct replay_total *t = &r->total;
	struct site *s = touch(r, b->site);

	s->live++;
	s->live_bytes += b->size;
	if (s->live_bytes > s->peak_bytes)
		s->peak_bytes = s->live_bytes;
	t->live++;
	t->live_bytes += b->size;
	if (t->live_bytes > t->peak_bytes) {
		t->peak_bytes = t->live_bytes;
		t->peak_live = t->live;
		t->peak_ticks = ticks;
		r->private->epoch++;
	}
}

static void count_out(struct replay *r, const struct block *b)
{
	struct site *s = touch(r, b->site);

	s->live--;
	s->live_bytes -= b->size;
	r->total.live--;
	r->total.live_bytes -= b->size;
}

static void object_dies(struct replay *r, struct object *o)
{
	if (!o->alive)
		return;
	o->alive = false;
	r->site[o->site].live_objects--;
	r->total.live_objects--;
	r->total.deaths++;
}

static void objects_die(struct replay *r, uint32_t row)
{
	while (row) {
		uint32_t next = r->live.object[row].next;

		object_dies(r, &r->live.object[row]);
		live_remove_object(&r->live, row);
		row = next;
	}
}

static void block_dies(struct replay *r, struct block *b)
{
	count_out(r, b);
	objects_die(r, b->object);
	live_remove_block(&r->live, b);
}

static void remember_late(struct replay *r, const struct event *e)
{
	struct replay_private *p = r->private;

	p->late[p->late_next++ % LATE] = (struct late){ e->addr, e->ticks, e->stream };
}

static bool was_late(struct replay *r, const struct event *e)
{
	for (int i = 0; i < LATE; i++) {
		struct late *l = &r->private->late[i];

		if (l->addr != e->addr || l->ticks != e->ticks || l->stream == e->stream)
			continue;
		l->addr = 0;
		r->total.double_blocks--;
		return true;
	}
	return false;
}

static void remember_recent(struct replay *r, const struct event *e)
{
	struct stream_state *s = &r->private->stream[e->stream];

	for (int i = RECENT - 1; i > 0; i--)
		s->recent[i] = s->recent[i - 1];
	s->recent[0] = s->newest = e->addr;
}

static bool is_pool(unsigned kind)
{
	return kind >= OURO_POOL_ALLOC && kind <= OURO_POOL_BIRTH;
}

static uint64_t sane_size(uint64_t size)
{
	return size < SIZE_MAX_SANE ? size : SIZE_MAX_SANE;
}

/* A place for a block; what stood there must have been freed unseen. */
static struct block *clear_place(struct replay *r, uint64_t addr, const struct event *e)
{
	struct block *old = live_block(&r->live, addr);

	if (old) {
		r->total.double_blocks++;
		remember_late(r, e);
		block_dies(r, old);
	}
	return live_add_block(&r->live, addr);
}

static int alloc(struct replay *r, const struct event *e)
{
	struct block *b;
	site_id site;
	int result;

	if (!e->addr)
		return 0;
	result = find_site(r, e, &site);
	if (result)
		return result;
	b = clear_place(r, e->addr, e);
	if (!b)
		return -ENOMEM;
	b->size = sane_size(e->arg);
	b->born = e->ticks;
	b->site = site;
	b->pool = is_pool(e->kind);
	r->site[site].blocks++;
	r->site[site].bytes += b->size;
	r->total.blocks++;
	r->total.bytes += b->size;
	count_in(r, b, e->ticks);
	remember_recent(r, e);
	return 0;
}

static void free_block(struct replay *r, const struct event *e)
{
	struct stream_state *s = &r->private->stream[e->stream];
	struct block *b = live_block(&r->live, e->addr);

	if (!b) {
		r->total.unknown_frees++;
		return;
	}
	if (r->total.double_blocks && was_late(r, e))
		return;
	if (s->newest == e->addr) {
		r->site[b->site].brief++;
		s->newest = 0;
	}
	r->total.frees++;
	block_dies(r, b);
}

/* --- realloc ----------------------------------------------------------------------- */

/* Objects that only keep their place in the block do not move with it. */
static uint32_t lift_objects(struct replay *r, uint32_t row)
{
	struct live *l = &r->live;
	uint32_t kept = 0;

	while (row) {
		uint32_t next = l->object[row].next;

		if (l->object[row].alive) {
			live_lift_object(l, row);
			l->object[row].next = kept;
			kept = row;
		} else {
			live_remove_object(l, row);
		}
		row = next;
	}
	return kept;
}

static void drop_oldest(struct replay *r, struct stream_state *s)
{
	if (s->pending[0].known)
		objects_die(r, s->pending[0].block.object);
	memmove(&s->pending[0], &s->pending[1], (PENDING - 1) * sizeof(s->pending[0]));
	s->pendings--;
	r->private->pendings--;
}

static int release(struct replay *r, const struct event *e)
{
	struct stream_state *s = &r->private->stream[e->stream];
	struct block *b = live_block(&r->live, e->addr);
	struct pending *p;

	if (s->pendings == PENDING)
		drop_oldest(r, s);
	p = &s->pending[s->pendings++];
	r->private->pendings++;
	*p = (struct pending){ .block.addr = e->addr, .known = b };
	if (!b)
		return 0;
	count_out(r, b);
	p->block = *b;
	p->block.object = lift_objects(r, b->object);
	live_remove_block(&r->live, b);
	return 0;
}

/* The objects of a block that moved, at their new addresses. */
static int land_objects(struct replay *r, struct block *b, uint32_t row, uint64_t from)
{
	struct live *l = &r->live;

	while (row) {
		struct object *o = &l->object[row];
		uint32_t next = o->next, there;
		uint64_t addr = o->addr - from + b->addr;

		there = live_object(l, addr);
		if (there) {		/* born where it is now: it was not seen to die */
			r->total.double_births++;
			object_dies(r, o);
			live_remove_object(l, row);
		} else if (live_land_object(l, row, addr)) {
			return -ENOMEM;
		} else {
			o->block = b->addr;
			o->next = b->object;
			b->object = row & INT32_MAX;
		}
		row = next;
	}
	return 0;
}

static int put_back(struct replay *r, const struct pending *p, const struct event *e)
{
	struct block *b = clear_place(r, p->block.addr, e);

	if (!b)
		return -ENOMEM;
	*b = p->block;
	b->object = 0;
	count_in(r, b, e->ticks);
	return land_objects(r, b, p->block.object, p->block.addr);
}

static int move(struct replay *r, const struct pending *p, const struct event *e)
{
	struct block *b;
	site_id site;
	int result = find_site(r, e, &site);

	if (result)
		return result;
	b = clear_place(r, e->addr, e);
	if (!b)
		return -ENOMEM;
	b->size = sane_size(e->arg);
	b->born = p->known ? p->block.born : e->ticks;
	b->site = site || !p->known ? site : p->block.site;
	b->pool = is_pool(e->kind);
	r->site[b->site].blocks++;
	r->site[b->site].bytes += b->size;
	r->total.bytes += b->size;
	r->total.moves++;
	count_in(r, b, e->ticks);
	remember_recent(r, e);
	return p->known ? land_objects(r, b, p->block.object, p->block.addr) : 0;
}

static int place(struct replay *r, const struct event *e)
{
	struct stream_state *s = &r->private->stream[e->stream];
	struct pending p;

	if (!s->pendings)		/* its RELEASE was lost, or there was none: realloc(NULL) */
		return alloc(r, e);
	p = s->pending[--s->pendings];
	r->private->pendings--;
	if (!e->addr) {			/* it was freed, and nothing came back */
		r->total.frees += p.known;
		objects_die(r, p.block.object);
		return 0;
	}
	if (e->addr == p.block.addr && (!e->arg || (p.known && e->arg == p.block.size)))
		return p.known ? put_back(r, &p, e) : 0;
	if (!p.known)
		r->total.unknown_frees++;
	return move(r, &p, e);
}

/* --- objects ----------------------------------------------------------------------- */

static bool inside(const struct block *b, uint64_t addr)
{
	return b && addr >= b->addr && addr - b->addr < b->size;
}

/*
 * Runtimes put a header of some words before an object; failing that, a block
 * this thread has just made is the likeliest.
 */
static struct block *block_for(struct replay *r, const struct event *e)
{
	static const uint8_t headers[] = { 0, 16, 32, 8, 24, 40, 48, 56, 64 };
	const struct stream_state *s = &r->private->stream[e->stream];
	struct block *b;

	for (size_t i = 0; i < sizeof(headers); i++) {
		b = e->object > headers[i] ? live_block(&r->live, e->object - headers[i]) : NULL;
		if (inside(b, e->object))
			return b;
	}
	for (int i = 0; i < RECENT; i++) {
		b = s->recent[i] ? live_block(&r->live, s->recent[i]) : NULL;
		if (inside(b, e->object))
			return b;
	}
	return NULL;
}

/* A row for the object; one that was there before has died, seen or unseen. */
static uint32_t birth_row(struct replay *r, const struct event *e, struct block *b)
{
	uint32_t row = live_object(&r->live, e->object);

	if (row && r->live.object[row].alive) {
		r->total.double_births++;
		object_dies(r, &r->live.object[row]);
	}
	if (row)
		return row;
	row = live_add_object(&r->live, e->object);
	if (row && b) {
		r->live.object[row].block = b->addr;
		r->live.object[row].next = b->object;
		b->object = row & INT32_MAX;
	}
	return row;
}

static int birth(struct replay *r, const struct event *e, struct block *b)
{
	struct object *o;
	uint32_t row;
	site_id site;
	int result;

	if (!e->object)
		return 0;
	result = find_site(r, e, &site);
	if (result)
		return result;
	row = birth_row(r, e, b);
	if (!row)
		return -ENOMEM;
	o = &r->live.object[row];
	o->born = e->ticks;
	o->type = e->type;
	o->site = site;
	o->collections = (uint32_t)r->total.collections;
	o->alive = true;
	r->site[site].objects++;
	r->site[site].live_objects++;
	r->total.births++;
	r->total.live_objects++;
	return 0;
}

static int pool_birth(struct replay *r, const struct event *e)
{
	int result = alloc(r, e);
	struct block *b;

	if (result || !e->addr)
		return result;
	b = live_block(&r->live, e->addr);
	return birth(r, e, inside(b, e->object) ? b : NULL);
}

static void death(struct replay *r, const struct event *e)
{
	uint32_t row = live_object(&r->live, e->addr);
	struct object *o = &r->live.object[row];

	if (!row || !o->alive) {
		r->total.unknown_deaths++;
		return;
	}
	object_dies(r, o);
	if (!o->block)
		live_remove_object(&r->live, row);
}

/* --- all kinds --------------------------------------------------------------------- */

static uint64_t moment(const struct event *e)
{
	return e->ticks ? e->ticks : 1;
}

static void ext(struct replay *r, const struct event *e)
{
	switch (e->ext) {
	case OURO_EXT_SNAPSHOT:
		r->snapshot = (uint32_t)e->ext_arg[0];
		break;
	case OURO_EXT_READY:
		r->ready = moment(e);
		break;
	case OURO_EXT_EXITING:
		r->exiting = moment(e);
		break;
	default:
		break;
	}
}

static int apply(struct replay *r, const struct event *e)
{
	switch (e->kind) {
	case OURO_ALLOC:
	case OURO_POOL_ALLOC:
		return alloc(r, e);
	case OURO_FREE:
	case OURO_POOL_FREE:
		free_block(r, e);
		return 0;
	case OURO_RELEASE:
	case OURO_POOL_RELEASE:
		return release(r, e);
	case OURO_PLACE:
	case OURO_POOL_PLACE:
		return place(r, e);
	case OURO_POOL_BIRTH:
		return pool_birth(r, e);
	case OURO_BIRTH:
		return birth(r, e, live_object(&r->live, e->object) ? NULL : block_for(r, e));
	case OURO_DEATH:
		death(r, e);
		return 0;
	case OURO_INCREF:
		r->total.increfs++;
		return 0;
	case OURO_DECREF:
		r->total.decrefs++;
		return 0;
	case OURO_COLLECTED:
		r->total.collections++;
		r->total.collected += e->arg;
		return 0;
	case OURO_EXT:
		ext(r, e);
		return 0;
	default:
		return 0;
	}
}

static int fetch(struct replay *r)
{
	if (r->private->held)
		return 1;
	return merge_next(&r->merge, &r->private->held);
}

/* Applies the event that was fetched. */
static int step(struct replay *r)
{
	const struct event *e = r->private->held;
	int result = apply(r, e);

	r->private->held = NULL;
	r->now = e->ticks;
	r->total.events++;
	if (!result && r->watch)
		r->watch(r->watch_arg, r, e);
	return result;
}

int replay_to_snapshot(struct replay *r, uint32_t number)
{
	int result;

	if (number && r->snapshot == number)
		return 1;
	forget_order(r);
	while ((result = fetch(r)) > 0) {
		const struct event *e = r->private->held;
		bool there = e->kind == OURO_EXT && e->ext == OURO_EXT_SNAPSHOT &&
			e->ext_arg[0] == number;

		result = step(r);
		if (result)
			return result;
		if (there)
			break;
	}
	settle_peak(r);
	return result < 0 ? result : number && r->snapshot == number;
}

int replay_to_ticks(struct replay *r, uint64_t ticks)
{
	int result;

	forget_order(r);
	while ((result = fetch(r)) > 0 && r->private->held->ticks < ticks) {
		result = step(r);
		if (result)
			return result;
	}
	settle_peak(r);
	return result;
}

int replay_to_end(struct replay *r)
{
	int result;

	forget_order(r);
	while ((result = fetch(r)) > 0) {
		result = step(r);
		if (result)
			return result;
	}
	settle_peak(r);
	return result;
}

/* --- looking ----------------------------------------------------------------------- */

/* A block that is with realloc at this moment lives all the same. */
static const struct block *pending_block(const struct replay *r, size_t at)
{
	const struct stream_state *s = &r->private->stream[at / PENDING];

	return at % PENDING < s->pendings && s->pending[at % PENDING].known ?
		&s->pending[at % PENDING].block : NULL;
}

const struct block *replay_block(const struct replay *r, uint64_t addr)
{
	const struct block *b = addr ? live_block(&r->live, addr) : NULL;
	size_t n = r->private->pendings ? (size_t)r->trace->events * PENDING : 0;

	for (size_t i = 0; !b && i < n; i++) {
		const struct block *p = pending_block(r, i);

		if (p && p->addr == addr)
			b = p;
	}
	return b;
}

const struct object *replay_object(const struct replay *r, uint64_t addr)
{
	uint32_t row = addr ? live_object(&r->live, addr) : 0;
	size_t n = r->private->pendings ? (size_t)r->trace->events * PENDING : 0;

	if (row && r->live.object[row].alive)
		return &r->live.object[row];
	for (size_t i = 0; i < n; i++) {
		const struct block *p = pending_block(r, i);

		for (row = p ? p->object : 0; row; row = r->live.object[row].next)
			if (r->live.object[row].addr == addr)
				return &r->live.object[row];
	}
	return NULL;
}

const struct block *replay_each_block(const struct replay *r, size_t *at)
{
	const struct live *l = &r->live;
	size_t n = l->block_mask + 1, all = n + (size_t)r->trace->events * PENDING;

	while (*at < n) {
		const struct block *b = &l->block[(*at)++];

		if (b->addr)
			return b;
	}
	while (*at < all) {
		const struct block *b = pending_block(r, (*at)++ - n);

		if (b)
			return b;
	}
	return NULL;
}

const struct object *replay_each_object(const struct replay *r, size_t *at)
{
	while (*at < r->live.rows) {
		const struct object *o = &r->live.object[(*at)++];

		if (o->addr && o->alive)
			return o;
	}
	return NULL;
}

static int by_address(const void *a, const void *b)
{
	const struct block *p = *(struct block *const *)a, *q = *(struct block *const *)b;

	return p->addr < q->addr ? -1 : p->addr > q->addr;
}

static bool sort_blocks(struct replay *r)
{
	struct replay_private *p = r->private;

	if (p->sorted)
		return true;
	p->sorted = malloc((r->live.blocks + 1) * sizeof(*p->sorted));
	if (!p->sorted)
		return false;
	p->sorts = 0;
	for (size_t i = 0; i <= r->live.block_mask; i++)
		if (r->live.block[i].addr)
			p->sorted[p->sorts++] = &r->live.block[i];
	qsort(p->sorted, p->sorts, sizeof(*p->sorted), by_address);
	return true;
}

const struct block *replay_block_around(struct replay *r, uint64_t addr)
{
	const struct replay_private *p = r->private;
	size_t low = 0, high;

	if (!sort_blocks(r))
		return NULL;
	high = p->sorts;
	while (low < high) {		/* the first block after addr */
		size_t mid = low + (high - low) / 2;

		if (p->sorted[mid]->addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low && inside(p->sorted[low - 1], addr) ? p->sorted[low - 1] : NULL;
}
