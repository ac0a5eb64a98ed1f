/*
 * replay.c - apply events to the living, one after another
 */
#include "living.h"
#include "mem.h"
#include "replay_private.h"

#include "refs.h"

#include <errno.h>
#include <stdlib.h>

/* What lived when the oldest record that is left was made. */
static int take_living(struct replay *r)
{
	struct living_rows rows;
	struct event e;
	int result = living_init(&rows, r->trace, &r->stacks), more = 0;

	while (!result && (more = living_next(&rows, &r->stacks, &e)) > 0) {
		errno = 0;
		e.stack = stacks_merge(&r->stacks, e.native, e.interp);
		if (!e.stack && errno == ENOMEM)
			return living_fini(&rows), -ENOMEM;
		if (e.kind != OURO_BIRTH)
			result = e.kind == OURO_POOL_BIRTH ? replay_pool_birth(r, &e)
				: replay_alloc(r, &e);
		if (!result && e.object && e.kind != OURO_POOL_BIRTH)
			result = replay_birth(r, &e);
	}
	living_fini(&rows);
	r->ready = r->trace->head.ring_ready;
	return result ? result : more;
}

#define PACE_TICKS (1u << 20)

/* The clocks of timeline and trend, from the first tick to the last. */
static int measure_run(struct replay *r)
{
	uint64_t start = r->trace->head.start_ticks, end = start;

	for (uint32_t i = 0; i < r->trace->events; i++) {
		uint64_t last;
		int result = cursor_last_ticks(r->trace, i, &last);

		if (result)
			return result;
		if (last > end)
			end = last;
	}
	timeline_init(&r->timeline, start, end);
	trend_init(&r->trend, start, end);
	r->private->tick_ns = (double)trace_elapsed(r->trace, start + PACE_TICKS) / PACE_TICKS;
	return 0;
}

int replay_init(struct replay *r, struct trace *t, const struct defs *d)
{
	struct replay_private *p;

	*r = (struct replay){ .trace = t, .defs = d, .sites = 1, .sites_room = 256 };
	r->site = mem_array(r->sites_room, sizeof(*r->site));
	p = r->private = calloc(1, sizeof(*p));
	if (p) {
		p->site_of_room = 256;
		p->site_of = mem_array(p->site_of_room, sizeof(*p->site_of));
		p->stream = calloc(t->events + 1, sizeof(*p->stream));
	}
	if (!r->site || !p || !p->site_of || !p->stream || live_init(&r->live) ||
	    stacks_init(&r->stacks, d) || replay_parts_init(r) || measure_run(r)) {
		replay_fini(r);
		return -ENOMEM;
	}
	/*
	 * Real stacks share far more than this; a hostile file must not multiply them for
	 * ever.
	 */
	if (t->size < r->stacks.limit - (1u << 20))
		r->stacks.limit = (1u << 20) + (uint32_t)t->size;
	if (merge_init(&r->merge, t, &r->stacks)) {
		replay_fini(r);
		return -ENOMEM;
	}
	r->total.lost = t->lost;
	if (t->head.flags & OURO_FILE_RING && take_living(r)) {
		replay_fini(r);
		return -ENOMEM;
	}
	return 0;
}

void replay_fini(struct replay *r)
{
	if (r->private) {
		replay_forget_order(r);
		mem_free(r->private->site_of);
		free(r->private->stream);
	}
	replay_parts_fini(r);
	trend_fini(&r->trend);
	free(r->private);
	mem_free(r->site);
	merge_fini(&r->merge);
	stacks_fini(&r->stacks);
	live_fini(&r->live);
	*r = (struct replay){ 0 };
}

static uint64_t moment(const struct event *e)
{
	return e->ticks ? e->ticks : 1;
}

/* Was it taken because the program ends? */
static bool is_last_snapshot(const struct replay *r, uint32_t number)
{
	const struct def_snapshot *s = def_snapshot(r->defs, number);

	switch (s ? s->reason : 0) {
	case OURO_SNAPSHOT_EXIT:
	case OURO_SNAPSHOT_QUICK_EXIT:
	case OURO_SNAPSHOT_ABORT:
	case OURO_SNAPSHOT_EXEC:
		return true;
	default:
		return false;
	}
}

static int ext(struct replay *r, const struct event *e)
{
	switch (e->ext) {
	case OURO_EXT_SNAPSHOT:
		r->snapshot = (uint32_t)e->ext_arg[0];
		return !r->left && is_last_snapshot(r, r->snapshot) ? replay_mark_left(r) : 0;
	case OURO_EXT_RESIDENT:
		r->timeline.rss = e->ext_arg[0];
		r->timeline.shared = e->ext_arg[1];
		return 0;
	case OURO_EXT_READY:
		r->ready = moment(e);
		return 0;
	case OURO_EXT_EXITING:
		r->exiting = moment(e);
		return r->left ? 0 : replay_mark_left(r);
	default:
		return 0;
	}
}

static int reference(struct replay *r, const struct event *e)
{
	site_id site;
	int result;

	if (!r->refs)
		return 0;
	result = replay_site_of(r, e, &site);
	if (!result)
		refs_event(r->refs, e, site);
	return result;
}

static int apply(struct replay *r, const struct event *e)
{
	switch (e->kind) {
	case OURO_ALLOC:
	case OURO_POOL_ALLOC:
		return replay_alloc(r, e);
	case OURO_FREE:
	case OURO_POOL_FREE:
		replay_free(r, e);
		return 0;
	case OURO_RELEASE:
	case OURO_POOL_RELEASE:
		return replay_release(r, e);
	case OURO_PLACE:
	case OURO_POOL_PLACE:
		return replay_place(r, e);
	case OURO_POOL_BIRTH:
		return replay_pool_birth(r, e);
	case OURO_BIRTH:
		return replay_birth(r, e);
	case OURO_DEATH:
		replay_death(r, e);
		return 0;
	case OURO_INCREF:
		r->total.increfs++;
		return reference(r, e);
	case OURO_DECREF:
		r->total.decrefs++;
		return reference(r, e);
	case OURO_COLLECT:
		r->collecting++;
		return replay_site_of(r, e, &r->collect_site);
	case OURO_COLLECTED:
		r->collecting -= r->collecting > 0;
		r->total.collections++;
		r->total.collected += e->arg;
		return 0;
	case OURO_EXT:
		return e->ext >= OURO_EXT_REFERENCE && e->ext <= OURO_EXT_UNEDGE ?
			reference(r, e) : ext(r, e);
	default:
		return 0;
	}
}

/* The tables of the living are larger than the caches: what is wanted of them is asked for early. */
static int fetch(struct replay *r)
{
	const struct event *later;

	if (r->private->held)
		return 1;
	if (!r->merge.begun)
		r->merge.references = r->refs;
	later = merge_peek(&r->merge, 8);
	if (later) {
		live_expect(&r->live, later->addr);
		if (later->kind >= OURO_POOL_BIRTH && later->kind <= OURO_DEATH)
			live_expect_object(&r->live, later->kind == OURO_DEATH ? later->addr
				: later->object);
	}
	return merge_next(&r->merge, &r->private->held);
}

static struct timeline_bin state_of(const struct replay *r)
{
	struct replay_total t = replay_totals(r);

	return (struct timeline_bin){ .live = t.live, .live_bytes = t.live_bytes,
		.live_objects = t.live_objects, .made = t.blocks, .made_bytes = t.bytes,
		.births = t.births };
}

/* It is later than this bin of the timeline, or this segment of the trend. */
static void turn(struct replay *r, uint64_t ticks)
{
	struct timeline_bin state = state_of(r);

	if (ticks >= r->timeline.next)
		timeline_advance(&r->timeline, ticks, &state);
	if (ticks >= r->trend.next)
		trend_advance(&r->trend, ticks);
	r->private->turn = r->timeline.next < r->trend.next ? r->timeline.next : r->trend.next;
}

/* Applies the event that was fetched. */
static int step(struct replay *r)
{
	const struct event *e = r->private->held;
	int result;

	if (e->ticks >= r->private->turn)
		turn(r, e->ticks);
	r->stream = e->stream;
	result = apply(r, e);

	r->private->held = NULL;
	r->now = e->ticks;
	r->total.events++;
	if (r->private->failed)
		return -ENOMEM;
	if (!result && r->watch)
		r->watch(r->watch_arg, r, e);
	return result;
}

struct replay_total replay_totals(const struct replay *r)
{
	const struct replay_scaled *x = &r->scaled;
	struct replay_total t = r->total;

	if (!r->trace || !r->trace->head.sample_bytes)	/* none was opened */
		return t;
	t.blocks = weighed_whole(x->made.n);
	t.bytes = weighed_whole(x->made.bytes + x->moved_bytes);
	t.frees = weighed_whole(x->frees);
	t.live = weighed_whole(x->live.n);
	t.live_bytes = weighed_whole(x->live.bytes);
	t.peak_live = weighed_whole(x->peak_blocks);
	t.peak_bytes = weighed_whole(x->peak_bytes);
	t.births = weighed_whole(x->births);
	t.deaths = weighed_whole(x->deaths);
	t.live_objects = weighed_whole(x->births - x->deaths);
	return t;
}

int replay_to_snapshot(struct replay *r, uint32_t number)
{
	int result;

	if (number && r->snapshot == number)
		return 1;
	replay_forget_order(r);
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
	replay_settle(r);
	return result < 0 ? result : number && r->snapshot == number;
}

int replay_to_ticks(struct replay *r, uint64_t ticks)
{
	int result;

	replay_forget_order(r);
	while ((result = fetch(r)) > 0 && r->private->held->ticks < ticks) {
		result = step(r);
		if (result)
			return result;
	}
	replay_settle(r);
	return result;
}

int replay_to_exiting(struct replay *r)
{
	int result;

	replay_forget_order(r);
	while ((result = fetch(r)) > 0) {
		const struct event *e = r->private->held;

		if (e->kind == OURO_EXT && e->ext == OURO_EXT_EXITING)
			break;
		result = step(r);
		if (result)
			return result;
	}
	replay_settle(r);
	return result;
}

int replay_to_end(struct replay *r)
{
	int result;

	replay_forget_order(r);
	while ((result = fetch(r)) > 0) {
		result = step(r);
		if (result)
			return result;
	}
	if (!result) {
		struct timeline_bin state = state_of(r);

		timeline_end(&r->timeline, r->now, &state);
		if (!r->left)
			result = replay_mark_left(r);
	}
	replay_settle(r);
	return result;
}
