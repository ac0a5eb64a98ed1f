/*
 * Blocks of the domains MEM and OBJ, as they pass CPython's allocator tables.
 * Nothing is put before a block: one taken before us may be freed through us,
 * and the other way round.  RAW ends in malloc and is recorded there.
 */
#include "live.h"

#include "../sample.h"

static struct domain {
	struct py_allocator inner;	/* ours stands before it */
	int number;
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

/* A block that is not recorded: the object that is born in it is not, either. */
static inline bool passes(struct thr *t, void *p, size_t size)
{
	if (!sampling || sample_picks(size))
		return false;
	if (__builtin_expect(control_wanted, 0))
		control_poll();
	if (t)
		t->sample_passed = (uintptr_t)p;
	return true;
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
	if (p && recording && !passes(t, p, size))
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
	if (p && recording && !passes(t, p, n * size))
		record_taken(OURO_POOL_ALLOC, p, n * size,
			     (uintptr_t)__builtin_frame_address(0), CALLER());
	return p;
}

/*
 * As hooks.c does it; and an object that was moved is not born again where it
 * is then.
 */
static void *realloc_sampled(const struct py_allocator *in, void *old, size_t size,
			     uintptr_t frame, struct caller caller)
{
	bool picked = sample_picks(size), followed = false;
	struct thr *t = pool_enter();
	struct guard g;
	void *p;

	if ((picked || sample_maybe((uintptr_t)old)) && guard_enter(&g, frame)) {
		followed = sample_forget((uintptr_t)old);
		if (picked || followed)
			event(&g, OURO_POOL_RELEASE, (uintptr_t)old, 0);
		guard_leave(&g);
	} else {
		picked = false;
	}
	p = in->realloc(in->ctx, old, size);
	pool_leave(t);
	if (p && t)
		py_thread(t)->placed = (uintptr_t)p;
	if ((!picked && !followed) || !guard_enter(&g, frame))
		return p;
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

static void *pool_realloc(void *ctx, void *old, size_t size)
{
	const struct py_allocator *in = &((struct domain *)ctx)->inner;
	struct thr *t;
	void *p;

	if (sampling && recording && old)
		return realloc_sampled(in, old, size, (uintptr_t)__builtin_frame_address(0),
				       CALLER());
	if (old && recording)
		record_given(OURO_POOL_RELEASE, old, (uintptr_t)__builtin_frame_address(0));
	t = pool_enter();
	p = in->realloc(in->ctx, old, size);
	pool_leave(t);
	if (!recording || (!old && !p))
		return p;
	if (!old) {
		if (!passes(t, p, size))
			record_taken(OURO_POOL_ALLOC, p, size,
				     (uintptr_t)__builtin_frame_address(0), CALLER());
	} else				/* failed: the old block is where it was */
		record_taken(OURO_POOL_PLACE, p ? p : old, p ? size : 0,
			     (uintptr_t)__builtin_frame_address(0), CALLER());
	return p;
}

static __attribute__((noinline)) void pool_free(void *ctx, void *p)
{
	const struct py_allocator *in = &((struct domain *)ctx)->inner;
	struct thr *t;

	if (p && recording && (!sampling || sample_maybe((uintptr_t)p)))
		record_given(OURO_POOL_FREE, p, (uintptr_t)__builtin_frame_address(0));
	t = pool_enter();
	in->free(in->ctx, p);
	pool_leave(t);
}

/*
 * While samples are taken nearly every call ends here: what is neither picked nor followed
 * is counted down and handed on.  What is, goes the way above, by a jump, so that the
 * caller is seen there as it is here.
 */
static void *sampled_malloc(void *ctx, size_t size)
{
	const struct py_allocator *in = &((struct domain *)ctx)->inner;
	struct thr *t = thr_self;
	void *p;

	if (__builtin_expect(!t || control_wanted || size + !size >= sample_left, 0))
		return pool_malloc(ctx, size);
	sample_left -= size + !size;
	t->pool_depth++;
	p = in->malloc(in->ctx, size);
	t->pool_depth--;
	t->sample_passed = (uintptr_t)p;
	return p;
}

static void sampled_free(void *ctx, void *p)
{
	const struct py_allocator *in = &((struct domain *)ctx)->inner;

	if (__builtin_expect(sample_maybe((uintptr_t)p), 0))
		pool_free(ctx, p);
	else
		in->free(in->ctx, p);
}

static void install(struct domain *d)
{
	struct py_allocator ours = { d, pool_malloc, pool_calloc, pool_realloc, pool_free };
	struct py_allocator now = { 0 };

	if (sampling) {
		ours.malloc = sampled_malloc;
		ours.free = sampled_free;
	}
	api.get_allocator(d->number, &now);
	if (now.malloc == ours.malloc || !now.malloc)
		return;
	d->inner = now;
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
