/*
 * tape_write.c - a recording onto tape, as it is replayed
 */
#include "tape_writer.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	BIRTHS_PER_MOMENT = 1024,
	BIRTHS_PER_BYTES = 128,
	TAKER_FRAMES = 3, PLACE_FRAMES = 2,
	TAKES_PAST = 64,		/* one in so many, or it is a mistake        */
	REACH = 64,			/* bytes from a block's start to its object  */
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

	for (int i = 0; i < TAKER_FRAMES && native; i++, native = stack_parent(&r->stacks, native))
		h = ouro_hash(h, r->stacks.node[native].location);
	return h ? h : 1;
}

static struct tape_taker *taker_of(struct tape_writer *w, uint64_t key)
{
	uint32_t at = (uint32_t)(key >> 40) % TAKERS;

	for (unsigned n = 0; n < 64; n++, at = (at + 1) % TAKERS) {
		if (!w->taker[at].key)
			w->taker[at].key = key;
		if (w->taker[at].key == key)
			return &w->taker[at];
	}
	return &w->taker[at];
}

/*
 * list() and dict() take new memory at any time, [] and {} when the list is empty: what a stack was
 * seen to do it does under other settings, too.  What was taken before a collection ran
 * tells nothing: the list was empty then, and is not when the object is born.
 */
static bool is_direct(struct tape *t, const struct replay *r, stack_id native, uint8_t list,
		      bool before)
{
	struct tape_writer *w = t->writer;
	struct tape_taker *k = taker_of(w, innermost(r, native, list));
	bool past = w->kept[list] && !before;

	k->past += past;
	k->empty += !w->kept[list];
	return past || k->past > k->empty / TAKES_PAST;
}

/* ------------------------------------------------------------------------------- births */

static void add_moment(struct tape *t, uint64_t ticks)
{
	if (mem_room(&t->moment, t->moments, &t->moments_room, sizeof(*t->moment)))
		t->failed = true;
	else
		t->moment[t->moments++] = (struct tape_moment){ t->clock, ticks };
}

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
	add_moment(t, r->now);
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

/* The line that runs and the one that called it: what is made there is alike. */
static uint64_t place_of(const struct replay *r, stack_id interp)
{
	uint64_t h = 0;

	for (int i = 0; i < PLACE_FRAMES && interp; i++, interp = stack_parent(&r->stacks, interp))
		h = ouro_hash(h, r->stacks.node[interp].location);
	return h >> (64 - PLACE_BITS);
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
	k->place = place_of(r, e->interp);
	k->thread = e->stream & 63;
	reused |= list == KIND_FRAME && e->kind == OURO_BIRTH && !w->unborn;
	if (w->unborn && !w->running && e->stream == w->stream && e->kind == OURO_BIRTH && !reused)
		before = find_allocated(w, e->stream, o->addr);
	if (list && reused)
		w->kept[list] -= w->kept[list] > 0;
	else if (list == KIND_FRAME)
		direct = true;
	else if (list)
		direct = is_direct(t, r, before ? before->native : e->native, list, before);
	k->order = (before ? before->clock : t->clock) & (((uint64_t)1 << 40) - 1);
	generations_birth(&w->heap, k->list, k->order);
	if (before) {
		tape_insert_birth(t, before->at, list, direct);
		w->unborn = false;
	} else {
		tape_birth(t, list, direct);
		w->place[e->stream].born = t->op.size;
		w->check_told = false;
	}
	mark_moment(t, r);
}

/* ------------------------------------------------------------------------------- deaths */

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
	generations_death(&w->heap, k->list, k->order);
	w->died = k->list;
	if (in_collection(w, r) && k->order < w->began)
		tape_piece_died(t, r, o, k);
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

/*
 * To 3.10 a function keeps its last frame for its next call, and that memory goes when the
 * function's code does.  The collector counts it as gone then, though nothing dies: the code
 * of a module runs once, so a program that imports has many.
 */
static bool keeps_frame(struct tape *t, const struct replay *r, const struct block *b)
{
	const struct object *o = b->object ? &r->live.object[b->object] : NULL;

	return o && !o->alive && b->object < t->writer->known_room &&
		t->writer->known[b->object].list == KIND_FRAME;
}

/* Memory that goes with what a collection frees is the garbage's. */
static void block(void *arg, const struct replay *r, const struct block *b, bool made)
{
	struct tape *t = arg;
	struct tape_writer *w = t->writer;

	if (w->next)
		w->next->block(w->next_arg, r, b, made);
	if (made || t->failed || w->ended)
		return;
	if (keeps_frame(t, r, b) && !in_collection(w, r) && !r->exiting)
		tape_put(t, TAPE_RELEASE, 0, 0);
	if (!in_collection(w, r))
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
	for (unsigned g = 0; g < GENERATIONS; g++)
		w->sizes.objects[g] = generations_sum(&w->heap, g) - (g ? generations_sum(&w->heap, g - 1) : 0);
	/* What is born while it runs stays young; of one that was asked for the end says the rest. */
	w->aged = (e->arg & 255) < GENERATIONS;
	if (w->aged)
		generations_age(&w->heap, e->arg & 255, w->began);
	if (cause == OURO_CAUSE_FINALISATION)
		return;
	if (cause == OURO_CAUSE_THRESHOLD && w->checks)
		tape_put(t, TAPE_CHECK_SEEN, 0, 0);
	tape_put(t, TAPE_COLLECT, t->collections->n, 0);
}

/* Rows that the tape saw nothing of have none. */
static void note_sizes(struct tape *t, uint32_t row)
{
	while (t->nsizes <= row && !t->failed)
		if (mem_room(&t->sizes, t->nsizes, &t->sizes_room, sizeof(*t->sizes)))
			t->failed = true;
		else
			t->sizes[t->nsizes++] = (struct tape_sizes){0};
	if (!t->failed)
		t->sizes[row] = t->writer->sizes;
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
	note_sizes(t, s->n - 1);
	if (!w->aged && c->generation < GENERATIONS)
		generations_age(&w->heap, c->generation, w->began);
	for (uint32_t i = 0; i < w->dyings; i++)
		freed += w->dying[i].bytes;
	if (c->cause == OURO_CAUSE_FINALISATION) {
		/* The first of the end frees what the program left; then its own is taken apart. */
		if (w->enabled)
			tape_pieces_end(t, c->generation);
		w->ended = true;
		return;
	}
	tape_pieces_end(t, c->generation);
	tape_pieces_past(t, c->generation);
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
		generations_freeze(&t->writer->heap, t->clock);
	if (s.change == OURO_CHANGE_UNFREEZE)
		generations_unfreeze(&t->writer->heap);
	if (s.change == OURO_CHANGE_FREEZE)
		t->writer->young = t->writer->middle = t->writer->thawed = t->clock;
	if (s.change == OURO_CHANGE_UNFREEZE)
		t->writer->thawed = 0;
	if (mem_room(&t->settings, t->nsettings, &t->settings_room, sizeof(s))) {
		t->failed = true;
		return;
	}
	/* Who asks what would be if another thing were set there means exactly there. */
	add_moment(t, e->ticks);
	t->settings[t->nsettings] = s;
	tape_put(t, TAPE_SETTINGS, t->nsettings++, 0);
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
		tape_look_for_check(t, r, e);
	if (e->kind == OURO_POOL_ALLOC && !w->checks)
		w->allocated[e->stream][w->nallocated++ % ALLOCATED] =
			(struct tape_allocated){ e->addr, t->op.size, t->clock, e->native };
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

/* What is known by streams and types of one trace; the old is let go. */
static int take_trace(struct tape_writer *w, const struct replay *r)
{
	mem_free(w->allocated);
	mem_free(w->place);
	mem_free(w->kind_of);
	w->allocated = mem_array(r->trace->events, sizeof(*w->allocated));
	w->place = mem_array(r->trace->events, sizeof(*w->place));
	w->kind_of = mem_array(r->defs->types + 1, 1);
	return w->allocated && w->place && w->kind_of ? 0 : -ENOMEM;
}

static void attach(struct tape *t, struct replay *r)
{
	struct tape_writer *w = t->writer;

	w->next = r->observer;
	w->next_arg = r->observer_arg;
	r->observer = &w->observer;
	r->observer_arg = t;
}

int tape_continue(struct tape *t, const struct replay *from, struct replay *to, const uint32_t *rows)
{
	struct tape_writer *w = t->writer;
	struct known *known = calloc(to->live.rows, sizeof(*known));

	if (!known || take_trace(w, to)) {
		free(known);
		return -ENOMEM;
	}
	for (uint32_t i = 1; i < from->live.rows && i < w->known_room; i++)
		if (rows[i])
			known[rows[i]] = w->known[i];
	free(w->known);
	w->known = known;
	w->known_room = to->live.rows;
	w->born = w->ngone = 0;
	w->died = KIND_NONE;
	w->unborn = w->check_told = false;
	if (!t->refused && w->running)
		t->refused = "the process was forked while its collector ran";
	if (!t->refused && from->total.lost)
		t->refused = "the recording of the process that forked is not whole";
	if (!t->refused)
		attach(t, to);
	return 0;
}

int tape_init(struct tape *t, const struct collections *c, struct replay *r)
{
	struct tape_writer *w = calloc(1, sizeof(*w));

	*t = (struct tape){ .writer = w, .collections = c };
	if (!w)
		return -ENOMEM;
	if (take_trace(w, r)) {
		tape_fini(t);
		return -ENOMEM;
	}
	if (!freelists_init(&t->lists, minor_version(r->defs)))
		t->refused = "only the collector of CPython 3.8 to 3.13 is known";
	else if (r->trace->head.sample_bytes)
		t->refused = "the recording is of a sample";
	w->heap.start_up = UINT64_MAX;
	w->checks = t->lists.minor >= 12;
	w->enabled = true;
	w->observer = (struct replay_observer){ .born = born, .dies = dies, .block = block };
	if (!t->refused)
		attach(t, r);
	return 0;
}

void tape_finish(struct tape *t, const struct replay *r)
{
	struct tape_writer *w = t->writer;

	if (!w)
		return;
	if (!t->refused && !t->is_ready)
		t->refused = r->trace->head.origin == OURO_ORIGIN_FORK ?
			"the process was forked, and the trace of the process that forked is not here" :
			"the program's first line was not seen";
	if (!t->refused && (r->total.lost || r->trace->truncated))
		t->refused = "the recording is not whole";
	if (!t->refused && !t->failed)
		t->failed = wastes_link(&t->waste, (double)t->clock / (w->any.n + 1)) ||
			wastes_fit(&t->waste);
	tape_writer_free(w);
	t->writer = NULL;
}
