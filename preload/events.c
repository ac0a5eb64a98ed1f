#include "events.h"

#include "clock.h"
#include "confine.h"
#include "file.h"
#include "process.h"
#include "proof.h"
#include "resident.h"
#include "ring.h"
#include "runtime.h"
#include "stack.h"

#include <string.h>

/*
 * Fields are written by whole 8-byte stores, of which the next field covers
 * what was too much: so a record may need 8 bytes more than it has.  And
 * event_amend_birth wants to find room for a tail behind the record.
 */
#define FIELDS_MAX (2 + 8 + 8 + 8)
#define TAIL_MAX   (1 + 5)
#define SLACK      (8 + TAIL_MAX + 2)
#define LOC_MAX    5			/* bytes of a location as LEB128             */
#define DELTA_MAX  (1 + 5 + 5)		/* ... of a delta without its locations      */

static uint32_t lesser(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* --- chunks -------------------------------------------------------------------- */

/*
 * A full chunk is copied to the end of the file, then the live one starts
 * over.  The writer may be killed between any two of these steps:
 *
 *   the copy's body, then its head		without a head there is no copy
 *   used = 0					two chunks (stream, seq): the copy has more
 *   ticks, ns, thread, lost			... still so
 *   seq + 1					one of each
 *
 * So nothing committed is lost and nothing is there twice.  When there is no
 * room for the copy, the live chunk stays as it is, and what comes is lost.
 */
static void start_over(struct thr *t, uint64_t seq)
{
	struct event_writer *w = &t->out;
	struct ouro_chunk *c = w->chunk;
	uint64_t now = clock_now();

	if (now < w->ticks)
		now = w->ticks;
	__atomic_store_n(&c->used, 0, __ATOMIC_RELEASE);
	c->ticks = now;
	c->ns = clock_ns(CLOCK_MONOTONIC);
	c->thread = t->thread;
	c->lost = w->lost;
	__atomic_store_n(&c->seq, seq, __ATOMIC_RELEASE);

	w->at = (uint8_t *)(c + 1);
	w->end = w->at + OURO_CHUNK_ROOM - SLACK;
	w->last = NULL;
	w->pair = (struct event_pair){ 0 };
	w->ticks = now;
	w->addr = 0;
	w->lost = 0;
	w->native = w->interp = (struct written){ 0 };
	memset(&w->recent, 0, sizeof w->recent);
}

static bool start_slot(struct thr *t)
{
	struct event_writer *w = &t->out;
	struct ouro_chunk *old = w->chunk, *fresh;
	uint64_t seq;

	fresh = ring_next(t, &seq);
	if (!fresh)
		return false;
	w->chunk = fresh;
	start_over(t, seq);
	ring_turn(t, old, fresh);
	return true;
}

static bool start_chunk(struct thr *t)
{
	struct event_writer *w = &t->out;

	if (ring_on) {
		if (!start_slot(t))
			return false;
	} else if (w->chunk) {
		if (file_append(w->chunk))
			return false;
		start_over(t, w->chunk->seq + 1);
	} else {
		w->chunk = file_map_chunk(OURO_CHUNK_EVENTS, t->stream);
		if (!w->chunk)
			return false;
		start_over(t, 0);
	}
	event_statistics(t);
	resident_tell(t, false);
	return true;
}

void event_statistics(struct thr *t)
{
	struct event_writer *w = &t->out;

	file_count(&file->counter[OURO_STACKS], w->stacks);
	file_count(&file->counter[OURO_STACKS_CUT], w->cut);
	file_count(&file->counter[OURO_STACKS_FALLBACK], w->full);
	file_count(&file->counter[OURO_INTERP_CUT], w->interp_cut);
	w->stacks = w->cut = w->full = w->interp_cut = 0;
}

static bool drop(struct event_writer *w)
{
	w->lost++;
	file_count(&file->lost[ring_on ? ring_reason() : OURO_LOST_SPACE], 1);
	return false;
}

/* Room for `need` bytes and the slack. */
static inline bool room(struct thr *t, size_t need)
{
	struct event_writer *w = &t->out;

	if (__builtin_expect((size_t)(w->end - w->at) >= need && w->chunk, 1))
		return true;
	return start_chunk(t) || drop(w);
}

static inline void commit(struct event_writer *w, uint8_t *end)
{
	w->last = w->at;
	w->at = end;
	__atomic_store_n(&w->chunk->used, (uint32_t)(end - (uint8_t *)(w->chunk + 1)),
		__ATOMIC_RELEASE);
}

/* --- records ------------------------------------------------------------------- */

static inline uint8_t *put_field(uint8_t *p, uint64_t v, unsigned code)
{
	memcpy(p, &v, 8);
	return p + ouro_code_bytes(code);
}

/* Codes of 7 stand for 8 bytes; all others for themselves. */
static uint8_t *put_long_fields(uint8_t *p, uint64_t dt, uint64_t step, uint64_t arg,
	uint16_t *ret_codes)
{
	unsigned codes[] = { ouro_code_for(dt), ouro_code_for(step), ouro_code_for(arg) };

	*ret_codes = (uint16_t)OURO_HEAD(0, codes[0], codes[1], codes[2], 0);
	return put_field(put_field(put_field(p, dt, codes[0]), step, codes[1]), arg, codes[2]);
}

/* Bytes of v < 2^48: its code, too. */
static inline unsigned bytes_of(uint64_t v)
{
	return (unsigned)(63 - __builtin_clzll(2 * v + 1) + 7) / 8;
}

/* All of a record but its stack and tail. */
static inline uint8_t *put_fields(struct event_writer *w, enum ouro_kind kind, uint64_t now,
	uint64_t addr, uint64_t arg, enum ouro_stack_form form)
{
	uint64_t dt = now > w->ticks ? now - w->ticks : 0;
	uint64_t step = ouro_zigzag((int64_t)(addr - w->addr) >> 3);
	unsigned dt_bytes = bytes_of(dt), step_bytes = bytes_of(step), arg_bytes = bytes_of(arg);
	uint16_t head;
	uint8_t *p = w->at;

	w->ticks += dt;
	w->addr = addr & ~(uintptr_t)7;		/* as a reader will have it */
	if (__builtin_expect((dt | step | arg) >> 48, 0)) {
		p = put_long_fields(p + 2, dt, step, arg, &head);
		head |= OURO_HEAD((unsigned)kind, 0, 0, 0, (unsigned)form);
		memcpy(w->at, &head, 2);
		return p;
	}
	head = OURO_HEAD((unsigned)kind, dt_bytes, step_bytes, arg_bytes, (unsigned)form);
	memcpy(p, &head, 2);
	memcpy(p += 2, &dt, 8);
	memcpy(p += dt_bytes, &step, 8);
	memcpy(p += step_bytes, &arg, 8);
	return p + arg_bytes;
}

/*
 * The time of an event.  To have it exact against what other threads do costs
 * as much as the rest of a record, so it is had only where it tells something:
 * not while there is one thread, and not where a lock that changes hands once
 * in microseconds (CPython's) stands between any two threads' events.  Memory
 * that the runtime has just got from malloc may have been any thread's.
 */
static inline uint64_t stamp(struct thr *t, enum ouro_kind kind)
{
	bool pool = kind >= OURO_POOL_ALLOC && kind <= OURO_DEATH, asked = t->pool_asked;

	if (pool)
		t->pool_asked = false;
	/* What another thread hands us, it hands us after it has set this. */
	if (!__atomic_load_n(&thr_several, __ATOMIC_ACQUIRE)
	    || (pool && !asked && interpreter && interpreter->serial))
		return clock_about_now();
	return clock_now();
}

void event(struct guard *g, enum ouro_kind kind, uintptr_t addr, uint64_t arg)
{
	struct event_writer *w = &g->t->out;

	if (room(g->t, FIELDS_MAX))
		commit(w, put_fields(w, kind, stamp(g->t, kind), addr, arg, OURO_STACK_NONE));
}

/* A delta's first byte and what of both numbers exceeds a nibble. */
static inline uint8_t *put_delta_head(uint8_t *p, uint32_t pop, uint32_t push)
{
	*p++ = (uint8_t)(lesser(pop, 15) << 4 | lesser(push, 15));
	if (pop >= 15)
		p = ouro_put_varint(p, pop - 15);
	if (push >= 15)
		p = ouro_put_varint(p, push - 15);
	return p;
}

static inline uint8_t *put_native(uint8_t *p, struct event_writer *w, const struct unwind *u)
{
	uint32_t mark = stack_native_mark(u), marks = mark != 0;
	struct written *list = &w->native;
	uint32_t n = u->n + marks, i = list->same;

	p = put_delta_head(p, list->n - i, n - i);
	if (i < marks) {
		p = ouro_put_location(p, &w->recent, mark);
		i = 1;
	}
	for (; i < n; i++)
		p = ouro_put_location(p, &w->recent, u->frames[i - marks].loc);
	*list = (struct written){ .n = n, .same = n, .mark = mark };
	return p;
}

static inline uint8_t *put_interp(uint8_t *p, struct event_writer *w,
	const struct interp_stack *s)
{
	struct written *list = &w->interp;

	p = put_delta_head(p, list->n - list->same, s->n - list->same);
	for (uint32_t i = list->same; i < s->n; i++)
		p = ouro_put_location(p, &w->recent, s->loc[i]);
	list->n = list->same = s->n;
	return p;
}

static inline uint32_t native_count(const struct unwind *u)
{
	return u->n + (stack_native_mark(u) != 0);
}

/* The most that the deltas of both lists can take. */
static inline size_t stack_need(const struct thr *t)
{
	const struct event_writer *w = &t->out;

	return 2 * DELTA_MAX + (size_t)(native_count(t->unwind) - w->native.same
		+ t->interp.n - w->interp.same) * LOC_MAX;
}
static_assert(FIELDS_MAX + OURO_VARINT_MAX * EVENT_EXT_MAX + 2 * DELTA_MAX + (UNWIND_DEPTH + 1 + INTERP_MAX) * LOC_MAX
	< OURO_CHUNK_ROOM - SLACK, "a chunk has room for the deepest stacks");

/* A stack was taken: what of it is to be written. */
static inline enum ouro_stack_form stack_form(const struct thr *t)
{
	const struct event_writer *w = &t->out;

	if (w->interp.same != w->interp.n || w->interp.n != t->interp.n)
		return OURO_STACK_BOTH;
	if (w->native.same != w->native.n || w->native.n != native_count(t->unwind))
		return OURO_STACK_NATIVE;
	return OURO_STACK_SAME;
}

static inline uint8_t *put_stack(uint8_t *p, struct thr *t, enum ouro_stack_form form)
{
	if (form >= OURO_STACK_NATIVE)
		p = put_native(p, &t->out, t->unwind);
	if (form == OURO_STACK_BOTH)
		p = put_interp(p, &t->out, &t->interp);
	return p;
}

void event_from(struct guard *g, enum ouro_kind kind, uintptr_t addr, uint64_t arg,
	uintptr_t ip, uintptr_t sp, uintptr_t bp)
{
	struct thr *t = g->t;
	struct event_writer *w = &t->out;
	enum ouro_stack_form form;
	uint64_t now;
	uint8_t *p;

	if (__builtin_expect(confined, 0)) {
		event(g, kind, addr, arg);
		return;
	}
	stack_take(t, ip, sp, bp);
	if (__builtin_expect(proof_wanted, 0))
		proof_write(g);
	now = stamp(t, kind);
	if (__builtin_expect(now >= process_snapshot_due, 0))
		process_snapshot_interval(g, now);
	/* A new chunk knows no stacks, so the form is looked at after it began. */
	if (!room(t, FIELDS_MAX + stack_need(t)))
		return;
	form = stack_form(t);
	p = put_fields(w, kind, now, addr, arg, form);
	commit(w, put_stack(p, t, form));
}

/* --- pairs of references --------------------------------------------------------- */

/* Written whole, then raised by stores of one byte: killed at any moment, what counts was. */
bool event_begin_repeats(struct thr *t)
{
	const uint16_t head = OURO_HEAD(OURO_REPEAT, 0, 0, 1, OURO_STACK_NONE);
	struct event_writer *w = &t->out;
	struct event_pair *pair = &w->pair;

	if (pair->repeats || (size_t)(w->end - w->at) < sizeof head + 1)
		return false;
	memcpy(w->at, &head, sizeof head);
	pair->repeats = w->at + sizeof head;
	*pair->repeats = 1;
	commit(w, pair->repeats + 1);
	pair->last = w->last;
	pair->turn ^= 1;
	w->stacks++;
	return true;
}

/* Is the last record the INCREF to `count` of addr, with a stack and whole? */
static bool last_took(const struct event_writer *w, uintptr_t addr, uint64_t count)
{
	const uint8_t *p = w->last;
	unsigned code;
	uint64_t arg;
	uint16_t head;

	if (!p || w->addr != addr || w->lost)
		return false;
	memcpy(&head, p, 2);
	if ((head & 31) != OURO_INCREF || head >> 14 == OURO_STACK_NONE)
		return false;
	p += 2 + ouro_code_bytes(head >> 5 & 7) + ouro_code_bytes(head >> 8 & 7);
	code = head >> 11 & 7;
	memcpy(&arg, p, 8);
	return code < 7 && (arg & ((1ull << 8 * code) - 1)) == count;
}

void event_given_back(struct guard *g, uintptr_t addr, uint64_t arg, uintptr_t ip,
	uintptr_t sp, uintptr_t bp)
{
	struct thr *t = g->t;
	const struct unwind *u = t->unwind;
	struct event_writer *w = &t->out;
	struct event_pair *pair = &w->pair;
	const uint8_t *behind = w->at;
	bool took = u->ready && last_took(w, addr, arg + 1);
	uint32_t depth = u->n, way = took ? unwind_way(u) : 0;
	uintptr_t taken_ip = took ? u->frames[depth - 1].ip : 0;

	event_from(g, OURO_DECREF, addr, arg, ip, sp, bp);
	pair->addr = 0;
	/* It may have been dropped, or begin another chunk. */
	if (!took || w->last != behind || !u->ready || u->cut != UNWIND_WHOLE || u->n != depth
	    || u->kept + 1 < depth || unwind_way(u) != way || proof_wanted
	    || (interpreter && interpreter->frames))
		return;
	pair->addr = addr;
	pair->count = arg + 1;
	pair->ip[0] = taken_ip;
	pair->ip[1] = ip;
	pair->turn = 0;
	pair->repeats = NULL;
	pair->last = w->last;
}

bool event_amend_birth(struct guard *g, uintptr_t op, uint32_t type)
{
	struct event_writer *w = &g->t->out;
	const uint16_t kind_bits = 31;
	uint16_t head;
	uint8_t *end;

	if (!w->last || op - w->addr > 64)
		return false;
	memcpy(&head, w->last, 2);
	if ((head & kind_bits) != OURO_POOL_ALLOC)
		return false;
	/*
	 * The tail first, then the kind that announces it, `used` at last: killed
	 * in between, the record stays a POOL_ALLOC or counts as one.
	 */
	end = ouro_put_varint(w->at, (op - w->addr) / 8);
	end = ouro_put_varint(end, type);
	head = (uint16_t)((head & ~kind_bits) | OURO_POOL_BIRTH);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	memcpy(w->last, &head, 2);
	w->at = end;
	__atomic_store_n(&w->chunk->used, (uint32_t)(end - (uint8_t *)(w->chunk + 1)),
		__ATOMIC_RELEASE);
	return true;
}

/* An EXT's tail: what it is, then its numbers. */
struct tail {
	uint8_t bytes[OURO_VARINT_MAX * EVENT_EXT_MAX];
	size_t n;
};

static void tail_make(struct tail *t, enum ouro_ext ext, const uint64_t *args, unsigned n)
{
	uint8_t *end = ouro_put_varint(t->bytes, ext);

	assert(n < EVENT_EXT_MAX);
	for (unsigned i = 0; i < n; i++)
		end = ouro_put_varint(end, args[i]);
	t->n = (size_t)(end - t->bytes);
}

static void put_ext(struct thr *t, uint64_t now, uintptr_t addr, const struct tail *tail,
	enum ouro_stack_form form)
{
	struct event_writer *w = &t->out;
	uint8_t *p = put_stack(put_fields(w, OURO_EXT, now, addr, tail->n, form), t, form);

	memcpy(p, tail->bytes, tail->n);
	commit(w, p + tail->n);
}

void event_ext(struct guard *g, enum ouro_ext ext, const uint64_t *args, unsigned n)
{
	struct event_writer *w = &g->t->out;
	uint64_t now = clock_now();
	struct tail tail;

	if (ext == OURO_EXT_EXITING && ring_on)
		ring_hold();
	tail_make(&tail, ext, args, n);
	if (room(g->t, FIELDS_MAX + sizeof tail.bytes))
		put_ext(g->t, now, w->addr, &tail, OURO_STACK_NONE);
}

void event_ext_from(struct guard *g, enum ouro_ext ext, uintptr_t addr, const uint64_t *args,
	unsigned n, uintptr_t ip, uintptr_t sp, uintptr_t bp)
{
	struct thr *t = g->t;
	bool with_stack = ip && !confined;
	struct tail tail;
	uint64_t now;

	if (with_stack) {
		stack_take(t, ip, sp, bp);
		if (__builtin_expect(proof_wanted, 0))
			proof_write(g);
	}
	now = stamp(t, OURO_EXT);
	tail_make(&tail, ext, args, n);
	if (room(t, FIELDS_MAX + sizeof tail.bytes + (with_stack ? stack_need(t) : 0)))
		put_ext(t, now, addr, &tail, with_stack ? stack_form(t) : OURO_STACK_NONE);
}

void event_thread_start(struct thr *t)
{
	struct guard g = { .t = t };
	uint64_t thread = t->thread;

	/* The stacks in the chunk are another thread's, and nothing was checked since. */
	t->out.native.same = t->out.interp.same = 0;
	t->out.pair = (struct event_pair){ 0 };
	event_ext(&g, OURO_EXT_THREAD, &thread, 1);
}

uint64_t event_ticks(void)
{
	return clock_now();
}
