/*
 * Blocks of the domains MEM and OBJ, as they pass CPython's allocator tables.
 * Nothing is put before a block: one taken before us may be freed through us,
 * and the other way round.  RAW ends in malloc and is recorded there.
 */
#include "live.h"

#include "../real.h"
#include "../sample.h"

static struct domain {
	struct py_allocator inner;	/* ours stands before it */
	int number;
	size_t small;			/* up to here it does not ask malloc itself        */
	enum { HOOKED, DIRECT, UNSEEN } frees;	/* sampled: see below */
} mem = { .number = PY_DOMAIN_MEM }, obj = { .number = PY_DOMAIN_OBJ };

/* What the pool takes from malloc meanwhile is its own affair. */
static inline struct thr *pool_enter(void)
{
	struct thr *t = thr_self;
	struct guard g;

	if (__builtin_expect(!t, 0)) {		/* the first event of this thread */
		if (guard_enter(&g, (uintptr_t)__builtin_frame_address(0)))
			guard_leave(&g);
		t = thr_self;
	}
	if (t)
		t->pool_depth++;
	return t;
}

static inline void pool_leave(struct thr *t)
{
	if (t)
		t->pool_depth--;
}

/* With the stack, after the block was taken. */
static inline __attribute__((always_inline)) void record_taken(enum ouro_kind kind, void *p, size_t size, uintptr_t frame,
				struct caller caller)
{
	struct py_thread *own;
	struct guard g;

	if (__builtin_expect(control_wanted, 0))
		control_poll();
	if (!guard_enter(&g, frame))
		return;
	own = py_thread(g.t);
	if (kind == OURO_POOL_PLACE)
		own->placed = (uintptr_t)p;
	if (!sampling || sample_follow((uintptr_t)p)) {
		own->state = layout_thread();
		event_at(&g, kind, (uintptr_t)p, size, caller);
		own->state = 0;
	}
	guard_leave(&g);
}

static inline void record_given(enum ouro_kind kind, void *p, uintptr_t frame)
{
	struct py_thread *own;
	struct guard g;

	if (!guard_enter(&g, frame))
		return;
	own = py_thread(g.t);
	if (own->placed == (uintptr_t)p)
		own->placed = 0;
	deaths_block_given(own, (uintptr_t)p);
	if (!sampling || sample_forget((uintptr_t)p))
		event(&g, kind, (uintptr_t)p, 0);
	guard_leave(&g);
}

static __attribute__((noinline)) void *pool_malloc(void *ctx, size_t size)
{
	const struct py_allocator *in = &((struct domain *)ctx)->inner;
	struct thr *t = pool_enter();
	void *p = in->malloc(in->ctx, size);

	pool_leave(t);
	if (p && recording)
		record_taken(OURO_POOL_ALLOC, p, size, (uintptr_t)__builtin_frame_address(0),
			     CALLER());
	return p;
}

static void *pool_calloc(void *ctx, size_t n, size_t size)
{
	const struct py_allocator *in = &((struct domain *)ctx)->inner;
	struct thr *t = pool_enter();
	void *p = in->calloc(in->ctx, n, size);

	pool_leave(t);
	if (p && recording)
		record_taken(OURO_POOL_ALLOC, p, n * size,
			     (uintptr_t)__builtin_frame_address(0), CALLER());
	return p;
}

static void *pool_realloc(void *ctx, void *old, size_t size)
{
	const struct py_allocator *in = &((struct domain *)ctx)->inner;
	struct thr *t;
	void *p;

	if (old && recording)
		record_given(OURO_POOL_RELEASE, old, (uintptr_t)__builtin_frame_address(0));
	t = pool_enter();
	p = in->realloc(in->ctx, old, size);
	pool_leave(t);
	if (!recording || (!old && !p))
		return p;
	if (!old)
		record_taken(OURO_POOL_ALLOC, p, size, (uintptr_t)__builtin_frame_address(0),
			     CALLER());
	else				/* failed: the old block is where it was */
		record_taken(OURO_POOL_PLACE, p ? p : old, p ? size : 0,
			     (uintptr_t)__builtin_frame_address(0), CALLER());
	return p;
}

static __attribute__((noinline)) void pool_free(void *ctx, void *p)
{
	const struct py_allocator *in = &((struct domain *)ctx)->inner;
	struct thr *t;

	if (p && recording)
		record_given(OURO_POOL_FREE, p, (uintptr_t)__builtin_frame_address(0));
	t = pool_enter();
	in->free(in->ctx, p);
	pool_leave(t);
}

/* --- sampled ---------------------------------------------------------------------- */

/*
 * Nearly every block is neither picked nor followed, and costs as little as can be.
 *
 * CPython's own allocator takes what is large from malloc, and gives it back to free(): which
 * is ours, and looks for blocks that are followed.  So what is picked is made large, and then
 * the pool's free needs no hook at all: its callers find the function they were
 * compiled to expect.  That is proved for each block that is picked, by a
 * look whether malloc was asked; where it was not (mimalloc), free is hooked.
 * And so it is where there is something in between (the debug allocator has a context).
 */
static void hook_free(struct domain *d);

static void *sampled_take(struct domain *d, size_t n, size_t size, bool picked, bool zero,
			  uintptr_t frame, struct caller caller)
{
	const struct py_allocator *in = &d->inner;
	size_t bytes = n * size, room = bytes;
	struct thr *t = pool_enter();
	uint64_t before = sample_left;
	void *p;

	picked = picked && d->frees != UNSEEN;
	if (picked && d->frees == DIRECT && room <= PY_POOL_MAX)
		room = PY_POOL_MAX + 1;
	p = zero ? room == bytes ? in->calloc(in->ctx, n, size) : in->calloc(in->ctx, 1, room)
		 : in->malloc(in->ctx, room);
	pool_leave(t);
	if (__builtin_expect(control_wanted, 0))
		control_poll();
	births_attend(picked);
	if (!p || !recording)
		return p;
	if (t)
		t->sample_passed = picked ? 0 : (uintptr_t)p;
	if (picked && d->frees == DIRECT && sample_left == before)
		hook_free(d);
	else if (picked)
		record_taken(OURO_POOL_ALLOC, p, bytes, frame, caller);
	return p;
}
#define TAKE(d, n, size, picked, zero) sampled_take(d, n, size, picked, zero, \
	(uintptr_t)__builtin_frame_address(0), CALLER())

static inline bool picks(size_t size)
{
	return size - 1 < PY_POOL_MAX ? sample_pool_picks(size) : sample_picks(size);
}

static __attribute__((noinline)) void *sampled_malloc(void *ctx, size_t size)
{
	return TAKE(ctx, 1, size, picks(size), false);
}

static __attribute__((noinline)) void *sampled_calloc(void *ctx, size_t n, size_t size)
{
	return TAKE(ctx, n, size, picks(n * size), true);
}

/*
 * As hooks.c does it; and an object that was moved is not born again where it
 * is then.
 */
static void *realloc_sampled(struct domain *d, void *old, size_t size, bool picked,
			     uintptr_t frame, struct caller caller)
{
	const struct py_allocator *in = &d->inner;
	bool followed = false, large = d->frees == DIRECT && size <= PY_POOL_MAX;
	struct thr *t = pool_enter();
	uint64_t before = sample_left;
	struct guard g;
	void *p;

	picked = picked && d->frees != UNSEEN;

	if ((picked || sample_maybe((uintptr_t)old)) && guard_enter(&g, frame)) {
		followed = sample_forget((uintptr_t)old);
		if (picked || followed)
			event(&g, OURO_POOL_RELEASE, (uintptr_t)old, 0);
		guard_leave(&g);
	} else {
		picked = false;
	}
	p = in->realloc(in->ctx, old, picked && large ? PY_POOL_MAX + 1 : size);
	pool_leave(t);
	if (p && t)
		py_thread(t)->placed = (uintptr_t)p;
	if ((!picked && !followed) || !guard_enter(&g, frame))
		return p;
	if (d->frees == DIRECT && sample_left == before)
		picked = false;
	if (p && picked && sample_follow((uintptr_t)p)) {
		py_thread(g.t)->state = layout_thread();
		event_at(&g, OURO_POOL_PLACE, (uintptr_t)p, size, caller);
		py_thread(g.t)->state = 0;
	} else if (!p && (!followed || sample_follow((uintptr_t)old))) {
		event(&g, OURO_POOL_PLACE, (uintptr_t)old, 0);
	} else {
		event(&g, OURO_POOL_PLACE, 0, 0);
	}
	guard_leave(&g);
	return p;
}

static __attribute__((noinline)) void *sampled_realloc(void *ctx, void *old, size_t size)
{
	if (!old)
		return TAKE(ctx, 1, size, picks(size), false);
	return realloc_sampled(ctx, old, size, picks(size),
			       (uintptr_t)__builtin_frame_address(0), CALLER());
}

static void sampled_free(void *ctx, void *p)
{
	const struct py_allocator *in = &((struct domain *)ctx)->inner;

	if (__builtin_expect(sample_maybe((uintptr_t)p), 0))
		pool_free(ctx, p);
	else
		in->free(in->ctx, p);
}

/*
 * These are no more than a count down and a jump, if small blocks do not come
 * from malloc: size 0 and what is large goes the way above, as does all while births
 * are listened to.
 */
static inline bool passes(const struct domain *d, size_t size)
{
	return __builtin_expect(size - 1 < d->small && size < sample_pool_left && !births_open &&
				!control_wanted, 1);
}

#define FAMILY(d) \
	static void *d##_malloc(void *ctx, size_t size) \
	{ \
		if (!passes(&d, size)) \
			return sampled_malloc(&d, size); \
		sample_pool_left -= size; \
		return d.inner.malloc(ctx, size); \
	} \
	static void *d##_calloc(void *ctx, size_t n, size_t size) \
	{ \
		if ((n | size) >> 32 || !passes(&d, n * size)) \
			return sampled_calloc(&d, n, size); \
		sample_pool_left -= n * size; \
		return d.inner.calloc(ctx, n, size); \
	} \
	static void *d##_realloc(void *ctx, void *old, size_t size) \
	{ \
		struct thr *t = thr_self; \
		void *p; \
\
		if (!old || !t || sample_maybe((uintptr_t)old) || !passes(&d, size)) \
			return sampled_realloc(&d, old, size); \
		sample_pool_left -= size; \
		t->pool_depth++;	/* what was large may be moved */ \
		p = d.inner.realloc(ctx, old, size); \
		t->pool_depth--; \
		return p; \
	}
FAMILY(mem)
FAMILY(obj)

static const struct py_allocator hooked = {
	NULL, pool_malloc, pool_calloc, pool_realloc, pool_free,
}, sampled = {
	NULL, sampled_malloc, sampled_calloc, sampled_realloc, sampled_free,
}, direct[] = {
	{ NULL, mem_malloc, mem_calloc, mem_realloc, NULL },
	{ NULL, obj_malloc, obj_calloc, obj_realloc, NULL },
};

static bool is_ours(const struct py_allocator *a)
{
	return a->malloc == hooked.malloc || a->malloc == sampled.malloc ||
	       a->malloc == direct[0].malloc || a->malloc == direct[1].malloc;
}

static void install(struct domain *d)
{
	struct py_allocator ours = sampling ? sampled : hooked, now = { 0 }, raw = { 0 };

	api.get_allocator(d->number, &now);
	if (is_ours(&now) || !now.malloc)
		return;
	d->inner = now;
	ours.ctx = d;
	if (sampling && !now.ctx && real_recorded) {
		api.get_allocator(PY_DOMAIN_RAW, &raw);
		d->frees = DIRECT;
		d->small = now.malloc == raw.malloc ? 0 : PY_POOL_MAX;
		ours = direct[d == &obj];
		ours.free = now.free;
	}
	api.set_allocator(d->number, &ours);
}

/* Where somebody else's functions stand before ours by now, that cannot be: then nothing is picked. */
static void hook_free(struct domain *d)
{
	struct py_allocator ours = sampled, now = { 0 };

	api.get_allocator(d->number, &now);
	d->frees = is_ours(&now) ? HOOKED : UNSEEN;
	ours.ctx = d;
	if (d->frees == HOOKED)
		api.set_allocator(d->number, &ours);
}

void allocator_install(void)
{
	install(&mem);
	install(&obj);
}

/*
 * -X dev and PYTHONMALLOC rewrite the tables before the first object is made,
 * and after the library's constructor ran.  Ours then go outside the debug
 * allocator, so that addresses and sizes are those the program sees.
 */
void allocator_reinstall(void)
{
	allocator_install();
}
