#include "real.h"

#include "loader.h"

#include <errno.h>
#include <string.h>

bool real_recorded;

char early_arena[EARLY_ARENA] __attribute__((aligned(16)));
static size_t early_used;

/* The size goes into the word before the block: see early_size. */
static void *early_take(size_t size, size_t align)
{
	size_t at = __atomic_load_n(&early_used, __ATOMIC_RELAXED), start;

	if (align < 16)
		align = 16;
	do {
		start = (at + 16 + align - 1) & ~(align - 1);
		if (start > EARLY_ARENA || size > EARLY_ARENA - start) {
			errno = ENOMEM;
			return NULL;
		}
	} while (!__atomic_compare_exchange_n(&early_used, &at, start + size, true,
			__ATOMIC_RELAXED, __ATOMIC_RELAXED));
	*(size_t *)(early_arena + start - 16) = size;
	return early_arena + start;
}

/*
 * The first call of each function lands here, finds the real family and goes
 * on there.  When there is none to be found yet, the arena serves.
 */
static bool found(void);

static void *first_malloc(size_t n)
{
	return found() ? real.malloc(n) : early_take(n, 16);
}

static void *first_calloc(size_t n, size_t size)
{
	size_t bytes;

	if (found())
		return real.calloc(n, size);
	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return early_take(bytes, 16);	/* never used before: zero */
}

static void *first_realloc(void *p, size_t n)
{
	return found() ? real.realloc(p, n) : early_take(n, 16);
}

static void first_free(void *p)
{
	if (found())
		real.free(p);
}

static int first_posix_memalign(void **ret, size_t align, size_t n)
{
	void *p;

	if (found())
		return real.posix_memalign(ret, align, n);
	p = early_take(n, align);
	if (!p)
		return ENOMEM;
	*ret = p;
	return 0;
}

static void *first_aligned_alloc(size_t align, size_t n)
{
	return found() ? real.aligned_alloc(align, n) : early_take(n, align);
}

static void *first_memalign(size_t align, size_t n)
{
	return found() ? real.memalign(align, n) : early_take(n, align);
}

static void *first_valloc(size_t n)
{
	return found() ? real.valloc(n) : early_take(n, 4096);
}

static void *first_pvalloc(size_t n)
{
	return found() ? real.pvalloc(n) : early_take((n + 4095) & ~(size_t)4095, 4096);
}

static size_t first_usable_size(void *p)
{
	return found() ? real.malloc_usable_size(p) : 0;
}

struct real real = {
	.malloc = first_malloc, .calloc = first_calloc, .realloc = first_realloc,
	.free = first_free, .posix_memalign = first_posix_memalign,
	.aligned_alloc = first_aligned_alloc, .memalign = first_memalign,
	.valloc = first_valloc, .pvalloc = first_pvalloc,
	.malloc_usable_size = first_usable_size,
};

/*
 * The family: name, place in struct real, must come from the same file as malloc.  An
 * allocator that lacks one of the others has users who do without.
 */
static const struct {
	const char *name;
	size_t at;
	bool same;
} family[] = {
	{ "malloc", offsetof(struct real, malloc), true },
	{ "calloc", offsetof(struct real, calloc), true },
	{ "realloc", offsetof(struct real, realloc), true },
	{ "free", offsetof(struct real, free), true },
	{ "posix_memalign", offsetof(struct real, posix_memalign), false },
	{ "aligned_alloc", offsetof(struct real, aligned_alloc), false },
	{ "memalign", offsetof(struct real, memalign), false },
	{ "valloc", offsetof(struct real, valloc), false },
	{ "pvalloc", offsetof(struct real, pvalloc), false },
	{ "malloc_usable_size", offsetof(struct real, malloc_usable_size), false },
};
#define FAMILY (sizeof family / sizeof *family)

static void *slot(struct real *r, unsigned i)
{
	return (char *)r + family[i].at;
}

const char *real_find(void)
{
	struct link_map *self = loader_self(), *home = NULL, *from = NULL;
	const char *trouble = NULL;
	struct real r;

	if (!self)
		return "the loader's list of files could not be read";
	for (unsigned i = 0; i < FAMILY; i++) {
		void *p = loader_lookup(self->l_next, family[i].name, &from);

		if (!p)
			return "no allocator was found";
		memcpy(slot(&r, i), &p, sizeof p);
		if (!i)
			home = from;
		else if (from != home && family[i].same)
			trouble = "malloc, free and the like come from different files";
	}
	/*
	 * Several threads may do this at once; all store the same.  Whatever the
	 * trouble is, each call goes where it would go without us.
	 */
	for (unsigned i = 0; i < FAMILY; i++) {
		void *p;

		memcpy(&p, slot(&r, i), sizeof p);
		__atomic_store_n((void **)slot(&real, i), p, __ATOMIC_RELEASE);
	}
	return trouble;
}

static bool found(void)
{
	real_find();
	return real.malloc != first_malloc;
}
