/*
 * tape_write.c - a recording onto tape, as it is replayed
 */
#include "tape.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	BIRTHS_PER_MOMENT = 1024,
	BIRTHS_PER_BYTES = 128,
	DIRECT_SLOTS = 1 << 12, DIRECT_FRAMES = 3,
	GONE = 4,			/* objects of one block                      */
	WORDS_MAX = (1 << 27) - 1,
	ALLOCATED = 64,			/* remembered: callbacks of the collector may make some */
	REACH = 64,			/* bytes from a block's start to its object  */
};

/* One that died in the collection that runs. */
struct dying {
	uint64_t order, bytes;
	uint8_t list;
};

/* An object of the replay, by its row. */
struct known {
	uint64_t order : 58;		/* clock at its birth                        */
	uint64_t list : 5;
	uint64_t counted : 1;		/* the collector knows it                    */
};

struct tape_writer {
	const struct replay_observer *next;	/* ... and its argument              */
	void *next_arg;
	struct replay_observer observer;
	struct known *known;
	uint32_t known_room;
	uint32_t born;			/* row, by the event that is being applied   */
	uint8_t died;			/* kind of what died by it                   */
	uint64_t gone[GONE];		/* clock at the birth of what died by count, by it */
	uint8_t gone_list[GONE];
	uint32_t ngone;
	uint8_t *kind_of;		/* by type: 0 not asked; + 1                 */

	uint64_t kept[KINDS];		/* recorded: in each list, now               */
	uint64_t direct[DIRECT_SLOTS];	/* stacks that take new memory though a list has some */

	/* The collection that runs. */
	bool running, ended;		/* ended: the end's own was seen, too        */
	uint32_t stream;
	uint64_t began;			/* clock                                     */
	struct dying *dying;
	uint32_t dyings, dying_room;
	uint64_t carried;		/* bytes of blocks that go before their object does */
	uint64_t last_death;		/* number of the event of it                 */

	/* Where recorded collections were. */
	struct past {
		uint64_t *clock;
		uint32_t n, room;
	} any, middle_too;		/* those of generation 1 and 2               */
	uint64_t last_full;		/* of generation 2                           */
	uint64_t young, middle, thawed;	/* where generations 0, 1, 2 begin           */

	/* To 3.11: what is allocated when a collection begins is born after it. */
	struct tape_allocated {
		uint64_t addr, at, clock;	/* at: where on the tape             */
		stack_id native;
	} (*allocated)[ALLOCATED];	/* the last ones, by stream                  */
	uint32_t nallocated;
	bool unborn;			/* a collection ran; what it was in was not born yet */

	/* From 3.12 on. */
	bool checks, check_told;
	struct tape_place {
		stack_id native, interp;
	} *place;			/* by stream                                 */
	bool enabled;

	uint64_t live, most, next_bytes, next_moment;
};

/* ------------------------------------------------------------------------ what is known */

static uint32_t row_of(const struct replay *r, const struct object *o)
{
	return (uint32_t)(o - r->live.object);
}

static struct known *known(struct tape *t, uint32_t row)
{
	struct tape_writer *w = t->writer;

	if (row >= w->known_room) {
		uint32_t wanted = row < 1024 ? 2048 : row * 2;
		struct known *p = realloc(w->known, wanted * sizeof(*p));

		if (!p) {
			t->failed = true;
			return NULL;
		}
		memset(p + w->known_room, 0, (wanted - w->known_room) * sizeof(*p));
		w->known = p;
		w->known_room = wanted;
	}
	return &w->known[row];
}

static uint8_t kind_of_type(struct tape *t, const struct replay *r, uint32_t type)
{
	struct tape_writer *w = t->writer;
	const struct def_type *d = def_type(r->defs, type);

	if (!d)
		return KIND_NONE;
	if (!w->kind_of[type])
		w->kind_of[type] = (uint8_t)(freelists_kind(&t->lists, d) + 1);
	return w->kind_of[type] - 1;
}

static uint8_t kind_of(struct tape *t, const struct replay *r, const struct object *o)
{
	uint8_t kind = kind_of_type(t, r, o->type);
	const struct block *b;

	if (kind != KIND_TUPLE)
		return kind;
	b = o->block ? live_block(&r->live, o->block) : NULL;
	return b ? freelists_tuple(&t->lists, b->size, o->addr - o->block) : KIND_NONE;
}

static bool is_counted(const struct replay *r, uint32_t type)
{
	const struct def_type *d = def_type(r->defs, type);

	return d && d->flags & OURO_TYPE_COLLECTED;
}

/* ------------------------------------------------------- memory taken past a full list */

static uint64_t innermost(const struct replay *r, stack_id native, uint8_t list)
{
	uint64_t h = list + 1u;

	for (int i = 0; i < DIRECT_FRAMES && native; i++, native = stack_parent(&r->stacks, native))
		h = ouro_hash(h, r->stacks.node[native].location);
	return h ? h : 1;
}

/* list() and dict() take new memory at any time, [] and {} when the list is empty. */
static bool is_direct(struct tape *t, const struct replay *r, stack_id native, uint8_t list)
{
	struct tape_writer *w = t->writer;
	uint64_t key = innermost(r, native, list);
	uint32_t at = (uint32_t)(key >> 40) % DIRECT_SLOTS, n;

	for (n = 0; n < 64 && w->direct[at] && w->direct[at] != key; n++)
		at = (at + 1) % DIRECT_SLOTS;
	if (w->direct[at] == key)
		return true;
	if (w->kept[list] && !w->direct[at])
		w->direct[at] = key;
	return w->kept[list];
}

/* ------------------------------------------------------------------------------- births */

static void mark_moment(struct tape *t, const struct replay *r)
{
	struct tape_writer *w = t->writer;

	if (t->clock >= w->next_bytes) {
		tape_put(t, TAPE_BYTES, ouro_zigzag((int64_t)(r->total.live_bytes - w->live)),
			 w->most > r->total.live_bytes ? w->most - r->total.live_bytes : 0);
		w->live = w->most = r->total.live_bytes;
		w->next_bytes = t->clock + BIRTHS_PER_BYTES;
	}
	if (t->clock < w->next_moment)
		return;
	w->next_moment = t->clock + BIRTHS_PER_MOMENT;
	if (mem_room(&t->moment, t->moments, &t->moments_room, sizeof(*t->moment)))
		t->failed = true;
	else
		t->moment[t->moments++] = (struct tape_moment){ t->clock, r->now };
}

/* The last block taken there: others may have been, and given back. */
static const struct tape_allocated *find_allocated(const struct tape_writer *w, uint32_t stream,
						   uint64_t object)
{
	const struct tape_allocated *found = NULL;

	for (uint32_t i = 0; i < ALLOCATED; i++) {
		const struct tape_allocated *a = &w->allocated[stream][i];

		if (a->addr && object - a->addr < REACH && (!found || a->at >= found->at))
			found = a;
	}
	return found;
}

static void birth(struct tape *t, const struct replay *r, const struct event *e)
{
	struct tape_writer *w = t->writer;
	const struct object *o = &r->live.object[w->born];
	struct known *k = known(t, w->born);
	bool reused = o->reused, direct = false;	/* a frame may be moved to be larger */
	const struct tape_allocated *before = NULL;
	uint8_t list;

	if (!k)
		return;
	k->counted = is_counted(r, o->type);
	if (!k->counted)
		return;
	list = kind_of(t, r, o);
	k->list = list & 31;
	reused |= list == KIND_FRAME && e->kind == OURO_BIRTH && !w->unborn;
	if (w->unborn && !w->running && e->stream == w->stream && e->kind == OURO_BIRTH && !reused)
		before = find_allocated(w, e->stream, o->addr);
	if (list && reused)
		w->kept[list] -= w->kept[list] > 0;
	else if (list == KIND_FRAME)
		direct = true;
	else if (list)
		direct = is_direct(t, r, before ? before->native : e->native, list);
	k->order = (before ? before->clock : t->clock) & (((uint64_t)1 << 58) - 1);
	if (before) {
		tape_insert_birth(t, before->at, list, direct);
		w->unborn = false;
	} else {
		tape_birth(t, list, direct);
		w->check_told = false;
	}
	mark_moment(t, r);
}

/* ------------------------------------------------------------------------------- deaths */

/* The first collection after a moment; 0: there was none. */
static uint64_t first_after(const struct past *p, uint64_t order)
{
	uint32_t low = 0, high = p->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (p->clock[mid] <= order)
			low = mid + 1;
		else
			high = mid;
	}
	return low < p->n ? p->clock[low] : 0;
}

/*
 * When it was found in use for the last time; 0: no collection has seen it.  Each
 * generation's next collection after it came there looked at it, and the oldest's all.
 */
static uint64_t last_seen(const struct tape_writer *w, uint64_t order)
{
	uint64_t seen = first_after(&w->any, order), older = first_after(&w->middle_too, order);

	if (older > seen)
		seen = older;
	return w->last_full > order && w->last_full > seen ? w->last_full : seen;
}

/*
 * The collection looked at those from `least` on; what is older hung from them.  They
 * go when the oldest of those is looked at again.
 */
static void add_group(struct tape *t, const struct dying *d, uint32_t n, uint64_t least)
{
	struct tape_writer *w = t->writer;
	uint64_t from = 0, oldest = UINT64_MAX, span;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t seen = d[i].order >= least ? last_seen(w, d[i].order) : 0;

		if (d[i].order + 1 > from)
			from = d[i].order + 1;
		if (seen && seen + 1 > from)
			from = seen + 1;
		if (d[i].order >= least && d[i].order < oldest)
			oldest = d[i].order;
	}
	if (from > w->began)
		from = w->began;
	span = w->began - from;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t words = d[i].bytes / 8;

		tape_add_garbage(t, &(struct fallen){ .from = from, .order = d[i].order,
			.oldest = oldest < UINT64_MAX ? oldest : d[i].order,
			.span = span < UINT32_MAX ? (uint32_t)span : UINT32_MAX,
			.words = (uint32_t)(words < WORDS_MAX ? words : WORDS_MAX),
			.list = d[i].list & 31 });
	}
}

/*
 * A group ends with the object whose turn it was: all that the collection looked at and
 * that die later are younger.  What it did not look at goes before what it hung from.
 */
static void add_groups(struct tape *t, unsigned generation)
{
	struct tape_writer *w = t->writer;
	uint64_t from = generation == 0 ? w->young : generation == 1 ? w->middle : w->thawed;
	uint64_t least = UINT64_MAX;
	uint32_t end = w->dyings;

	for (uint32_t i = w->dyings; i-- > 0;) {
		uint64_t order = w->dying[i].order;

		if (order < from || order > least)
			continue;
		if (least < UINT64_MAX) {
			add_group(t, w->dying + i + 1, end - i - 1, from);
			end = i + 1;
		}
		least = order;
	}
	if (end)
		add_group(t, w->dying, end, from);
	w->dyings = 0;
	w->carried = 0;
}

static void died_in_collection(struct tape *t, const struct replay *r, const struct known *k)
{
	struct tape_writer *w = t->writer;

	if (mem_room(&w->dying, w->dyings, &w->dying_room, sizeof(*w->dying))) {
		t->failed = true;
		return;
	}
	w->dying[w->dyings++] = (struct dying){ k->order, w->carried, k->list };
	w->carried = 0;
	w->last_death = r->total.events;
}

static bool in_collection(const struct tape_writer *w, const struct replay *r)
{
	return w->running && r->stream == w->stream;
}

static void dies(void *arg, const struct replay *r, const struct object *o)
{
	struct tape *t = arg;
	struct tape_writer *w = t->writer;
	struct known *k;

	if (w->next)
		w->next->dies(w->next_arg, r, o);
	if (t->failed || w->ended)
		return;
	k = known(t, row_of(r, o));
	if (!k || !k->counted)
		return;
	k->counted = false;
	w->died = k->list;
	if (in_collection(w, r) && k->order < w->began)
		died_in_collection(t, r, k);
	else if (!r->exiting && w->ngone < GONE) {
		w->gone[w->ngone] = k->order;
		w->gone_list[w->ngone++] = k->list;
	}
}

/* Frames have more than one kind of list: what was recorded of them stands. */
static void write_gone(struct tape *t, const struct event *e)
{
	struct tape_writer *w = t->writer;

	for (uint32_t i = 0; i < w->ngone; i++)
		tape_death(t, w->gone_list[i] == KIND_FRAME && e->kind != OURO_DEATH ? KIND_NONE
			   : w->gone_list[i], w->gone[i]);
	w->ngone = 0;
}

static void born(void *arg, const struct replay *r, const struct object *o)
{
	struct tape *t = arg;
	struct tape_writer *w = t->writer;

	if (w->next)
		w->next->born(w->next_arg, r, o);
	w->born = row_of(r, o);
}

/* Memory that goes with what a collection frees is the garbage's. */
static void block(void *arg, const struct replay *r, const struct block *b, bool made)
{
	struct tape *t = arg;
	struct tape_writer *w = t->writer;

	if (w->next)
		w->next->block(w->next_arg, r, b, made);
	if (made || !in_collection(w, r) || t->failed)
		return;
	if (w->dyings && w->last_death == r->total.events)
		w->dying[w->dyings - 1].bytes += b->size;
	else
		w->carried += b->size;
}

/* -------------------------------------------------------------------------- collections */

static void collection_begins(struct tape *t, const struct event *e)
{
	struct tape_writer *w = t->writer;
	unsigned cause = (unsigned)(e->arg >> 8) & 255;

	if (w->running || w->ended)
		return;
	w->running = true;
	w->stream = e->stream;
	w->unborn = cause == OURO_CAUSE_THRESHOLD && !w->checks;
	w->began = t->clock;
	if (cause == OURO_CAUSE_FINALISATION)
		return;
	if (cause == OURO_CAUSE_THRESHOLD && w->checks)
		tape_put(t, TAPE_CHECK_SEEN, 0, 0);
	tape_put(t, TAPE_COLLECT, t->collections->n, 0);
}

static void add_past(struct tape *t, struct past *p)
{
	if (mem_room(&p->clock, p->n, &p->room, sizeof(*p->clock)))
		t->failed = true;
	else
		p->clock[p->n++] = t->writer->began;
}

static void note_past(struct tape *t, unsigned generation)
{
	struct tape_writer *w = t->writer;

	add_past(t, &w->any);
	w->young = w->began;
	if (generation == 0)
		return;
	add_past(t, &w->middle_too);
	w->middle = w->began;
	if (generation == 2)
		w->last_full = w->began;
}

static void collection_ended(struct tape *t, const struct event *e)
{
	struct tape_writer *w = t->writer;
	const struct collections *s = t->collections;
	const struct collection *c = s->n ? &s->c[s->n - 1] : NULL;
	uint64_t freed = w->carried;

	if (!w->running || e->stream != w->stream || !c)
		return;
	w->running = false;
	for (uint32_t i = 0; i < w->dyings; i++)
		freed += w->dying[i].bytes;
	if (c->cause == OURO_CAUSE_FINALISATION) {
		/* The first of the end frees what the program left; then its own is taken apart. */
		if (w->enabled)
			add_groups(t, c->generation);
		w->ended = true;
		return;
	}
	add_groups(t, c->generation);
	note_past(t, c->generation);
	tape_put(t, TAPE_FREED, freed, 0);
	for (unsigned i = 0; i < KINDS && c->generation == 2; i++)
		if (t->lists.cleared[i])
			w->kept[i] = 0;
}

static void settings(struct tape *t, const struct event *e)
{
	struct tape_settings s = { .change = (uint8_t)e->ext_arg[OURO_SETTINGS_CHANGE],
				   .enabled = e->ext_arg[OURO_SETTINGS_ENABLED],
				   .frozen = e->ext_arg[OURO_SETTINGS_FROZEN],
				   .ticks = e->ticks };

	if (e->next < OURO_SETTINGS_FIELDS)
		return;
	for (unsigned i = 0; i < GENERATIONS; i++) {
		s.threshold[i] = (uint32_t)e->ext_arg[OURO_SETTINGS_THRESHOLD + i];
		s.count[i] = (uint32_t)e->ext_arg[OURO_SETTINGS_COUNT + i];
	}
	t->writer->enabled = s.enabled;
	if (s.change == OURO_CHANGE_FREEZE)
		t->writer->young = t->writer->middle = t->writer->thawed = t->clock;
	if (s.change == OURO_CHANGE_UNFREEZE)
		t->writer->thawed = 0;
	if (mem_room(&t->settings, t->nsettings, &t->settings_room, sizeof(s))) {
		t->failed = true;
		return;
	}
	t->settings[t->nsettings] = s;
	tape_put(t, TAPE_SETTINGS, t->nsettings++, 0);
}

/* --------------------------------------------------------- places between instructions */

/* The evaluator's own frame, and how far inside it the stack ends. */
static stack_id evaluator(const struct replay *r, stack_id native, unsigned *ret_depth)
{
	*ret_depth = 0;
	for (; native; native = stack_parent(&r->stacks, native), (*ret_depth)++)
		if (stack_location(&r->stacks, native)->flags & LOCATION_EVAL)
			break;
	return native;
}

enum { SHALLOW = 2 };			/* frames in which one instruction makes one object  */

/*
 * The evaluator looks at calls, at the end of calls of C functions and at jumps
 * back.  Two events with the same instruction running are of one call when they are deep.
 */
static bool passed_check(const struct replay *r, const struct tape_place *was,
			 const struct event *e)
{
	unsigned depth, before;
	stack_id now, then;

	if (was->interp != e->interp)
		return true;
	if (was->native == e->native) {
		evaluator(r, e->native, &depth);
		return depth <= SHALLOW;
	}
	now = evaluator(r, e->native, &depth);
	then = evaluator(r, was->native, &before);
	return now != then || depth <= SHALLOW || before <= SHALLOW;
}

static void look_for_check(struct tape *t, const struct replay *r, const struct event *e)
{
	struct tape_writer *w = t->writer;
	struct tape_place *was = &w->place[e->stream];

	if (!w->check_told && passed_check(r, was, e)) {
		tape_put(t, TAPE_CHECK, 0, 0);
		w->check_told = true;
	}
	*was = (struct tape_place){ e->native, e->interp };
}

/* -------------------------------------------------------------------------------- all */

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x > y ? 1 : x < y ? -1 : 0;
}

/* When had nine of ten of those that live now been made? */
static void settle(struct tape *t)
{
	struct tape_writer *w = t->writer;
	uint64_t *order = mem_array(w->known_room, sizeof(*order));
	uint32_t n = 0;

	if (!order) {
		t->failed = true;
		return;
	}
	for (uint32_t i = 0; i < w->known_room; i++)
		if (w->known[i].counted)
			order[n++] = w->known[i].order;
	if (n) {
		qsort(order, n, sizeof(*order), by_number);
		t->settled = order[n - 1 - n / 10] + 1;
		t->living = n;
	}
	mem_free(order);
}

void tape_event(struct tape *t, const struct replay *r, const struct event *e)
{
	struct tape_writer *w = t->writer;

	if (!w || t->failed || t->refused || w->ended)
		return;
	write_gone(t, e);
	if (!t->is_ready && t->collections->program) {
		tape_put(t, TAPE_READY, 0, 0);
		t->is_ready = true;
	}
	if (e->kind == OURO_EXT && e->ext == OURO_EXT_EXITING)
		settle(t);
	if (r->total.live_bytes > w->most)
		w->most = r->total.live_bytes;
	if (w->checks && e->form != OURO_STACK_NONE && !r->exiting && !w->running)
		look_for_check(t, r, e);
	if (e->kind == OURO_POOL_ALLOC && !w->checks)
		w->allocated[e->stream][w->nallocated++ % ALLOCATED] =
			(struct tape_allocated){ e->addr, t->size, t->clock, e->native };
	if (e->kind == OURO_COLLECT)
		collection_begins(t, e);
	else if (e->kind == OURO_COLLECTED)
		collection_ended(t, e);
	else if ((e->kind == OURO_BIRTH || e->kind == OURO_POOL_BIRTH) && w->born && !r->exiting)
		birth(t, r, e);
	else if (e->kind == OURO_DEATH)
		w->kept[w->died] += w->kept[w->died] < t->lists.room[w->died];
	else if (e->kind == OURO_EXT && e->ext == OURO_EXT_SETTINGS)
		settings(t, e);
	else if (e->kind == OURO_POOL_PLACE) {
		const struct block *b = live_block(&r->live, e->addr);
		struct known *k = b && b->object ? known(t, b->object) : NULL;

		if (k && k->counted)
			k->list = kind_of(t, r, &r->live.object[b->object]) & 31;
	}
	w->born = 0;
	w->died = KIND_NONE;
}

static unsigned minor_version(const struct defs *d)
{
	const struct def_runtime *p = def_runtime(d, "cpython");

	if (!p || p->state != OURO_RUNTIME_ACTIVE || p->version.length < 4 ||
	    memcmp(p->version.s, "3.", 2))
		return 0;
	return (unsigned)strtoul(p->version.s + 2, NULL, 10);
}

void tape_writer_free(struct tape_writer *w)
{
	if (!w)
		return;
	mem_free(w->allocated);
	mem_free(w->place);
	mem_free(w->kind_of);
	mem_free(w->dying);
	mem_free(w->any.clock);
	mem_free(w->middle_too.clock);
	free(w->known);
	free(w);
}

int tape_init(struct tape *t, const struct collections *c, struct replay *r)
{
	struct tape_writer *w = calloc(1, sizeof(*w));

	*t = (struct tape){ .writer = w, .collections = c };
	if (!w)
		return -ENOMEM;
	w->allocated = mem_array(r->trace->events, sizeof(*w->allocated));
	w->place = mem_array(r->trace->events, sizeof(*w->place));
	w->kind_of = mem_array(r->defs->types + 1, 1);
	if (!w->allocated || !w->place || !w->kind_of) {
		tape_fini(t);
		return -ENOMEM;
	}
	if (!freelists_init(&t->lists, minor_version(r->defs)))
		t->refused = "only the collector of CPython 3.8 to 3.13 is known";
	else if (r->trace->head.sample_bytes)
		t->refused = "the recording is of a sample";
	w->checks = t->lists.minor >= 12;
	w->enabled = true;
	w->next = r->observer;
	w->next_arg = r->observer_arg;
	w->observer = (struct replay_observer){ .born = born, .dies = dies, .block = block };
	if (!t->refused) {
		r->observer = &w->observer;
		r->observer_arg = t;
	}
	return 0;
}

void tape_finish(struct tape *t, const struct replay *r)
{
	struct tape_writer *w = t->writer;

	if (!w)
		return;
	if (!t->refused && !t->is_ready)
		t->refused = "the program's first line was not seen";
	if (!t->refused && (r->total.lost || r->trace->truncated))
		t->refused = "the recording is not whole";
	tape_writer_free(w);
	t->writer = NULL;
}
