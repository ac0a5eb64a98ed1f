#include "hooks.h"

#include "modules.h"
#include "process.h"
#include "real.h"
#include "sample.h"

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define HOOK __attribute__((visibility("default"), noinline))
#define NOINLINE __attribute__((noinline))

/*
 * Two allocators can be at work for one block.  CPython's pool takes what is
 * large, and its arenas, from malloc; it reports POOL events for the former
 * and raises pool_depth around its calls.  So do allocators of the program's
 * own (hooks_own.c).  So for a call with pool_depth > 0:
 *
 *   malloc and the like		not recorded: the outer one reports it, or it is
 *				the outer one's own memory.
 *   free(p), realloc(p)	not recorded when p is the block whose end this
 *				thread wrote just before: a block dies once.  Any
 *				other p is recorded as FREE: it may have been
 *				taken outside.
 *
 * For the reader: a FREE ends whatever block stands at the address, an ALLOC
 * or a POOL_ALLOC, and so does a POOL_FREE; a FREE of an address where no
 * block is known is not an error, but memory whose birth was not recorded (of
 * the time before ouro, or the pool's own).
 */
bool hooks_ended_already(struct thr *t, const void *p)
{
	static const enum ouro_kind ends[] = {
		OURO_POOL_FREE, OURO_POOL_RELEASE, OURO_FREE, OURO_RELEASE,
	};

	for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++)
		if (event_last_was(t, ends[i], (uintptr_t)p))
			return true;
	return false;
}

/* This thread, when it is in its pool: half of all calls where that stands on malloc. */
static inline struct thr *in_pool(void)
{
	struct thr *t = thr_self;

	return t && t->pool_depth && !t->inside ? t : NULL;
}

/* By force: what struct caller says is to stay in registers. */
#define INLINE inline __attribute__((always_inline))

static INLINE void taken(void *p, size_t size, struct caller caller, uintptr_t frame)
{
	struct thr *t = in_pool();
	struct guard g;

	if (t) {
		t->pool_asked = true;
		return;
	}
	if (!p || !real_recorded || !guard_enter(&g, frame))
		return;
	if (!g.t->pool_depth && (!sampling || sample_follow((uintptr_t)p)))
		event_at(&g, OURO_ALLOC, (uintptr_t)p, size, caller);
	guard_leave(&g);
}
#define TAKEN(p, size) taken(p, size, CALLER(), (uintptr_t)__builtin_frame_address(0))

/* Asked before the block is taken, and before anything else. */
static inline bool passes(size_t size)
{
	return sampling && !sample_picks(size);
}

/* Record first, free second: then the address is not yet another thread's. */
static inline void given_back(void *p, uintptr_t frame)
{
	struct thr *t = in_pool();
	struct guard g;

	if (t && hooks_ended_already(t, p))
		return;
	if (!p || !real_recorded || !guard_enter(&g, frame))
		return;
	if (sampling ? sample_forget((uintptr_t)p)
	    : !g.t->pool_depth || !hooks_ended_already(g.t, p))
		event(&g, OURO_FREE, (uintptr_t)p, 0);
	guard_leave(&g);
}

NOINLINE static void *malloc_told(size_t size)
{
	void *p = real.malloc(size);

	TAKEN(p, size);
	return p;
}

NOINLINE static void *malloc_due(size_t size)
{
	return sample_due(size + !size) ? malloc_told(size) : real.malloc(size);
}

/*
 * While samples are taken nearly every call is a jump to the allocator, and has no
 * frame of its own.  Where more is to be done is jumped to as well, so that the
 * caller is seen there as it is here.
 */
HOOK void *malloc(size_t size)
{
	if (!sampling)
		return malloc_told(size);
	if (__builtin_expect(size + !size >= sample_left, 0))
		return malloc_due(size);
	sample_left -= size + !size;
	return real.malloc(size);
}

/* n * size does not overflow, else nothing is had and nothing told. */
HOOK void *calloc(size_t n, size_t size)
{
	void *p;

	if (passes(n * size))
		return real.calloc(n, size);
	p = real.calloc(n, size);
	TAKEN(p, n * size);
	return p;
}

NOINLINE static void free_told(void *p)
{
	if (__builtin_expect(early_owns(p), 0))
		return;
	given_back(p, (uintptr_t)__builtin_frame_address(0));
	real.free(p);
}

/* The pages of the early arena count as followed. */
HOOK void free(void *p)
{
	if (sampling && !sample_maybe((uintptr_t)p))
		real.free(p);
	else
		free_told(p);
}

/* A block of the arena from before the allocator was found moves into the real heap. */
static void *leave_arena(void *p, size_t size)
{
	void *q = real.malloc(size);

	if (q)
		memcpy(q, p, early_size(p) < size ? early_size(p) : size);
	return q;
}

/*
 * What comes back is picked by its size, whatever became of the old block; so
 * both are told, or neither.  Picked and not had, the old block was none of ours.
 */
static void *resize_sampled(void *p, size_t size, struct caller caller, uintptr_t frame)
{
	bool picked = sample_picks(size);
	bool followed = false;
	struct guard g;
	void *q;

	if ((!picked && !sample_maybe((uintptr_t)p)) || !guard_enter(&g, frame))
		return real.realloc(p, size);
	followed = sample_forget((uintptr_t)p);
	picked = picked && !g.t->pool_depth;
	if (picked || followed)
		event(&g, OURO_RELEASE, (uintptr_t)p, 0);
	guard_leave(&g);

	q = real.realloc(p, size);

	if ((!picked && !followed) || !guard_enter(&g, frame))
		return q;
	if (q && picked && sample_follow((uintptr_t)q))
		event_at(&g, OURO_PLACE, (uintptr_t)q, size, caller);
	else if (!q && (!followed || sample_follow((uintptr_t)p)))
		event(&g, OURO_PLACE, (uintptr_t)p, 0);
	else
		event(&g, OURO_PLACE, 0, 0);
	guard_leave(&g);
	return q;
}

/*
 * RELEASE before, PLACE after: between them the old address can be handed to
 * another thread.  In a stream they nest, as calls of signal handlers do.
 * Size 0 frees, or leaves an empty block, by the allocator's taste.
 */
static INLINE void *resize(void *p, size_t size, struct caller caller, uintptr_t frame)
{
	struct guard g;
	void *q;

	if (!p || __builtin_expect(early_owns(p), 0)) {
		q = p ? leave_arena(p, size) : real.realloc(NULL, size);
		if (!passes(size))
			taken(q, size, caller, frame);
		return q;
	}
	if (!size) {
		given_back(p, frame);
		q = real.realloc(p, size);
		if (!passes(size))
			taken(q, size, caller, frame);
		return q;
	}
	if (real_recorded && sampling)
		return resize_sampled(p, size, caller, frame);
	if (!real_recorded || !guard_enter(&g, frame))
		return real.realloc(p, size);
	if (g.t->pool_depth) {
		g.t->pool_asked = true;
		if (!hooks_ended_already(g.t, p))
			event(&g, OURO_FREE, (uintptr_t)p, 0);
		guard_leave(&g);
		return real.realloc(p, size);
	}
	event(&g, OURO_RELEASE, (uintptr_t)p, 0);
	guard_leave(&g);

	q = real.realloc(p, size);

	if (guard_enter(&g, frame)) {
		event_at(&g, OURO_PLACE, (uintptr_t)(q ? q : p), q ? size : 0, caller);
		guard_leave(&g);
	}
	return q;
}
#define RESIZE(p, size) resize(p, size, CALLER(), (uintptr_t)__builtin_frame_address(0))

HOOK void *realloc(void *p, size_t size)
{
	return RESIZE(p, size);
}

/* glibc's calls realloc by its name, which is ours: one event is enough. */
HOOK void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return RESIZE(p, bytes);
}

HOOK int posix_memalign(void **ret, size_t align, size_t size)
{
	int r = real.posix_memalign(ret, align, size);

	if (!r && !passes(size))
		TAKEN(*ret, size);
	return r;
}

HOOK void *aligned_alloc(size_t align, size_t size)
{
	void *p = real.aligned_alloc(align, size);

	if (!passes(size))
		TAKEN(p, size);
	return p;
}

HOOK void *memalign(size_t align, size_t size)
{
	void *p = real.memalign(align, size);

	if (!passes(size))
		TAKEN(p, size);
	return p;
}

HOOK void *valloc(size_t size)
{
	void *p = real.valloc(size);

	if (!passes(size))
		TAKEN(p, size);
	return p;
}

HOOK void *pvalloc(size_t size)
{
	void *p = real.pvalloc(size);

	if (!passes(size))
		TAKEN(p, size);
	return p;
}

HOOK size_t malloc_usable_size(void *p)
{
	return p && early_owns(p) ? early_size(p) : real.malloc_usable_size(p);
}
