/*
 * reading.h - what the fuzz targets share: seeds, chance, and a reader of everything
 */
#ifndef READING_H
#define READING_H

#include "mem.h"
#include "pack.h"
#include "packnames.h"
#include "replay.h"
#include "snap.h"

#include "trace_writer.h"

#include <inttypes.h>

/*
 * Nothing outlives its input but by mistake: a short quarantine finds that as well, and 50
 * million inputs take hours less.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=4:malloc_context_size=6";
}

static inline void look_around(struct replay *r)
{
	size_t at = 0;
	const struct block *b;
	const struct object *o;

	while ((b = replay_each_block(r, &at)))
		if (!replay_block(r, b->addr) ||
		    !stacks_depth(&r->stacks, r->site[block_site(r, b)].stack) !=
				!r->site[block_site(r, b)].stack)
			abort();
	at = 0;
	while ((o = replay_each_object(r, &at)))
		/* Another one may have been born where it was, while realloc has it. */
		if (!replay_object(r, o->addr))
			abort();
	replay_block_around(r, 0x100008);
}

/* --- twice, with the same result ---------------------------------------------------- */

static inline uint64_t mixed(uint64_t h, const void *bytes, size_t size)
{
	const uint8_t *p = bytes;
	uint64_t word;

	for (; size; p += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = (h ^ word) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return h;
}

static inline uint64_t mixed_number(uint64_t h, uint64_t n)
{
	return mixed(h, &n, sizeof(n));
}

/* Numbers that are all of 64 bits, or of 32 in pairs: nothing between them is undefined. */
static_assert(sizeof(struct stack_node) == 8 && sizeof(struct block) == 32 &&
	sizeof(struct site) == 48 && sizeof(struct replay_total) % 8 == 0 &&
	sizeof(struct timeline_bin) % 8 == 0, "these are hashed as they lie in memory");

static inline uint64_t hash_parts(const struct replay *r, uint64_t h)
{
	for (uint32_t i = 0; i < r->parts; i++) {
		const struct part *p = &r->part[i];
		uint64_t ages[2][AGES] = { { 0 } };

		ages_add(ages[0], &p->ages, &r->ages);
		ages_add(ages[1], &replay_objects(r, i)->ages, &r->ages);
		h = mixed(h, ages, sizeof(ages));
		h = mixed_number(h, (uint64_t)p->site << 32 | p->type);
		h = mixed(h, &p->blocks, offsetof(struct part, live) -
			offsetof(struct part, blocks));
		h = mixed_number(h, (uint64_t)p->live << 32 | p->at_peak);
		h = mixed_number(h, p->thread);
		h = mixed(h, replay_objects(r, i), 2 * sizeof(uint64_t));
	}
	for (uint32_t i = 0; i < r->lefts; i++)
		h = mixed(h, &r->left[i], sizeof(r->left[i]));
	return h;
}

static inline uint64_t hash_living(const struct replay *r, uint64_t h)
{
	const struct block *b;
	const struct object *o;
	size_t at = 0;

	while ((b = replay_each_block(r, &at)))
		h = mixed(h, b, sizeof(*b));
	for (at = 0; (o = replay_each_object(r, &at)); ) {
		h = mixed(h, o, offsetof(struct object, type));
		h = mixed_number(h, (uint64_t)o->type << 32 | o->site);
	}
	return h;
}

static inline uint64_t hash_damages(const struct trace *t, uint64_t h)
{
	for (uint32_t i = 0; i < t->damages && i < TRACE_DAMAGE_MAX; i++)
		for (const char *s = t->damage[i].text; *s; s++)
			h = mixed_number(h, (uint8_t)*s);
	return mixed_number(h, t->damages);
}

/* All that a replay can tell at its end. */
static inline uint64_t hash_of(const struct replay *r)
{
	uint64_t h = mixed(1, &r->total, sizeof(r->total));

	h = mixed(h, &r->total_left, sizeof(r->total_left));
	h = mixed(h, r->site, r->sites * sizeof(*r->site));
	h = mixed(h, r->stacks.node, r->stacks.count * sizeof(*r->stacks.node));
	h = mixed(h, r->timeline.bin, r->timeline.n * sizeof(*r->timeline.bin));
	h = mixed_number(h, r->now);
	h = mixed_number(h, r->ready);
	h = mixed_number(h, r->exiting);
	return hash_damages(r->trace, hash_living(r, hash_parts(r, h)));
}

static inline uint64_t replay_it(struct trace *t, const struct defs *d)
{
	struct replay r;
	uint64_t live = 0, bytes = 0, hash;

	if (replay_init(&r, t, d))
		return 0;
	replay_to_snapshot(&r, 1);
	look_around(&r);
	replay_to_end(&r);
	look_around(&r);
	for (uint32_t i = 0; i < r.parts; i++) {
		live += r.part[i].live;
		bytes += r.part[i].live_bytes;
	}
	for (site_id i = 0; i < r.sites; i++)
		stacks_line(&r.stacks, r.site[i].stack);
	mem_free(replay_site_blocks(&r));
	if (live != r.total.live || bytes != r.total.live_bytes || live != r.live.blocks)
		abort();
	trace_elapsed(t, r.now);
	hash = hash_of(&r);
	replay_fini(&r);
	return hash;
}

/* Without the thread that reads ahead, and with it, in batches of a few events. */
static inline void replay_twice(struct trace *t, const struct defs *d, uint32_t batch)
{
	static struct trace copy;	/* each has its own list of damages */
	uint64_t hash;

	copy = *t;
	merge_ahead = 1;
	merge_batch_events = batch;
	hash = replay_it(&copy, d);
	merge_ahead = -1;
	merge_batch_events = MERGE_BATCH;
	if (replay_it(t, d) != hash)
		abort();
}

/* A replay that is left in the middle, its thread still reading. */
static inline void replay_half(struct trace *t, const struct defs *d)
{
	static struct trace copy;
	struct replay r;

	copy = *t;
	merge_ahead = 1;
	merge_batch_events = 1;
	if (!replay_init(&r, &copy, d)) {
		replay_to_ticks(&r, t->head.start_ticks + 2);
		replay_fini(&r);
	}
	merge_ahead = -1;
	merge_batch_events = MERGE_BATCH;
}

static inline void read_snapshots(struct trace *t, const struct defs *d)
{
	struct snap s;

	snap_newest(t, d);
	for (uint32_t i = 0; i < t->snapshots; i++) {
		if (snap_load(&s, t, d, t->snapshot[i].number))
			continue;
		for (uint32_t n = 0; n < s.nodes; n++)
			if (snap_find(&s, s.node[n].addr) != n ||
			    s.node[n].edge + s.node[n].edges > s.edges)
				abort();
		for (uint32_t e = 0; e < s.edges; e++)
			if (s.edge[e].to >= s.nodes)
				abort();
		snap_free(&s);
	}
}

/* Steps over stacks, as those do who only count. */
static inline void count_events(struct trace *t)
{
	struct cursor c;
	struct event e;

	for (uint32_t i = 0; i < t->events; i++) {
		if (cursor_init(&c, t, i, NULL))
			continue;
		while (cursor_next(&c, &e) > 0)
			;
		cursor_fini(&c);
	}
}

static inline void use_text(const char *s)
{
	if (s && !*s)			/* none is NULL, never empty */
		abort();
}

static inline void read_names(struct trace *t, const struct defs *d)
{
	struct native_frame frame[NATIVE_FRAMES];
	enum native_state state;
	struct packnames *names;
	uint64_t offset;
	uint8_t *bytes;
	size_t size;

	if (trace_section(t, PACK_NAMES, &bytes, &size) || packnames_read(&names, bytes, size))
		return;
	for (uint32_t i = 0; i < d->locations + 2; i++)
		for (uint32_t k = packnames_frames(names, i, frame); k-- > 0; ) {
			use_text(frame[k].function);
			use_text(frame[k].file);
		}
	for (uint32_t i = 0; i < d->modules + 2; i++) {
		packnames_module(names, i, &state);
		for (uint64_t at = 0; at < 0x100; at += 8)
			use_text(packnames_datum(names, i, at, &offset));
	}
	packnames_free(names);
}

/* All of a trace, plain or packed, as the commands read it. */
static inline void read_everything(const uint8_t *bytes, size_t size)
{
	struct trace t;
	struct defs d;
	char error[200];
	uint64_t chance = mixed(1, bytes, size & ~(size_t)7) >> 32;

	if (trace_open_memory(&t, bytes, size, error))
		return;
	if (!defs_load(&d, &t)) {
		read_names(&t, &d);
		/* A thread costs five times what reading does. */
		if (chance % 4)
			replay_it(&t, &d);
		else
			replay_twice(&t, &d, 1 + (uint32_t)(chance >> 8) % 7);
		if (chance % 32 == 1)
			replay_half(&t, &d);
		read_snapshots(&t, &d);
		count_events(&t);
		defs_free(&d);
	}
	trace_close(&t);
}

/* --- seeds ------------------------------------------------------------------------- */

static const char *const seeds[] = {
	"alloc a 64 main>f>g; alloc b 32 main>h; free a; release b; "
		"place c 128 main>grow",
	"pbirth a 64 16 list main>eval1>new|!run:3>go:7=x; ready; pbirth b 64 16 dict "
		"main>eval1>call>eval2>new|!run:3>go:8>!inner:9; death a+16; "
			"birth a+16 list "
		"main>eval1|!run:3; prelease b; pplace c 96; "
			"collect 2 main>eval1|!run:4; collected 3; exiting",
	"alloc a 8 main; thread 2; alloc b 8 cut>x|cut>in:2; thread 1; chunk; free b; "
		"free a; "
		"thread 2; chunk; alloc a 24 lost>y>guest1; incref a 2 main; "
			"decref a 1 main; repeat 3; decref a 0 main",
	"pbirth a 64 16 list main; pbirth b 64 16 list main; snapshot 1; pfree a; "
		"snap 1; "
		"node a+16 list 64 2 4 1; edge b+16 index 0; "
			"node b+16 list 64 1 4 2 label; "
		"edge a+16 ?attr self; chunk; more; edge a+16 &class; "
			"root a+16 local x f /f.py 3; "
		"word b+16 data 0x4000; note careful; end",
	"row a 64 1 0 - main>f; row b 48 7 2 list main>g; row c 0 4 0 dict main>eval1|!run:3; "
		"alloc d 16 main>f; free d; applied; alloc e 16 main>f>g; free a; birth b+16 "
		"dict main; node-under 1 17",
};

#define SEEDS (sizeof(seeds) / sizeof(*seeds))

static inline void write_seed(struct trace_writer *w, size_t i)
{
	*w = (struct trace_writer){ .header_size = sizeof(struct ouro_file),
		.chunk_size = 1024 };
	write_trace(w, seeds[i]);
}

/* --- chance ------------------------------------------------------------------------ */

static uint64_t state;

static inline uint64_t roll(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 11) % below;
}

static const uint64_t odd_numbers[] = { 0, 1, 127, 128, 255, 65535, 0x7fffffff,
	0x80000000, 0xffffffff, INT64_MAX, UINT64_MAX };

/* A byte changed, or a few, at a place of the caller's choice. */
static inline void spoil(uint8_t *bytes, size_t size, size_t at)
{
	size_t n;

	switch (roll(3)) {
	case 0:
		bytes[at] ^= (uint8_t)(1 << roll(8));
		break;
	case 1:
		bytes[at] = (uint8_t)roll(256);
		break;
	default:
		n = (size_t)1 << roll(4);
		if (at + n <= size)
			memcpy(bytes + at, &odd_numbers[roll(sizeof(odd_numbers) /
				sizeof(*odd_numbers))], n);
		break;
	}
}

#endif
