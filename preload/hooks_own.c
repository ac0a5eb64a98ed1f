#include "hooks_own.h"

#include "defs.h"
#include "detour.h"
#include "events.h"
#include "hooks.h"
#include "loader.h"
#include "real.h"
#include "sample.h"
#include "strbuf.h"
#include "symtab.h"

/*
 * One allocator calls another: a program's calloc its malloc, jemalloc's
 * operator delete its free.  The outermost call is the program's, and it alone
 * is recorded: while it runs, pool_depth is raised (see hooks.c, which then
 * records no birth, nor the end of a block that was just written to end).
 *
 * operator new can throw, past us, and would leave the count raised.  So
 * nothing is raised there: instead what it returns is not recorded when the
 * last event of this thread is the birth of that block, or of one that begins
 * a little before it (a header of the program's).
 */
#define HEADER_MOST 64

#define NOINLINE __attribute__((noinline))	/* its registers are the compiler's own */

NOINLINE static struct thr *enter(uintptr_t frame)
{
	struct thr *t = thr_self;
	struct guard g;

	if (__builtin_expect(!t, 0)) {		/* the first event of this thread */
		if (guard_enter(&g, frame))
			guard_leave(&g);
		t = thr_self;
	}
	if (t)
		t->pool_depth++;
	return t;
}

NOINLINE static void leave(struct thr *t)
{
	if (t)
		t->pool_depth--;
}
#define ENTER() enter((uintptr_t)__builtin_frame_address(0))

NOINLINE static void taken(void *p, size_t size, struct caller caller, uintptr_t frame)
{
	struct guard g;

	if (!p || !real_recorded || !guard_enter(&g, frame))
		return;
	if (g.t->pool_depth)
		g.t->pool_asked = true;
	else if (!sampling || (sample_picks(size) && sample_follow((uintptr_t)p)))
		event_at(&g, OURO_ALLOC, (uintptr_t)p, size, caller);
	guard_leave(&g);
}
#define TAKEN(p, size) taken(p, size, CALLER(), (uintptr_t)__builtin_frame_address(0))

/*
 * What a sample counts down; another number after a call: malloc was asked in it.
 * With the state the gaps are drawn from, as a new gap can be as long as the
 * rest of the old one: each draw adds far more to it than a gap is long.
 */
NOINLINE static int64_t countdown(void)
{
	const struct thr *t = thr_self;

	return t ? (int64_t)(t->sample_seed + sample_left) : 0;
}

NOINLINE static void made(void *p, size_t size, int64_t before, struct caller caller,
			  uintptr_t frame)
{
	struct guard g;
	uintptr_t last;
	bool record;

	if (!p || !real_recorded || !guard_enter(&g, frame))
		return;
	last = g.t->out.addr;
	if (g.t->pool_depth)
		record = false;
	else if (sampling)
		record = countdown() == before && sample_picks(size)
			&& sample_follow((uintptr_t)p);
	else
		record = !event_last_was(g.t, OURO_ALLOC, last)
			|| (uintptr_t)p - last >= HEADER_MOST;
	if (record)
		event_at(&g, OURO_ALLOC, (uintptr_t)p, size, caller);
	guard_leave(&g);
}
#define MADE(p, size, before) \
	made(p, size, before, CALLER(), (uintptr_t)__builtin_frame_address(0))

NOINLINE static void ended(void *p, enum ouro_kind kind, uintptr_t frame)
{
	struct guard g;

	if (!p || !real_recorded || !guard_enter(&g, frame))
		return;
	if (sampling ? sample_forget((uintptr_t)p)
	    : !g.t->pool_depth || !hooks_ended_already(g.t, p))
		event(&g, g.t->pool_depth || sampling ? OURO_FREE : kind, (uintptr_t)p, 0);
	guard_leave(&g);
}
#define ENDED(p, kind) ended(p, kind, (uintptr_t)__builtin_frame_address(0))

/* --- the family -------------------------------------------------------------------- */

static struct real own;			/* what the program's functions were         */
static void *(*own_reallocarray)(void *, size_t, size_t);

DETOUR_HOOK static void *on_malloc(size_t size)
{
	struct thr *t = ENTER();
	void *p = own.malloc(size);

	leave(t);
	TAKEN(p, size);
	return p;
}

DETOUR_HOOK static void *on_calloc(size_t n, size_t size)
{
	struct thr *t = ENTER();
	void *p = own.calloc(n, size);

	leave(t);
	TAKEN(p, n * size);
	return p;
}

DETOUR_HOOK static void on_free(void *p)
{
	struct thr *t;

	ENDED(p, OURO_FREE);
	t = ENTER();
	own.free(p);
	leave(t);
}

/*
 * As hooks.c has it: RELEASE before, PLACE after; the call may move the block or not.
 * In a sample one block ends and another begins.
 */
NOINLINE static void replaced(void *p, void *q, size_t size, struct caller caller,
			      uintptr_t frame)
{
	struct guard g;

	if (!p || !size || sampling) {
		taken(q, size, caller, frame);
		return;
	}
	if (!real_recorded || !guard_enter(&g, frame))
		return;
	if (!g.t->pool_depth)
		event_at(&g, OURO_PLACE, (uintptr_t)(q ? q : p), q ? size : 0, caller);
	else
		g.t->pool_asked = true;
	guard_leave(&g);
}

DETOUR_HOOK static void *on_realloc(void *p, size_t size)
{
	struct thr *t;
	void *q;

	ENDED(p, size ? OURO_RELEASE : OURO_FREE);
	t = ENTER();
	q = own.realloc(p, size);
	leave(t);
	replaced(p, q, size, CALLER(), (uintptr_t)__builtin_frame_address(0));
	return q;
}

DETOUR_HOOK static void *on_reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;
	struct thr *t;
	void *q;

	if (__builtin_mul_overflow(n, size, &bytes))
		return own_reallocarray(p, n, size);
	ENDED(p, bytes ? OURO_RELEASE : OURO_FREE);
	t = ENTER();
	q = own_reallocarray(p, n, size);
	leave(t);
	replaced(p, q, bytes, CALLER(), (uintptr_t)__builtin_frame_address(0));
	return q;
}

DETOUR_HOOK static int on_posix_memalign(void **ret, size_t align, size_t size)
{
	struct thr *t = ENTER();
	int r = own.posix_memalign(ret, align, size);

	leave(t);
	if (!r)
		TAKEN(*ret, size);
	return r;
}

DETOUR_HOOK static void *on_aligned_alloc(size_t align, size_t size)
{
	struct thr *t = ENTER();
	void *p = own.aligned_alloc(align, size);

	leave(t);
	TAKEN(p, size);
	return p;
}

DETOUR_HOOK static void *on_memalign(size_t align, size_t size)
{
	struct thr *t = ENTER();
	void *p = own.memalign(align, size);

	leave(t);
	TAKEN(p, size);
	return p;
}

DETOUR_HOOK static void *on_valloc(size_t size)
{
	struct thr *t = ENTER();
	void *p = own.valloc(size);

	leave(t);
	TAKEN(p, size);
	return p;
}

DETOUR_HOOK static void *on_pvalloc(size_t size)
{
	struct thr *t = ENTER();
	void *p = own.pvalloc(size);

	leave(t);
	TAKEN(p, size);
	return p;
}

/*
 * Where the names bind to us, a library's allocator is behind real.*: called with
 * the count raised, since it may call others of the family by those names.
 */
static struct real behind;

#define QUIET(type, name, params, args) \
	static type quiet_##name params \
	{ \
		struct thr *t = ENTER(); \
		type r = behind.name args; \
		\
		leave(t); \
		return r; \
	}
QUIET(void *, malloc, (size_t n), (n))
QUIET(void *, calloc, (size_t n, size_t size), (n, size))
QUIET(void *, realloc, (void *p, size_t n), (p, n))
QUIET(int, posix_memalign, (void **ret, size_t align, size_t n), (ret, align, n))
QUIET(void *, aligned_alloc, (size_t align, size_t n), (align, n))
QUIET(void *, memalign, (size_t align, size_t n), (align, n))
QUIET(void *, valloc, (size_t n), (n))
QUIET(void *, pvalloc, (size_t n), (n))

static void quiet_free(void *p)
{
	struct thr *t = ENTER();

	behind.free(p);
	leave(t);
}

static void go_quiet(void)
{
	behind = real;
	real = (struct real){
		.malloc = quiet_malloc, .calloc = quiet_calloc, .realloc = quiet_realloc,
		.free = quiet_free, .posix_memalign = quiet_posix_memalign,
		.aligned_alloc = quiet_aligned_alloc, .memalign = quiet_memalign,
		.valloc = quiet_valloc, .pvalloc = quiet_pvalloc,
		.malloc_usable_size = behind.malloc_usable_size,
	};
}

/* --- the operators ----------------------------------------------------------------- */

/*
 * All forms take their size or block first, and at most two more words, which
 * are passed on as they came.
 */
#define FORMS_NEW(_) _(new) _(new_array) _(new_nothrow) _(new_array_nothrow) _(new_aligned) \
	_(new_array_aligned) _(new_aligned_nothrow) _(new_array_aligned_nothrow)
#define FORMS_DELETE(_) _(delete) _(delete_array) _(delete_sized) _(delete_array_sized) \
	_(delete_nothrow) _(delete_array_nothrow) _(delete_aligned) _(delete_array_aligned) \
	_(delete_sized_aligned) _(delete_array_sized_aligned) _(delete_aligned_nothrow) \
	_(delete_array_aligned_nothrow)

#define ON_NEW(form) \
	static void *(*own_##form)(size_t, uintptr_t, uintptr_t); \
	DETOUR_HOOK static void *on_##form(size_t size, uintptr_t a, uintptr_t b) \
	{ \
		int64_t before = countdown(); \
		void *p = own_##form(size, a, b); \
		\
		MADE(p, size, before); \
		return p; \
	}
FORMS_NEW(ON_NEW)

#define ON_DELETE(form) \
	static void (*own_##form)(void *, uintptr_t, uintptr_t); \
	DETOUR_HOOK static void on_##form(void *p, uintptr_t a, uintptr_t b) \
	{ \
		struct thr *t; \
		\
		ENDED(p, OURO_FREE); \
		t = ENTER(); \
		own_##form(p, a, b); \
		leave(t); \
	}
FORMS_DELETE(ON_DELETE)

/* --- slices ------------------------------------------------------------------------ */

struct thr *hooks_own_enter(uintptr_t frame)
{
	return enter(frame);
}

void hooks_own_taken(struct thr *t, void *p, size_t size, uintptr_t ip, uintptr_t sp, uintptr_t bp)
{
	leave(t);
	taken(p, size, (struct caller){ ip, sp, bp }, sp - 16);
}

void hooks_own_ended(void *p, uintptr_t frame)
{
	ended(p, OURO_FREE, frame);
}

void hooks_own_leave(struct thr *t)
{
	leave(t);
}

/* --- placing ----------------------------------------------------------------------- */

struct entry {
	const char *name;
	void *hook;
	void *original;			/* void **                                   */
};

/* The first four make an allocator: without one of them it is not touched. */
static const struct entry family[] = {
	{ "malloc", on_malloc, &own.malloc },
	{ "free", on_free, &own.free },
	{ "calloc", on_calloc, &own.calloc },
	{ "realloc", on_realloc, &own.realloc },
	{ "reallocarray", on_reallocarray, &own_reallocarray },
	{ "posix_memalign", on_posix_memalign, &own.posix_memalign },
	{ "aligned_alloc", on_aligned_alloc, &own.aligned_alloc },
	{ "memalign", on_memalign, &own.memalign },
	{ "valloc", on_valloc, &own.valloc },
	{ "pvalloc", on_pvalloc, &own.pvalloc },
};
enum { FAMILY = sizeof family / sizeof *family, FAMILY_LEAST = 4 };

static const struct entry operators[] = {
	{ "_Znwm", on_new, &own_new },
	{ "_Znam", on_new_array, &own_new_array },
	{ "_ZnwmRKSt9nothrow_t", on_new_nothrow, &own_new_nothrow },
	{ "_ZnamRKSt9nothrow_t", on_new_array_nothrow, &own_new_array_nothrow },
	{ "_ZnwmSt11align_val_t", on_new_aligned, &own_new_aligned },
	{ "_ZnamSt11align_val_t", on_new_array_aligned, &own_new_array_aligned },
	{ "_ZnwmSt11align_val_tRKSt9nothrow_t", on_new_aligned_nothrow,
		&own_new_aligned_nothrow },
	{ "_ZnamSt11align_val_tRKSt9nothrow_t", on_new_array_aligned_nothrow,
		&own_new_array_aligned_nothrow },
	{ "_ZdlPv", on_delete, &own_delete },
	{ "_ZdaPv", on_delete_array, &own_delete_array },
	{ "_ZdlPvm", on_delete_sized, &own_delete_sized },
	{ "_ZdaPvm", on_delete_array_sized, &own_delete_array_sized },
	{ "_ZdlPvRKSt9nothrow_t", on_delete_nothrow, &own_delete_nothrow },
	{ "_ZdaPvRKSt9nothrow_t", on_delete_array_nothrow, &own_delete_array_nothrow },
	{ "_ZdlPvSt11align_val_t", on_delete_aligned, &own_delete_aligned },
	{ "_ZdaPvSt11align_val_t", on_delete_array_aligned, &own_delete_array_aligned },
	{ "_ZdlPvmSt11align_val_t", on_delete_sized_aligned, &own_delete_sized_aligned },
	{ "_ZdaPvmSt11align_val_t", on_delete_array_sized_aligned,
		&own_delete_array_sized_aligned },
	{ "_ZdlPvSt11align_val_tRKSt9nothrow_t", on_delete_aligned_nothrow,
		&own_delete_aligned_nothrow },
	{ "_ZdaPvSt11align_val_tRKSt9nothrow_t", on_delete_array_aligned_nothrow,
		&own_delete_array_aligned_nothrow },
};
enum { OPERATORS = sizeof operators / sizeof *operators, NAMES_MOST = OPERATORS };

static const char *refused(const char *name, int refusal)
{
	static char text[160];
	struct strbuf t = strbuf_in(text, sizeof text);

	strbuf_add(&t, "the program has its own allocator, of which ");
	strbuf_add(&t, name);
	strbuf_add(&t, " cannot be watched: ");
	strbuf_add(&t, detour_refusal_name(refusal));
	return text;
}

/*
 * All or none.  One function may go by several names (free and operator delete
 * are one in mimalloc): the hook of the first sees them all.
 */
static const char *place(const struct entry *e, unsigned n, void *const *target)
{
	for (unsigned i = 0; i < n; i++) {
		int r = target[i] ? detour_place(e[i].name, target[i], e[i].hook,
			e[i].original) : 0;

		if (r && r != -DETOUR_TWICE) {
			for (unsigned done = 0; done < i; done++)
				if (target[done])
					detour_remove(target[done]);
			return refused(e[i].name, r);
		}
	}
	return NULL;
}

/* What `map` defines of them: by its dynamic symbols, or the program by others. */
static unsigned targets(const struct link_map *map, const struct entry *e, unsigned n,
			void **ret)
{
	const char *names[NAMES_MOST];
	uintptr_t value[NAMES_MOST];
	unsigned found = 0;

	for (unsigned i = 0; i < n; i++) {
		names[i] = e[i].name;
		ret[i] = loader_symbol(map, names[i], NULL);
		found += !!ret[i];
	}
	if (found || map != loader_first())
		return found;
	found = symtab_find("/proc/self/exe", names, n, value);
	for (unsigned i = 0; i < n; i++)
		ret[i] = value[i] ? (void *)(map->l_addr + value[i]) : NULL;
	return found;
}

static struct link_map *first_with(const char *name)
{
	const struct link_map *self = loader_self();

	for (struct link_map *m = loader_first(); m; m = m->l_next)
		if (m != self && loader_symbol(m, name, NULL))
			return m;
	return NULL;
}

static const char *setup_family(void)
{
	struct link_map *map = loader_first();
	void *target[FAMILY];
	bool ours;

	loader_lookup(loader_first(), "malloc", &map);
	ours = map == loader_self();	/* what the names bind to is seen without more */
	if (ours) {
		struct link_map *home = first_with("malloc");

		if (home && !loader_symbol(home, "gnu_get_libc_version", NULL))
			go_quiet();
		map = loader_first();
	}
	targets(map, family, FAMILY, target);
	for (unsigned i = 0; i < FAMILY_LEAST; i++)
		if (!target[i])
			return ours ? NULL : "the program's malloc is another file's, "
				"which has not all of the family";
	return place(family, FAMILY, target);
}

/* libstdc++'s own end in malloc; and it is known by what it exports besides. */
static const char *setup_operators(void)
{
	struct link_map *program = loader_first(), *map = first_with("_Znwm");
	void *target[OPERATORS];

	if (!targets(program, operators, OPERATORS, target)) {
		if (!map || (!loader_symbol(map, "malloc", NULL)
		    && loader_symbol(map, "__cxa_throw", NULL)))
			return NULL;
		targets(map, operators, OPERATORS, target);
	}
	return place(operators, OPERATORS, target);
}

const char *hooks_own_setup(void)
{
	const char *trouble = loader_self() ? setup_family() : NULL;
	const char *less = trouble || !loader_self() ? NULL : setup_operators();

	/* Most of those that cannot be entered begin with a call of malloc, which is seen. */
	if (less)
		define_note(OURO_NOTE_INFO, less);
	return trouble;
}
