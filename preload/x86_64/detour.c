/*
 * detour.c - placing and removing jumps at the entries of functions
 */
#include "detour.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "code.h"
#include "entry.h"
#include "move.h"
#include "text.h"

enum {
	JUMP_SIZE = 5,		/* jmp rel32                                    */
	JUMP_FAR_SIZE = 14,	/* jmp *[rip+0], then the address               */
	/* the longest jump, and all of an instruction whose first byte it takes */
	PATCH_MAX = JUMP_FAR_SIZE - 1 + CODE_INSN_MAX,
	ENTRY_SIZE = 18,	/* endbr64, jmp *[rip+0], the address           */
	LANDING_SIZE = 4,
	STUB_SIZE = 128,
	STUBS = TEXT_PAGE / STUB_SIZE,
};
static_assert(ENTRY_SIZE + LANDING_SIZE + MOVE_ROOM <= STUB_SIZE, "a stub fits its slot");
static_assert(JUMP_SIZE - 1 + CODE_INSN_MAX <= MOVE_MAX, "all of a short patch can move");

/* endbr64 */
static const uint8_t landing[LANDING_SIZE] = { 0xf3, 0x0f, 0x1e, 0xfa };

/* What stands at a function's entry, and what stood there. */
struct detour {
	const char *name;
	uint8_t *target;
	uint8_t *patch;			/* target, or behind its endbr64         */
	uint8_t size;			/* bytes replaced                        */
	bool moved;			/* its stub carries the original         */
	bool stub;			/* the jump goes to its stub             */
	const uint8_t *replacement;
	_Atomic bool placed;
	uint8_t before[PATCH_MAX], after[PATCH_MAX];
	struct move_map map;
};

/*
 * A page of stubs, and what they are for: d[i] owns the i-th.  Never freed, since a
 * thread may be in a stub at any time.
 */
struct book {
	struct book *next;
	uint8_t *page;			/* NULL: of detours that need no stub    */
	_Atomic uint32_t used;
	struct detour d[STUBS];
};

static struct book *_Atomic books;
static atomic_flag busy = ATOMIC_FLAG_INIT;

const char *detour_refusal_name(int refusal)
{
	switch (refusal < 0 ? -refusal : refusal) {
	case 0:                return "none";
	case DETOUR_NOT_CODE:  return "not in read-only executable memory";
	case DETOUR_NO_MAPS:   return "/proc/self/maps can't be read";
	case DETOUR_UNBOUNDED: return "its end is not known";
	case DETOUR_SHORT:     return "shorter than a jump";
	case DETOUR_UNKNOWN:   return "unknown instruction";
	case DETOUR_BRANCH:    return "branch into the first bytes";
	case DETOUR_CALL:      return "call in the first bytes";
	case DETOUR_JUMP:      return "only a jump to elsewhere";
	case DETOUR_RESOLVER:  return "chooses a function, is not it";
	case DETOUR_TRAP:      return "trap in the first bytes";
	case DETOUR_FAR:       return "refers to what is out of reach";
	case DETOUR_NO_PAGE:   return "no free memory near it";
	case DETOUR_DENIED:    return "the system denies changing code";
	case DETOUR_THREADS:   return "other threads may be in it";
	case DETOUR_TWICE:     return "already has a detour";
	case DETOUR_NONE:      return "has no detour of ours";
	case DETOUR_BUSY:      return "another thread is placing detours";
	default:               return "unknown refusal";
	}
}

/* --- what is placed ----------------------------------------------------------------- */

static struct book *books_first(void)
{
	return atomic_load_explicit(&books, memory_order_acquire);
}

/* A detour whose jump is still in memory and takes a byte of [target, target + size). */
static struct detour *placed_in(const uint8_t *target, size_t size)
{
	for (struct book *b = books_first(); b; b = b->next) {
		for (uint32_t i = 0; i < b->used; i++) {
			struct detour *d = &b->d[i];

			if (!d->placed || target + size <= d->target ||
			    target >= d->patch + d->size)
				continue;
			if (text_check(d->patch, d->patch + d->size) != -EACCES &&
			    !memcmp(d->patch, d->after, d->size))
				return d;
			/* Its library is gone; what is here now is another one. */
			d->placed = false;
		}
	}
	return NULL;
}

static bool in_reach(const uint8_t *from, const uint8_t *to)
{
	intptr_t far = to - from;

	return far == (int32_t)far;
}

/* A book with a free place; with a page near `at`, when one is asked for. */
static int book_for(const uint8_t *at, bool page, struct book **ret)
{
	void *near = NULL;
	struct book *b;
	long p;
	int err;

	for (b = books_first(); b; b = b->next) {
		intptr_t far = b->page - at;

		if (b->used < STUBS && (!page || (b->page && far < TEXT_REACH &&
						  far > -TEXT_REACH))) {
			*ret = b;
			return 0;
		}
	}
	if (page) {
		err = text_page_near(at, &near);
		if (err)
			return err == -EACCES ? -DETOUR_DENIED : -DETOUR_NO_PAGE;
	}
	p = syscall(SYS_mmap, NULL, sizeof(*b), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
	if (p == -1) {
		if (near)
			syscall(SYS_munmap, near, TEXT_PAGE);
		return -DETOUR_NO_PAGE;
	}
	b = (struct book *)p;
	b->page = near;
	b->next = books_first();
	atomic_store_explicit(&books, b, memory_order_release);
	*ret = b;
	return 0;
}

static void put_far_jump(uint8_t *out, const void *to)
{
	memcpy(out, "\xff\x25\0\0\0\0", 6);
	memcpy(out + 6, &to, sizeof(to));
}

static void put_jump(uint8_t *out, const uint8_t *at, const uint8_t *to)
{
	int32_t far = to - (at + JUMP_SIZE);

	out[0] = 0xe9;
	memcpy(out + 1, &far, sizeof(far));
}

/* Fills d's stub at home: a refusal, or 0. */
static int write_stub(struct detour *d, uint8_t *home, const void *replacement)
{
	uint8_t out[STUB_SIZE];
	int n = ENTRY_SIZE, m;

	memset(out, 0xcc, sizeof(out));		/* int3: nobody comes by here */
	memcpy(out, landing, LANDING_SIZE);
	put_far_jump(out + LANDING_SIZE, replacement);
	if (d->moved) {
		memcpy(out + n, landing, LANDING_SIZE);
		n += LANDING_SIZE;
		m = move_code(d->patch, d->size, home + n, out + n, &d->map);
		if (m < 0)
			return m == -ERANGE ? -DETOUR_FAR : -DETOUR_UNKNOWN;
	}
	return text_write(home, out, sizeof(out)) ? -DETOUR_DENIED : 0;
}

/* --- placing ------------------------------------------------------------------------ */

/* No memory near the function: a longer jump, where the original is not needed. */
static int judge_far(struct entry *e)
{
	size_t size = e->body.end - e->target;
	int err = entry_judge(e->target, size, JUMP_FAR_SIZE, false, e);

	return err == -DETOUR_SHORT ? -DETOUR_NO_PAGE : err;
}

/* One that was removed, and is to be placed again as it was: its stub still stands. */
static struct detour *removed_before(const struct entry *e, const uint8_t *replacement,
				     bool move)
{
	for (struct book *b = books_first(); b; b = b->next) {
		for (uint32_t i = 0; i < b->used; i++) {
			struct detour *d = &b->d[i];

			if (!d->placed && d->target == e->target && d->size == e->size &&
			    d->replacement == replacement && d->moved == move &&
			    !memcmp(d->before, e->patch, e->size))
				return d;
		}
	}
	return NULL;
}

/* Takes a place in a book and makes the stub.  *ret is not placed yet. */
static int make_detour(const char *name, struct entry *e, const uint8_t *replacement,
		       bool move, struct detour **ret)
{
	bool direct = in_reach(e->patch + JUMP_SIZE, replacement), page = move || !direct;
	struct detour *d;
	struct book *b;
	uint8_t *home;
	int err;

	err = book_for(e->patch, page, &b);
	if (err == -DETOUR_NO_PAGE && !move) {
		page = false;
		err = book_for(e->patch, page, &b);
		if (!err)
			err = judge_far(e);
	}
	if (err)
		return err;
	d = &b->d[b->used];
	*d = (struct detour){ .name = name, .target = e->target, .patch = e->patch,
			      .size = e->size, .moved = move, .stub = page,
			      .replacement = replacement };
	memcpy(d->before, d->patch, d->size);
	memset(d->after, 0xcc, sizeof(d->after));	/* int3: nobody comes by there */
	if (direct) {
		put_jump(d->after, d->patch, replacement);
	} else if (!page) {
		put_far_jump(d->after, replacement);
	}
	if (page) {
		home = b->page + b->used * STUB_SIZE;
		if (!direct)
			put_jump(d->after, d->patch, home);
		err = write_stub(d, home, replacement);
		if (err)
			return err;
	}
	atomic_store_explicit(&b->used, b->used + 1, memory_order_release);
	*ret = d;
	return 0;
}

static void *original_of(const struct detour *d)
{
	for (struct book *b = books_first(); b; b = b->next) {
		if (d >= b->d && d < b->d + STUBS)
			return b->page + (d - b->d) * STUB_SIZE + ENTRY_SIZE;
	}
	return NULL;
}

static int place(const char *name, uint8_t *target, size_t size,
		 const uint8_t *replacement, bool unrun, void **ret_original)
{
	void *was = ret_original ? *ret_original : NULL;
	struct detour *d;
	struct entry e;
	int err;

	if (placed_in(target, 1))
		return -DETOUR_TWICE;
	err = entry_judge(target, size, JUMP_SIZE, ret_original, &e);
	if (err)
		return err;
	/* Not before: a short function ends where the next one, which has a detour, begins. */
	if (placed_in(e.patch, e.size))
		return -DETOUR_TWICE;
	d = removed_before(&e, replacement, ret_original);
	if (!d) {
		err = make_detour(name, &e, replacement, ret_original, &d);
		if (err)
			return err;
	}
	/* With one instruction taken away there is no place between two. */
	if (!unrun && e.first < e.size && !text_alone())
		return -DETOUR_THREADS;
	d->name = name;
	/* A replacement that is still running since the detour was removed reads it: with
	 * the same stub again there is nothing to write. */
	if (ret_original && was != original_of(d))
		*ret_original = original_of(d);
	if (text_write(d->patch, d->after, d->size)) {
		if (ret_original && was != *ret_original)
			*ret_original = was;
		return -DETOUR_DENIED;
	}
	d->placed = true;
	return 0;
}

static int place_guarded(const char *name, void *target, size_t size, void *replacement,
			 bool unrun, void **ret_original)
{
	int saved_errno = errno, err = -DETOUR_BUSY;

	if (!atomic_flag_test_and_set_explicit(&busy, memory_order_acquire)) {
		err = place(name, target, size, replacement, unrun, ret_original);
		atomic_flag_clear_explicit(&busy, memory_order_release);
	}
	errno = saved_errno;
	return err;
}

int detour_place(const char *name, void *target, void *replacement, void **ret_original)
{
	return place_guarded(name, target, 0, replacement, false, ret_original);
}

int detour_place_sized(const char *name, void *target, size_t size, void *replacement,
		       void **ret_original)
{
	return place_guarded(name, target, size, replacement, false, ret_original);
}

int detour_place_unrun(const char *name, void *target, void *replacement,
		       void **ret_original)
{
	return place_guarded(name, target, 0, replacement, true, ret_original);
}

int detour_remove(void *target)
{
	int saved_errno = errno, err = -DETOUR_BUSY;
	struct detour *d;

	if (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire))
		return err;
	d = placed_in(target, 1);
	if (!d || d->target != target) {
		err = -DETOUR_NONE;
	} else if (text_write(d->patch, d->before, d->size)) {
		err = -DETOUR_DENIED;
	} else {
		d->placed = false;
		err = 0;
	}
	atomic_flag_clear_explicit(&busy, memory_order_release);
	errno = saved_errno;
	return err;
}

int detour_check(void *target, size_t size)
{
	int saved_errno = errno, err;
	struct entry e;

	err = placed_in(target, 1) ? -DETOUR_TWICE
		: entry_judge(target, size, JUMP_SIZE, true, &e);
	if (!err && placed_in(e.patch, e.size))
		err = -DETOUR_TWICE;
	errno = saved_errno;
	return err;
}

uintptr_t detour_origin(uintptr_t pc, const char **ret_name)
{
	for (struct book *b = books_first(); b; b = b->next) {
		uintptr_t off = pc - (uintptr_t)b->page;
		const struct move_map *m;
		const struct detour *d;
		int i = 0;

		if (!b->page || off >= (uintptr_t)b->used * STUB_SIZE)
			continue;
		d = &b->d[off / STUB_SIZE];
		off %= STUB_SIZE;
		if (!d->stub)
			continue;
		if (ret_name)
			*ret_name = d->name;
		if (off < ENTRY_SIZE + LANDING_SIZE)
			return (uintptr_t)d->target;
		off -= ENTRY_SIZE + LANDING_SIZE;
		for (m = &d->map; i + 1 < m->n && m->to[i + 1] <= off; )
			i++;
		return (uintptr_t)d->patch + m->from[i];
	}
	return 0;
}
