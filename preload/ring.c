#include "ring.h"

#include "confine.h"
#include "events.h"
#include "file.h"
#include "living.h"
#include "ring_apply.h"
#include "sys.h"

#include <string.h>

enum { FREE, OPEN, CLOSED };
#define NO_SLOT UINT32_MAX

struct slot {
	uint32_t state;
	uint32_t next;			/* of the same stream; NO_SLOT: none yet     */
	uint64_t end;			/* ticks of its last record                  */
	uint32_t passed;		/* the taker's: another one to be freed      */
};

bool ring_on;

static struct {
	struct ouro_chunk *first;	/* mapped                                    */
	struct slot *slot;
	uint32_t slots, low;		/* low: so many free ones are kept           */
	uint32_t free, hint;
	int busy;			/* somebody takes back                       */
	bool hold;
	bool waited;			/* in vain, the last time                    */
	/* the taker's */
	struct ring_stream **heap;	/* streams with something to apply, the earliest on top */
	size_t heap_room;
	uint32_t passed;		/* chain of slots that become free with this step */
	uint64_t applied;		/* records, in this step                     */
	uint64_t missing;		/* ... that found no room in the table       */
} ring;

static struct ouro_chunk *chunk_of(uint32_t slot)
{
	return (struct ouro_chunk *)((char *)ring.first + (size_t)slot * OURO_CHUNK_SIZE);
}

static uint32_t slot_of(const struct ouro_chunk *c)
{
	return (uint32_t)((size_t)((const char *)c - (const char *)ring.first)
		/ OURO_CHUNK_SIZE);
}

int ring_setup(uint64_t bytes)
{
	uint64_t slots = bytes / OURO_CHUNK_SIZE;
	void *first;

	if (slots < RING_SLOTS_MIN)
		slots = RING_SLOTS_MIN;
	if (slots >= NO_SLOT)
		return -EFBIG;
	ring.slot = sys_memory(slots * sizeof *ring.slot);
	if (!ring.slot)
		return -ENOMEM;
	first = file_map_region(slots * OURO_CHUNK_SIZE);
	if (!first) {
		sys_unmap(ring.slot, slots * sizeof *ring.slot);
		ring.slot = NULL;
		return -ENOSPC;
	}
	ring.first = first;
	ring.slots = ring.free = (uint32_t)slots;
	ring.low = ring.slots / 4;
	ring.passed = NO_SLOT;
	ring_on = true;
	return 0;
}

void ring_forked(void)
{
	for (struct thr *t = thr_all(); t; t = t->next) {
		if (t->ring)
			sys_unmap(t->ring, sizeof *t->ring);
		t->ring = NULL;
		if (ring_on)
			t->out.chunk = NULL;	/* a part of what is unmapped here */
	}
	if (ring.first)
		sys_unmap(ring.first, (size_t)ring.slots * OURO_CHUNK_SIZE);
	if (ring.slot)
		sys_unmap(ring.slot, ring.slots * sizeof *ring.slot);
	if (ring.heap)
		sys_unmap(ring.heap, ring.heap_room * sizeof *ring.heap);
	memset(&ring, 0, sizeof ring);
	ring_on = false;
	living_forked();
	ring_apply_forked();
}

void ring_hold(void)
{
	__atomic_store_n(&ring.hold, true, __ATOMIC_RELAXED);
}

enum ouro_lost ring_reason(void)
{
	return ring.hold ? OURO_LOST_RING : OURO_LOST_SPACE;
}

/* --- taking back --------------------------------------------------------------- */

/* The next record of the stream, which may stand in its next slot. */
static bool fetch(struct ring_stream *s)
{
	while (!s->read) {
		struct slot *slot = &ring.slot[s->slot];
		/* Before the records are looked at: after CLOSED, there come no more. */
		uint32_t state = __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE);

		s->read = ring_read(&s->reader);
		if (s->read)
			break;
		if (state != CLOSED)
			return false;
		slot->passed = ring.passed;
		ring.passed = s->slot;
		s->slot = slot->next;
		s->moved = true;
		ring_read_chunk(&s->reader, chunk_of(s->slot));
	}
	return true;
}

static bool dies(const struct ring_event *e)
{
	return e->kind == OURO_FREE || e->kind == OURO_RELEASE || e->kind == OURO_POOL_FREE
		|| e->kind == OURO_POOL_RELEASE || e->kind == OURO_DEATH;
}

/* As the analyzer orders them: by time, and at one time what dies goes first. */
static bool before(const struct ring_stream *a, const struct ring_stream *b)
{
	const struct ring_event *x = &a->reader.event, *y = &b->reader.event;

	return x->ticks != y->ticks ? x->ticks < y->ticks : dies(x) && !dies(y);
}

static void sift_down(struct ring_stream **heap, size_t n, size_t i)
{
	struct ring_stream *s = heap[i];

	for (size_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && before(heap[child + 1], heap[child]))
			child++;
		if (!before(heap[child], s))
			break;
		heap[i] = heap[child];
	}
	heap[i] = s;
}

static bool heap_for(size_t streams)
{
	size_t room = ring.heap_room ? ring.heap_room : 512;
	struct ring_stream **heap;

	if (streams <= ring.heap_room)
		return true;
	while (room < streams)
		room *= 2;
	heap = sys_memory(room * sizeof *heap);
	if (!heap)
		return false;
	if (ring.heap)
		sys_unmap(ring.heap, ring.heap_room * sizeof *heap);
	ring.heap = heap;
	ring.heap_room = room;
	return true;
}

static size_t gather(uint64_t until)
{
	size_t n = 0;

	for (struct thr *t = thr_all(); t; t = t->next) {
		struct ring_stream *s = __atomic_load_n(&t->ring, __ATOMIC_ACQUIRE);

		if (s && fetch(s) && s->reader.event.ticks <= until && n < ring.heap_room)
			ring.heap[n++] = s;
	}
	for (size_t i = n / 2; i-- > 0;)
		sift_down(ring.heap, n, i);
	return n;
}

static void apply_until(uint64_t until)
{
	size_t n = gather(until);

	while (n) {
		struct ring_stream *s = ring.heap[0];

		ring.missing += !ring_apply(s);
		ring.applied++;
		s->read = false;
		s->moved = true;
		if (!fetch(s) || s->reader.event.ticks > until)
			ring.heap[0] = ring.heap[--n];
		sift_down(ring.heap, n, 0);
	}
}

/* What is whole so far stays told until this step is. */
static void mark(struct ouro_chunk *c, uint32_t step, uint32_t bytes)
{
	struct ouro_applied now = { step, bytes };

	if (c->applied[0].step != step)
		c->applied[1] = c->applied[0];
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_store(&c->applied[0], &now, __ATOMIC_RELEASE);
}

static void commit(void)
{
	uint32_t step = file->ring_step + 1, next;

	for (uint32_t i = ring.passed; i != NO_SLOT; i = ring.slot[i].passed)
		mark(chunk_of(i), step, chunk_of(i)->used);
	for (struct thr *t = thr_all(); t; t = t->next) {
		struct ring_stream *s = __atomic_load_n(&t->ring, __ATOMIC_ACQUIRE);

		if (s && s->moved)
			mark(chunk_of(s->slot), step, s->read ? s->reader.start : s->reader.at);
		if (s)
			s->moved = false;
	}
	__atomic_store_n(&file->ring_step, step, __ATOMIC_RELEASE);
	file_count(&file->lost[OURO_LOST_RING], ring.applied);
	if (ring.missing)
		file_count(&file->lost[OURO_LOST_MEMORY], ring.missing);
	ring.applied = ring.missing = 0;

	for (uint32_t i = ring.passed; i != NO_SLOT; i = next) {
		next = ring.slot[i].passed;
		__atomic_fetch_add(&ring.free, 1, __ATOMIC_RELAXED);
		__atomic_store_n(&ring.slot[i].state, FREE, __ATOMIC_RELEASE);
	}
	ring.passed = NO_SLOT;
}

static uint32_t oldest_closed(void)
{
	uint32_t oldest = NO_SLOT;

	for (uint32_t i = 0; i < ring.slots; i++)
		if (__atomic_load_n(&ring.slot[i].state, __ATOMIC_ACQUIRE) == CLOSED
		    && (oldest == NO_SLOT || ring.slot[i].end < ring.slot[oldest].end))
			oldest = i;
	return oldest;
}

static size_t streams(void)
{
	size_t n = 0;

	for (struct thr *t = thr_all(); t; t = t->next)
		n++;
	return n;
}

enum taken { TAKEN, NOTHING_TO_TAKE, ANOTHER_TAKES };

static enum taken take_back(void)
{
	enum taken r = NOTHING_TO_TAKE;
	uint32_t oldest;

	if (__atomic_load_n(&ring.hold, __ATOMIC_RELAXED))
		return NOTHING_TO_TAKE;
	if (__atomic_exchange_n(&ring.busy, 1, __ATOMIC_ACQUIRE))
		return ANOTHER_TAKES;
	oldest = oldest_closed();
	/* A thread that begins meanwhile is only left out: what it does is later. */
	if (oldest != NO_SLOT && heap_for(streams() + 64)) {
		apply_until(ring.slot[oldest].end);
		commit();
		r = TAKEN;
	}
	__atomic_store_n(&ring.busy, 0, __ATOMIC_RELEASE);
	return r;
}

/* --- slots --------------------------------------------------------------------- */

static uint32_t find_free(void)
{
	uint32_t at = __atomic_load_n(&ring.hint, __ATOMIC_RELAXED);

	for (uint32_t n = 0; n < ring.slots; n++, at++) {
		uint32_t i = at % ring.slots, state = FREE;

		if (__atomic_load_n(&ring.slot[i].state, __ATOMIC_RELAXED) == FREE
		    && __atomic_compare_exchange_n(&ring.slot[i].state, &state, OPEN, false,
			__ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
			__atomic_store_n(&ring.hint, i + 1, __ATOMIC_RELAXED);
			__atomic_fetch_sub(&ring.free, 1, __ATOMIC_RELAXED);
			return i;
		}
	}
	return NO_SLOT;
}

/*
 * Another thread takes back and does not get the processor: without a pause, what is
 * dropped now would be missing for good, a free among it a block that lives for ever.
 * The pause ends: the other may be stopped.  Then there is none until it went on.
 */
#define YIELDS 64
#define PAUSES 1000
#define TRIES  (YIELDS + PAUSES)

static void let_it_run(int try)
{
	const struct timespec pause = { .tv_nsec = 50000 };

	if (confined)
		return;
	if (try < YIELDS)
		SYS(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
	else
		SYS(SYS_nanosleep, &pause, NULL, 0, 0, 0, 0);
}

static uint32_t take_slot(void)
{
	uint32_t i = NO_SLOT;

	if (ring.hold && !__atomic_load_n(&ring.free, __ATOMIC_RELAXED))
		return NO_SLOT;
	if (__atomic_load_n(&ring.free, __ATOMIC_RELAXED) <= ring.low)
		take_back();
	for (int try = ring.waited ? TRIES - 1 : 0;
	     try < TRIES && (i = find_free()) == NO_SLOT; try++) {
		enum taken r = take_back();

		if (r == NOTHING_TO_TAKE)
			break;
		if (r == ANOTHER_TAKES)
			let_it_run(ring.waited ? 0 : try);
	}
	__atomic_store_n(&ring.waited, i == NO_SLOT, __ATOMIC_RELAXED);
	return i;
}

/* What the last user left must not be taken for ours while the head changes. */
static void clear(struct ouro_chunk *c, uint32_t stream)
{
	__atomic_store_n(&c->used, 0, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	memset(c->applied, 0, sizeof c->applied);
	c->kind = OURO_CHUNK_EVENTS;
	c->stream = stream;
	__atomic_store_n(&c->magic, OURO_CHUNK_MAGIC, __ATOMIC_RELEASE);
}

static struct ring_stream *stream_new(uint32_t slot)
{
	struct ring_stream *s = sys_memory(sizeof *s);

	if (s)
		s->slot = slot;
	return s;
}

struct ouro_chunk *ring_next(struct thr *t, uint64_t *ret_seq)
{
	struct ouro_chunk *old = t->out.chunk, *fresh;
	uint32_t i = take_slot();

	if (i == NO_SLOT)
		return NULL;
	fresh = chunk_of(i);
	ring.slot[i].next = NO_SLOT;
	clear(fresh, t->stream);
	*ret_seq = old ? old->seq + 1 : 0;
	return fresh;
}

void ring_turn(struct thr *t, struct ouro_chunk *old, struct ouro_chunk *fresh)
{
	uint32_t i = slot_of(fresh);

	if (!old) {
		struct ring_stream *s = stream_new(i);

		if (!s) {	/* its records are never taken back, nor its slots */
			file_count(&file->lost[OURO_LOST_MEMORY], 1);
			return;
		}
		ring_read_chunk(&s->reader, fresh);
		__atomic_store_n(&t->ring, s, __ATOMIC_RELEASE);
		return;
	}
	ring.slot[slot_of(old)].next = i;
	ring.slot[slot_of(old)].end = t->out.ticks;
	__atomic_store_n(&ring.slot[slot_of(old)].state, CLOSED, __ATOMIC_RELEASE);
}
