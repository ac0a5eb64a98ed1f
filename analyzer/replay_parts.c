/*
 * replay_parts.c - what each site made, by type and thread, and its share of the peak
 */
#include "replay_private.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- which part -------------------------------------------------------------------- */

static uint32_t slot_of(const struct replay *r, site_id site, uint32_t type, uint32_t thread)
{
	const struct replay_private *p = r->private;
	uint64_t h = ((uint64_t)site << 32 | type) * 0x9e3779b97f4a7c15u + thread;
	uint32_t at;

	h *= 0xd6e8feb86659fd93u;
	for (at = (uint32_t)(h >> 32) & p->part_of_mask; p->part_of[at];
	     at = (at + 1) & p->part_of_mask) {
		const struct part *x = &r->part[p->part_of[at]];

		if (x->site == site && x->type == type && x->thread == thread)
			break;
	}
	return at;
}

static bool grow_index(struct replay *r)
{
	struct replay_private *p = r->private;
	part_id *old = p->part_of;
	uint32_t room = old ? (p->part_of_mask + 1) * 2 : 1024;

	p->part_of = calloc(room, sizeof(*p->part_of));
	if (!p->part_of) {
		p->part_of = old;
		return false;
	}
	free(old);
	p->part_of_mask = room - 1;
	for (part_id i = 1; i < r->parts; i++)
		if (r->part[i].indexed)
			p->part_of[slot_of(r, r->part[i].site, r->part[i].type,
				r->part[i].thread)] = i;
	return true;
}

static bool add_to_index(struct replay *r, part_id id)
{
	struct replay_private *p = r->private;
	struct part *x = &r->part[id];

	if (x->indexed)
		return true;
	if (p->parts_of * 2 > p->part_of_mask && !grow_index(r))
		return false;
	p->part_of[slot_of(r, x->site, x->type, x->thread)] = id;
	p->parts_of++;
	x->indexed = true;
	return true;
}

/* A part is written whole when it is made: its room need not be touched before. */
static bool grow_parts(struct replay *r)
{
	bool sampled = r->trace->head.sample_bytes;

	return !mem_room(&r->part, r->parts, &r->parts_room, sizeof(*r->part)) &&
		(!sampled || !mem_room(&r->part_scaled, r->parts, &r->scaled_room,
			sizeof(*r->part_scaled)));
}

/* The row is there already. */
static void new_part(struct replay *r, part_id id, site_id site, uint32_t type, uint32_t thread)
{
	r->part[id] = (struct part){ .site = site, .type = type, .thread = thread };
	if (r->part_scaled)
		r->part_scaled[id] = (struct part_scaled){ 0 };
}

int replay_parts_init(struct replay *r)
{
	if (!grow_parts(r) || !grow_index(r))
		return -ENOMEM;
	if (mem_room(&r->part_objects, 0, &r->objects_room, sizeof(*r->part_objects)))
		return -ENOMEM;
	r->part_objects[0] = (struct part_objects){ 0 };
	r->objects = 1;
	r->parts = 1;
	new_part(r, 0, 0, 0, 0);
	r->part[0].indexed = true;	/* other parts of site 0 are in the index    */
	return 0;
}

void replay_parts_fini(struct replay *r)
{
	mem_free(r->part);
	ages_fini(&r->ages);
	mem_free(r->part_scaled);
	mem_free(r->part_objects);
	mem_free(r->left);
	mem_free(r->left_scaled);
	mem_free(r->left_of);
	if (r->private)
		free(r->private->part_of);
}

/* Most sites have one part: only where there are more it takes the index to find one. */
int replay_part_find(struct replay *r, site_id site, uint32_t type, uint32_t thread,
	part_id *ret)
{
	struct replay_private *p = r->private;
	part_id last = r->site[site].part, id = 0;
	bool others = last || !site;

	if (!site && !type && !thread) {
		*ret = 0;
		return 0;
	}
	if (others && r->part[last].indexed)
		id = p->part_of[slot_of(r, site, type, thread)];
	if (!id) {
		if (!grow_parts(r))
			return -ENOMEM;
		id = r->parts++;
		new_part(r, id, site, type, thread);
		if (others && (!add_to_index(r, last) || !add_to_index(r, id)))
			return -ENOMEM;
	}
	*ret = r->site[site].part = id;
	return 0;
}

/* --- sums -------------------------------------------------------------------------- */

/* What a part had at the peak is kept when it changes for the first time after it. */
static inline struct part *touch(struct replay *r, part_id id)
{
	struct part *p = &r->part[id];

	if (p->epoch == (uint32_t)r->private->epoch)
		return p;
	p->epoch = (uint32_t)r->private->epoch;
	p->at_peak = p->live;
	p->at_peak_bytes = p->live_bytes;
	if (r->part_scaled)
		r->part_scaled[id].at_peak = r->part_scaled[id].live;
	return p;
}

bool replay_waits(const struct replay *r, const struct block *b)
{
	for (uint32_t row = b->object; row; row = r->live.object[row].next)
		if (r->live.object[row].alive)
			return false;
	return b->object;
}

/* For the trend nothing weighs less than 1, but what waits for the next object: nothing. */
static inline uint64_t mass_of(const struct replay *r, const struct block *b)
{
	return replay_waits(r, b) ? 0 : b->size + !b->size;
}

static inline struct site *catch_up(struct replay *r, site_id id)
{
	struct site *s = &r->site[id];

	if (s->segment != r->trend.now)
		trend_catch_up(&r->trend, &s->segment, &s->series, &s->low, s->mass);
	return s;
}

static void new_peak(struct replay *r, uint64_t ticks)
{
	r->total.peak_ticks = ticks;
	r->private->epoch++;
}

static void count_in_scaled(struct replay *r, const struct block *b, uint64_t ticks)
{
	struct replay_scaled *x = &r->scaled;
	double weight = replay_weight(r, b);

	weigh(&r->part_scaled[b->part].live, weight, b->size);
	weigh(&x->live, weight, b->size);
	if (x->live.bytes <= x->peak_bytes)
		return;
	x->peak_bytes = x->live.bytes;
	x->peak_blocks = x->live.n;
	new_peak(r, ticks);
}

void replay_count_in(struct replay *r, const struct block *b, uint64_t ticks)
{
	struct replay_total *t = &r->total;
	struct part *p = touch(r, b->part);
	struct site *s = catch_up(r, p->site);

	p->live++;
	p->live_bytes += b->size;
	s->mass += mass_of(r, b);
	s->live_bytes += b->size;
	if (s->live_bytes > s->peak_bytes)
		s->peak_bytes = s->live_bytes;
	t->live++;
	t->live_bytes += b->size;
	if (t->live_bytes > t->peak_bytes) {
		t->peak_bytes = t->live_bytes;
		t->peak_live = t->live;
		if (!r->part_scaled)
			new_peak(r, ticks);
	}
	if (t->live_bytes > r->timeline.high_bytes)
		r->timeline.high_bytes = t->live_bytes;
	if (r->part_scaled)
		count_in_scaled(r, b, ticks);
}

void replay_count_out(struct replay *r, const struct block *b)
{
	struct part *p = touch(r, b->part);
	struct site *s = catch_up(r, p->site);

	p->live--;
	p->live_bytes -= b->size;
	s->mass -= mass_of(r, b);
	s->live_bytes -= b->size;
	if (s->mass < s->low)
		s->low = s->mass;
	r->total.live--;
	r->total.live_bytes -= b->size;
	if (r->part_scaled) {
		double weight = replay_weight(r, b);

		weigh_off(&r->part_scaled[b->part].live, weight, b->size);
		weigh_off(&r->scaled.live, weight, b->size);
	}
}

void replay_count_made(struct replay *r, const struct block *b, int64_t n)
{
	struct part *p = &r->part[b->part];

	p->blocks += (uint64_t)n;
	p->bytes += (uint64_t)n * b->size;
	if (r->part_scaled && n > 0)
		weigh(&r->part_scaled[b->part].made, replay_weight(r, b), b->size);
	else if (r->part_scaled)
		weigh_off(&r->part_scaled[b->part].made, replay_weight(r, b), b->size);
}

void replay_count_brief(struct replay *r, const struct block *b)
{
	r->part[b->part].brief++;
	if (r->part_scaled)
		r->part_scaled[b->part].brief += replay_weight(r, b);
}

/* --- ages -------------------------------------------------------------------------- */

static unsigned class_of(const struct replay *r, uint64_t born)
{
	const struct event *e = r->private->held;
	uint64_t now = e ? e->ticks : r->now;

	return ages_class(now > born ? (uint64_t)((double)(now - born) * r->private->tick_ns) : 0);
}

/* A sampled one counts as often as it stands for; of parts, the part keeps the account. */
static uint32_t whole(struct replay *r, part_id part, double weight)
{
	struct part_scaled *x;
	uint32_t n;

	if (!r->part_scaled)
		return 1;
	x = &r->part_scaled[part];
	x->rest += weight < UINT32_MAX / 2 ? weight : UINT32_MAX / 2;
	n = (uint32_t)x->rest;
	x->rest -= n;
	return n;
}

void replay_count_age(struct replay *r, const struct block *b)
{
	uint32_t n = whole(r, b->part, r->part_scaled ? replay_weight(r, b) : 1);

	if (b->born < r->since)		/* it is not among what was made */
		return;
	if (ages_count(&r->part[b->part].ages, &r->ages, class_of(r, b->born), n))
		r->private->failed = true;
}

/* --- objects ----------------------------------------------------------------------- */

static struct part_objects *first_object(struct replay *r, struct part *p)
{
	if (mem_room(&r->part_objects, r->objects, &r->objects_room, sizeof(*r->part_objects)))
		return NULL;
	p->objects = r->objects++;
	r->part_objects[p->objects] = (struct part_objects){ 0 };
	return &r->part_objects[p->objects];
}

void replay_count_born(struct replay *r, const struct object *o, part_id part)
{
	struct part *p = &r->part[part];
	struct part_objects *objects = p->objects ? &r->part_objects[p->objects] : first_object(r, p);

	if (!objects) {
		r->private->failed = true;
		return;
	}
	objects->born++;
	objects->live++;
	if (r->part_scaled) {
		r->part_scaled[part].objects += (double)o->weight;
		r->part_scaled[part].live_objects += (double)o->weight;
	}
	if (!o->block)			/* else its block has the mass */
		catch_up(r, p->site)->mass++;
}

void replay_count_dead(struct replay *r, const struct object *o)
{
	struct part_objects *objects;
	struct site *s;
	part_id part;

	/* It was there when it was born, and none is ever taken away. */
	if (replay_part_of(r, o->site, o->type, o->thread, &part))
		return;
	objects = &r->part_objects[r->part[part].objects];
	objects->live--;
	if (r->part_scaled)
		r->part_scaled[part].live_objects -= (double)o->weight;
	if (o->born >= r->since && ages_count(&objects->ages, &r->ages, class_of(r, o->born),
					      whole(r, part, (double)o->weight)))
		r->private->failed = true;
	if (o->block)
		return;
	s = catch_up(r, o->site);
	s->mass--;
	if (s->mass < s->low)
		s->low = s->mass;
}

void replay_wait(struct replay *r, const struct block *b, bool waits)
{
	struct site *s = catch_up(r, block_site(r, b));
	uint64_t mass = b->size + !b->size;

	s->mass = waits ? s->mass - mass : s->mass + mass;
	if (s->mass < s->low)
		s->low = s->mass;
}

void replay_adopt(struct replay *r, struct block *b, part_id part)
{
	/* What was made before the counting began is not among what was made. */
	bool counted = b->born >= r->since;

	if (b->part == part)
		return;
	if (counted)
		replay_count_made(r, b, -1);
	replay_count_out(r, b);
	b->part = part;
	if (counted)
		replay_count_made(r, b, 1);
	replay_count_in(r, b, r->private->held ? r->private->held->ticks : r->now);
}

/* --- moments ----------------------------------------------------------------------- */

void replay_settle(struct replay *r)
{
	for (site_id i = 0; i < r->sites; i++) {
		struct site *s = &r->site[i];

		trend_settle(&r->trend, &s->segment, &s->series, &s->low, s->mass);
	}
	for (part_id i = 0; i < r->parts; i++)
		touch(r, i);
}

/* What is being put together: rows for parts that left something. */
struct lefts {
	uint32_t *of;			/* by part                                   */
	struct part_left *row;
	struct part_left_scaled *scaled;
	uint32_t n, cap, scaled_cap;
	bool sampled;
};

static int add_left(struct lefts *l)
{
	if (mem_room(&l->row, l->n, &l->cap, sizeof(*l->row)) ||
	    (l->sampled && mem_room(&l->scaled, l->n, &l->scaled_cap, sizeof(*l->scaled))))
		return -ENOMEM;
	l->row[l->n] = (struct part_left){ 0 };
	if (l->sampled)
		l->scaled[l->n] = (struct part_left_scaled){ 0 };
	l->n++;
	return 0;
}

/* 0 or -ENOMEM. */
static int left_of(struct lefts *l, part_id part, uint32_t *ret_row)
{
	if (!l->of[part]) {
		if (add_left(l))
			return -ENOMEM;
		l->of[part] = l->n - 1;
	}
	*ret_row = l->of[part];
	return 0;
}

static int take_all(const struct replay *r, struct lefts *l)
{
	for (part_id i = 0; i < r->parts; i++) {
		const struct part *p = &r->part[i];
		uint64_t objects = replay_objects(r, i)->live;
		uint32_t row;

		if (!p->live && !objects)
			continue;
		if (left_of(l, i, &row))
			return -ENOMEM;
		l->row[row] = (struct part_left){ p->live, p->live_bytes, objects };
		if (l->sampled)
			l->scaled[row] = (struct part_left_scaled){ r->part_scaled[i].live,
				r->part_scaled[i].live_objects };
	}
	return 0;
}

/* Only what was made since. */
static int take_young(struct replay *r, struct lefts *l)
{
	const struct object *o;
	const struct block *b;
	part_id part;
	uint32_t row;
	size_t at = 0;

	while ((b = replay_each_block(r, &at)))
		if (b->born >= r->since) {
			if (left_of(l, b->part, &row))
				return -ENOMEM;
			l->row[row].live++;
			l->row[row].live_bytes += b->size;
			if (l->sampled)
				weigh(&l->scaled[row].live, replay_weight(r, b), b->size);
		}
	for (at = 0; (o = replay_each_object(r, &at));)
		if (o->born >= r->since) {
			if (replay_part_of(r, o->site, o->type, o->thread, &part) ||
			    left_of(l, part, &row))
				return -ENOMEM;
			l->row[row].live_objects++;
			if (l->sampled)
				l->scaled[row].objects += (double)o->weight;
		}
	return 0;
}

/* When what is left was made, for the trend. */
static int take_births(struct replay *r)
{
	const struct object *o;
	const struct block *b;
	size_t at = 0;

	if (trend_left(&r->trend))
		return -ENOMEM;
	if (r->trend.n <= 1)
		return 0;
	while ((b = replay_each_block(r, &at))) {
		o = &r->live.object[b->object];
		trend_count_left(&r->trend, r->site[block_site(r, b)].series,
			b->object && o->alive ? o->born : b->born, mass_of(r, b));
	}
	for (at = 0; (o = replay_each_object(r, &at));)
		if (!o->block)
			trend_count_left(&r->trend, r->site[o->site].series, o->born, 1);
	return 0;
}

int replay_mark_left(struct replay *r)
{
	struct lefts l = { .of = mem_array(r->parts, sizeof(*l.of)), .sampled = r->part_scaled };

	if (!l.of || add_left(&l) || (r->since ? take_young(r, &l) : take_all(r, &l))) {
		mem_free(l.of);
		mem_free(l.row);
		mem_free(l.scaled);
		return -ENOMEM;
	}
	mem_free(r->left);
	mem_free(r->left_scaled);
	mem_free(r->left_of);
	r->left = l.row;
	r->left_scaled = l.scaled;
	r->left_of = l.of;
	r->lefts = l.n;
	r->parts_left = r->parts;
	r->total_left = replay_totals(r);
	r->left_ticks = r->private->held ? r->private->held->ticks : r->now;
	replay_settle(r);
	return r->trend.done ? 0 : take_births(r);
}

void replay_start_counting(struct replay *r)
{
	struct replay_total *t = &r->total;

	r->since = r->now + 1;
	for (part_id i = 0; i < r->parts; i++) {
		struct part *p = &r->part[i];

		p->blocks = p->bytes = p->brief = 0;
		p->ages = (struct ages){ 0 };
		if (r->part_scaled) {
			r->part_scaled[i].made = (struct weighed){ 0 };
			r->part_scaled[i].brief = r->part_scaled[i].objects = 0;
		}
	}
	for (uint32_t i = 1; i < r->objects; i++) {
		r->part_objects[i].born = 0;
		r->part_objects[i].ages = (struct ages){ 0 };
	}
	ages_fini(&r->ages);
	for (site_id i = 0; i < r->sites; i++)
		r->site[i].peak_bytes = r->site[i].live_bytes;
	t->blocks = t->bytes = t->frees = t->moves = t->births = t->deaths = t->events = 0;
	t->peak_bytes = t->live_bytes;
	t->peak_live = t->live;
	r->scaled.made = (struct weighed){ 0 };
	r->scaled.frees = r->scaled.moved_bytes = r->scaled.births = r->scaled.deaths = 0;
	r->scaled.peak_bytes = r->scaled.live.bytes;
	r->scaled.peak_blocks = r->scaled.live.n;
	new_peak(r, r->now);
	replay_settle(r);
}
