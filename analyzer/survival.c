#include "survival.h"

#include "mem.h"
#include "shape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PACE_TICKS (1u << 20)

unsigned age_class(uint64_t age, unsigned classes)
{
	unsigned c = age ? 64 - (unsigned)__builtin_clzll(age) : 0;

	return c < classes ? c : classes - 1;
}

void lives_add(struct lives *to, const struct lives *from)
{
	to->births += from->births;
	to->garbage += from->garbage;
	to->collected_bytes += from->collected_bytes;
	to->collecting += from->collecting;
	for (unsigned i = 0; i < DEATHS; i++)
		for (unsigned g = 0; g < GENERATIONS; g++)
			to->died[i][g] += from->died[i][g];
	for (unsigned i = 0; i < AGES_COLLECTIONS; i++)
		to->by_collections[i] += from->by_collections[i];
	for (unsigned i = 0; i < AGES_BIRTHS; i++)
		to->by_births[i] += from->by_births[i];
	for (unsigned i = 0; i < AGES_TIME; i++)
		to->by_time[i] += from->by_time[i];
}

/* --------------------------------------------------------------------------- the rows */

static uint32_t slot_of(const struct survival *s, site_id site, uint32_t type)
{
	uint32_t at = (uint32_t)shape_mix(site, type) & s->index_mask;

	for (; s->index[at]; at = (at + 1) & s->index_mask) {
		const struct survival_row *row = &s->row[s->index[at]];

		if (row->site == site && row->type == type)
			break;
	}
	return at;
}

static bool grow(struct survival *s)
{
	uint32_t room = s->index_mask ? 2 * (s->index_mask + 1) : 1024;
	uint32_t *index = mem_array(room, sizeof(*index));

	if (!index)
		return false;
	mem_free(s->index);
	s->index = index;
	s->index_mask = room - 1;
	for (uint32_t i = 1; i < s->n; i++)
		if (s->row[i].indexed)
			s->index[slot_of(s, s->row[i].site, s->row[i].type)] = i;
	return true;
}

static bool add_to_index(struct survival *s, uint32_t row)
{
	if (s->row[row].indexed)
		return true;
	if (s->indexed * 2 >= s->index_mask && !grow(s))
		return false;
	s->row[row].indexed = true;
	s->indexed++;
	s->index[slot_of(s, s->row[row].site, s->row[row].type)] = row;
	return true;
}

static bool more_sites(struct survival *s, uint32_t sites)
{
	uint32_t room = s->sites * 2 > sites ? s->sites * 2 : sites;
	uint32_t *last = mem_array(room, sizeof(*last));

	if (!last)
		return false;
	memcpy(last, s->last, s->sites * sizeof(*last));
	mem_free(s->last);
	s->last = last;
	s->sites = room;
	return true;
}

/* `before`: of the same site, so it takes the index to tell them apart; 0. */
static uint32_t add_row(struct survival *s, site_id site, uint32_t type, uint32_t before)
{
	uint32_t row = s->n;

	if (mem_room(&s->row, row, &s->cap, sizeof(*s->row)))
		return 0;
	s->row[row] = (struct survival_row){ .site = site, .type = type };
	s->n++;
	if (before && (!add_to_index(s, before) || !add_to_index(s, row)))
		return 0;
	return row;
}

/* 0: there is none. */
static uint32_t find_row(const struct survival *s, site_id site, uint32_t type)
{
	uint32_t last = site < s->sites ? s->last[site] : 0;

	if (!last || s->row[last].type == type)
		return last;
	return s->row[last].indexed ? s->index[slot_of(s, site, type)] : 0;
}

/* NULL: there is no memory, and the table can no longer be exact. */
static struct survival_row *row_of(struct survival *s, site_id site, uint32_t type)
{
	uint32_t row = find_row(s, site, type);

	if (site >= s->sites && !more_sites(s, site + 1)) {
		s->failed = true;
		return NULL;
	}
	if (!row)
		row = add_row(s, site, type, s->last[site]);
	if (!row) {
		s->failed = true;
		return NULL;
	}
	s->last[site] = row;
	return &s->row[row];
}

/* How one died, in a number. */
#define HOW(death, generation, collections, births, time) \
	((death) | (generation) << 2 | (collections) << 4 | (births) << 8 | (time) << 16)
static_assert(DEATHS <= 4 && GENERATIONS <= 4 && AGES_COLLECTIONS <= 16 && AGES_BIRTHS <= 256,
	"fields of HOW");

static void add_deaths(struct lives *l, uint32_t how, uint32_t n)
{
	l->died[how & 3][how >> 2 & 3] += n;
	l->by_collections[how >> 4 & 15] += n;
	l->by_births[how >> 8 & 255] += n;
	l->by_time[how >> 16] += n;
}

/* NULL: as row_of. */
static struct survival_full *full_of(struct survival *s, struct survival_row *row)
{
	if (!row->full) {
		if (mem_room(&s->full, s->fulls, &s->full_cap, sizeof(*s->full))) {
			s->failed = true;
			return NULL;
		}
		memset(&s->full[s->fulls], 0, sizeof(*s->full));
		if (row->alike)
			add_deaths(&s->full[s->fulls].lives, row->how, row->alike);
		row->full = s->fulls++;
	}
	return &s->full[row->full];
}

struct lives survival_lives(const struct survival *s, uint32_t row)
{
	const struct survival_row *r = &s->row[row];
	struct lives l = { 0 };

	if (r->full)
		l = s->full[r->full].lives;
	else if (r->alike)
		add_deaths(&l, r->how, r->alike);
	l.births = r->births;
	return l;
}

void survival_births(struct survival *s, const struct replay *r)
{
	if (!s->garbage)
		return;
	for (uint32_t i = 1; i < s->n; i++)
		s->row[i].births = 0;
	for (part_id i = 0; i < r->parts; i++) {
		const struct part *p = &r->part[i];
		uint32_t row = p->objects ? find_row(s, p->site, p->type) : 0;

		if (row)
			s->row[row].births += replay_objects(r, i)->born;
	}
}

/* --------------------------------------------------------------------- births, deaths */

static void count_birth(struct survival *s, site_id site, uint32_t type, uint64_t now)
{
	struct survival_row *row = row_of(s, site, type);

	if (!row)
		return;
	row->births++;
	s->births++;
	if (!s->blocks || s->births % SURVIVAL_STEP)
		return;
	if (mem_room(&s->step, s->steps, &s->steps_cap, sizeof(*s->step)))
		s->failed = true;
	else
		s->step[s->steps++] = now;
}

struct age {
	uint64_t collections, births, ns;
	unsigned generation;
};

/* In collections that ran, or in those that would have run. */
static struct age age_of(const struct survival *s, const struct replay *r, uint64_t nth,
			 uint64_t seen, uint64_t born)
{
	uint64_t now = s->simulated ? s->births / SURVIVAL_STEP : r->total.collections;
	uint64_t then = s->simulated ? nth / SURVIVAL_STEP : seen;
	uint64_t ticks = r->now > born ? r->now - born : 0;
	struct age a = { .collections = now > then ? now - then : 0,
			 .births = s->births - nth,
			 .ns = (uint64_t)((double)ticks * s->tick_ns) };
	bool old = s->simulated ? now / SURVIVAL_STEPS > then / SURVIVAL_STEPS
				: s->collections->last_old >= (int64_t)then;

	a.generation = !a.collections ? 0 : old ? 2 : 1;
	return a;
}

static void count_death(struct survival *s, struct survival_row *row, enum death death,
			const struct age *a)
{
	uint32_t how = HOW(death, a->generation, age_class(a->collections, AGES_COLLECTIONS),
			   age_class(a->births, AGES_BIRTHS), age_class(a->ns, AGES_TIME));
	struct survival_full *full;

	if (!row->full && (!row->alike || row->how == how) && row->alike < UINT32_MAX) {
		row->how = how;
		row->alike++;
		return;
	}
	full = full_of(s, row);
	if (full)
		add_deaths(&full->lives, how, 1);
}

/* A collection that was asked for runs with or without garbage: it has no cost to share. */
void survival_settle(struct survival *s)
{
	const struct collections *k = s->collections;
	const struct collection *c = s->settling < k->n ? &k->c[s->settling] : NULL;
	double cost = 0;
	uint64_t all = 0;

	for (uint32_t i = 0; i < s->ntouched; i++)
		all += s->full[s->touched[i]].now;
	if (c && c->cause == OURO_CAUSE_THRESHOLD)
		cost = (double)(c->end - c->start) * s->tick_ns / 1e9;
	for (uint32_t i = 0; i < s->ntouched; i++) {
		struct survival_full *full = &s->full[s->touched[i]];

		full->lives.collecting += cost * full->now / (double)all;
		full->now = 0;
	}
	s->ntouched = 0;
	s->settling = k->n;
}

static void touch(struct survival *s, struct survival_full *full)
{
	if (s->settling != s->collections->n)
		survival_settle(s);
	if (!full->now++) {
		if (mem_room(&s->touched, s->ntouched, &s->touched_cap, sizeof(*s->touched)))
			s->failed = true;
		else
			s->touched[s->ntouched++] = (uint32_t)(full - s->full);
	}
}

/* By the collector: of these, more is told. */
static void count_collected(struct survival *s, struct survival_row *row, const struct replay *r,
			    const struct object *o, const struct age *a)
{
	const struct block *b = o->block ? live_block(&r->live, o->block) : NULL;
	struct survival_full *full = full_of(s, row);

	if (!full)
		return;
	full->lives.collected_bytes += b ? b->size : 0;
	full->lives.garbage += r->ready && !replay_before_ready(r, o->born);
	count_death(s, row, DEATH_BY_COLLECTOR, a);
	touch(s, full);
}

static void born(void *arg, const struct replay *r, const struct object *o)
{
	struct survival *s = arg;

	if (s->garbage)
		s->births++;
	else if (!s->blocks && !s->failed)
		count_birth(s, o->site, o->type, r->now);
}

static void dies(void *arg, const struct replay *r, const struct object *o)
{
	struct survival *s = arg;
	bool collector = collections_running(s->collections, r->stream) &&
			 o->collections <= r->total.collections;
	struct survival_row *row;
	struct age a;

	if (s->blocks || s->failed || (s->garbage && !collector))
		return;
	if (o->born < r->since) {	/* inherited: its birth was another process's */
		s->collections->open[r->stream].c.deaths += collector;
		return;
	}
	row = row_of(s, o->site, o->type);
	if (!row)
		return;
	a = age_of(s, r, o->nth, o->collections, o->born);
	if (r->exiting)
		count_death(s, row, DEATH_AT_END, &a);
	else if (collector)
		count_collected(s, row, r, o, &a);
	else
		count_death(s, row, DEATH_BY_COUNT, &a);
	if (collector)
		s->collections->open[r->stream].c.deaths++;
}

/* How many were made before this moment, to within one simulated collection. */
static uint64_t made_before(const struct survival *s, uint64_t ticks)
{
	uint32_t low = 0, high = s->steps, back = 1;

	/* Most are young: from the end, in strides that double. */
	while (back <= high && s->step[high - back] > ticks) {
		high -= back;
		back *= 2;
	}
	if (back <= high)
		low = high - back + 1;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (s->step[mid] <= ticks)
			low = mid + 1;
		else
			high = mid;
	}
	return (uint64_t)low * SURVIVAL_STEP;
}

static void block(void *arg, const struct replay *r, const struct block *b, bool made)
{
	struct survival *s = arg;
	struct survival_row *row;
	struct age a;

	if (!s->blocks || s->failed || b->born < r->since)
		return;
	if (made) {
		count_birth(s, block_site(r, b), 0, b->born);
		return;
	}
	row = row_of(s, block_site(r, b), 0);
	if (!row)
		return;
	a = age_of(s, r, made_before(s, b->born), 0, b->born);
	count_death(s, row, r->exiting ? DEATH_AT_END : DEATH_BY_COUNT, &a);
}

static const struct replay_observer observer = { .born = born, .dies = dies, .block = block };

int survival_init(struct survival *s, const struct collections *c, struct replay *r, bool garbage)
{
	const struct defs *d = r->defs;

	*s = (struct survival){ .collections = c, .simulated = true, .blocks = true,
		.garbage = garbage };
	for (uint32_t i = 0; i < d->runtimes; i++) {
		s->blocks &= d->runtime[i].state == OURO_RUNTIME_DORMANT;
		if (d->runtime[i].name.length == 7 && !memcmp(d->runtime[i].name.s, "cpython", 7))
			s->simulated = false;
	}
	s->simulated |= s->blocks;
	s->tick_ns = (double)trace_elapsed(r->trace, r->trace->head.start_ticks + PACE_TICKS) /
		PACE_TICKS;
	s->n = s->fulls = 1;
	s->sites = 256;
	s->last = mem_array(s->sites, sizeof(*s->last));
	if (!s->last || !grow(s) || mem_room(&s->row, 0, &s->cap, sizeof(*s->row)) ||
	    mem_room(&s->full, 0, &s->full_cap, sizeof(*s->full))) {
		survival_fini(s);
		return -ENOMEM;
	}
	s->row[0] = (struct survival_row){ 0 };
	if (s->blocks && garbage)	/* there is none */
		return 0;
	r->observer = &observer;
	r->observer_arg = s;
	return 0;
}

void survival_fini(struct survival *s)
{
	mem_free(s->row);
	mem_free(s->full);
	mem_free(s->last);
	mem_free(s->index);
	mem_free(s->step);
	mem_free(s->touched);
	*s = (struct survival){0};
}

/* --------------------------------------------------------------------------- by place */

struct folding {
	const struct survival *s;
	struct heap_loader *l;
	struct survival_table *t;
	uint32_t *site;			/* of the heap, by row                       */
	bool collected;			/* what the collector freed is asked for     */
};

/* One stack is shown for a place: the one that most of it came by. */
static int add_place(void *arg, const struct shaped *run, uint32_t n)
{
	struct folding *f = arg;
	const struct survival_row *first = &f->s->row[run[0].at];
	const struct def_type *type = first->type ? def_type(f->l->r->defs, first->type) : NULL;
	struct survival_place *p;
	text_id name = 0;
	uint64_t most = 0;

	if (type)
		name = texts_add(&f->l->h->texts, type->name.s, type->name.length);
	if (mem_room(&f->t->place, f->t->n, &f->t->cap, sizeof(*p)))
		return -ENOMEM;
	p = &f->t->place[f->t->n++];
	*p = (struct survival_place){
		.type = name ? heap_text(f->l->h, name) : "memory block" };
	for (uint32_t i = 0; i < n; i++) {
		struct lives l = survival_lives(f->s, run[i].at);
		uint64_t weight = f->collected ? lives_died(&l, DEATH_BY_COLLECTOR) : l.births;

		lives_add(&p->lives, &l);
		if (weight > most || !i) {
			most = weight;
			p->site = f->site[run[i].at];
		}
	}
	return 0;
}

static int most_births_first(const void *a, const void *b)
{
	const struct survival_place *x = a, *y = b;

	if (x->lives.births != y->lives.births)
		return x->lives.births > y->lives.births ? -1 : 1;
	return strcmp(x->type, y->type);
}

static int fold(struct folding *f, struct shaped *key)
{
	struct shapes shapes;
	uint32_t n = 0;
	int e;

	for (uint32_t i = 1; i < f->s->n; i++) {
		const struct survival_row *row = &f->s->row[i];
		struct lives lives = survival_lives(f->s, i);
		int64_t site;

		lives_add(&f->t->all, &lives);
		if (f->collected && !lives_died(&lives, DEATH_BY_COLLECTOR))
			continue;
		site = heap_load_site(f->l, row->site);
		if (site < 0)
			return (int)site;
		f->site[i] = (uint32_t)site;
		key[n++].at = i;
	}
	if (shapes_init(&shapes, f->l->h))
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = key[i].at;
		uint64_t place = shapes.place[f->site[at]];

		/* What C code made by itself is one place, unless there is nothing else. */
		if (!place && f->s->blocks)
			place = f->site[at];
		key[i].shape = shape_mix(f->s->row[at].type, place);
	}
	shapes_fini(&shapes);
	e = shape_runs(key, n, add_place, f);
	if (f->t->n)
		qsort(f->t->place, f->t->n, sizeof(*f->t->place), most_births_first);
	return e;
}

int survival_fold(const struct survival *s, struct heap_loader *l, bool collected,
		  struct survival_table *ret)
{
	struct survival_table t = {0};
	struct folding f = { s, l, &t, mem_array(s->n, sizeof(*f.site)), collected };
	struct shaped *key = mem_array(s->n, sizeof(*key));
	int e = f.site && key ? fold(&f, key) : -ENOMEM;

	mem_free(f.site);
	mem_free(key);
	if (e)
		survival_table_fini(&t);
	else
		*ret = t;
	return e;
}

void survival_table_fini(struct survival_table *t)
{
	mem_free(t->place);
	*t = (struct survival_table){0};
}
