/*
 * Every object CPython makes, one from a free list included, passes one
 * routine.  Up to 3.12 that routine calls a helper of tracemalloc while its
 * flag is set: we set the flag and put a jump to ourselves at the helper,
 * whose own work (newer tracebacks for reused blocks) is done while the
 * program itself runs tracemalloc.  From 3.13 on there is a place for a tracer.
 *
 * The caller may count on registers that it saw the helper leave alone: but
 * the helper calls into libc, so the compiler had to give up all of them.
 */
#include "live.h"

#include "../code.h"
#include "../defs.h"
#include "../detour.h"
#include "../loader.h"
#include "../options.h"

typedef int tracer(void *op, int event, void *data);
enum { TRACER_CREATE = 0 };

int births_wanted;
bool births_open = true;
unsigned births_expected = 1;		/* the first tells that preconfiguration is over */

static bool seen_one;
static uintptr_t resized_on_list;	/* frames, to 3.10: made to fit when taken from a list */

static void note_kind(uintptr_t op, unsigned flags)
{
	if (flags & TYPE_OF_TYPES)
		types_retire(op);
	if (flags & TYPE_OF_CODE)
		codes_retire(op);
	if (flags & TYPE_OF_MODULES)
		control_module_made();
	if (flags & TYPE_TO_WATCH)
		deaths_watch(py_ptr(op, OB_TYPE));
}

/* --- sampled ---------------------------------------------------------------------- */

static uintptr_t block_of(uintptr_t op, uintptr_t type)
{
	return py_ptr(type, TP_FLAGS) & PY_TPFLAGS_HAVE_GC ? op - PY_GC_HEAD : op;
}

/* Of memory from a free list: nobody says it. Any value does, as long as it is the one recorded. */
static size_t size_of(uintptr_t op, uintptr_t type)
{
	size_t item = py_ptr(type, TP_ITEMSIZE), n = item ? py_ptr(op, OB_SIZE) : 0;

	return py_ptr(type, TP_BASICSIZE) + (op - block_of(op, type)) + (n < 4096 ? n * item : 0);
}

static uint32_t number_of(uintptr_t op)
{
	unsigned flags;
	uint32_t type;

	types_confirm(py_ptr(op, OB_TYPE));
	type = types_number(py_ptr(op, OB_TYPE), &flags);
	if (flags & TYPE_TO_WATCH)
		deaths_watch(py_ptr(op, OB_TYPE));
	return type;
}

/* In a block that was picked: then so is the object. */
static bool born_in_followed(struct guard *g, uintptr_t op, struct caller caller)
{
	const uintptr_t header[] = { 0, PY_GC_HEAD, 2 * PY_GC_HEAD };

	for (int i = 0; i < 3; i++) {
		if (!sample_has(op - header[i]))
			continue;
		if (event_amend_birth(g, op, number_of(op)))
			return true;
		py_thread(g->t)->state = layout_thread();
		event_at(g, OURO_BIRTH, op, number_of(op), caller);
		py_thread(g->t)->state = 0;
		return true;
	}
	return false;
}

/* From a free list, and picked: as a block of its own, from here to its death. */
static void reborn(struct guard *g, uintptr_t op, struct caller caller)
{
	uintptr_t type = py_ptr(op, OB_TYPE), block = block_of(op, type);
	struct py_thread *own = py_thread(g->t);

	if (own->dying_n)
		deaths_before_birth(g, own, op);
	if (sample_has(block) || !sample_follow(block))
		return;
	own->state = layout_thread();
	event_at(g, OURO_POOL_ALLOC, block, size_of(op, type), caller);
	own->state = 0;
	event_amend_birth(g, op, number_of(op));
}

static void look_at(uintptr_t op, uintptr_t frame, struct caller caller)
{
	uintptr_t type = py_ptr(op, OB_TYPE);
	struct thr *t = thr_self;
	bool in_picked = false;
	struct guard g;

	if (t && op - t->sample_passed < 64) {
		t->sample_passed = 0;
		return;
	}
	if (t && op - py_thread(t)->placed < 64) {	/* grown or shrunk: the same object */
		py_thread(t)->placed = 0;
		if (type != resized_on_list)
			return;
	}
	if (sample_maybe(op) && guard_enter(&g, frame)) {
		in_picked = born_in_followed(&g, op, caller);
		guard_leave(&g);
	}
	if (in_picked) {
		births_expected = 0;
	} else if (sample_window && deaths_told(type)	/* the pool does not tell of its end */
		   && sample_kept_picks(size_of(op, type)) && guard_enter(&g, frame)) {
		reborn(&g, op, caller);
		guard_leave(&g);
	}
}

static void birth_sampled(uintptr_t op, uintptr_t frame, struct caller caller)
{
	unsigned kind = types_kind(py_ptr(op, OB_TYPE));
	struct guard g;

	if (births_expected)
		births_expected--;
	if (__builtin_expect(kind, 0) && guard_enter(&g, frame)) {
		note_kind(op, kind);
		guard_leave(&g);
	}
	look_at(op, frame, caller);
	births_attend(false);
}

/* Most births while a window is open, or of those that are told for the program's own tracemalloc. */
static inline bool passes(uintptr_t op)
{
	struct thr *t = thr_self;

	if (!sampling || !t || !seen_one)
		return false;
	if (!births_open)
		return true;
	if (births_expected || types_kind(py_ptr(op, OB_TYPE)) || op - t->sample_passed >= 64)
		return false;
	t->sample_passed = 0;
	return true;
}

/* --- each ------------------------------------------------------------------------- */

static inline __attribute__((always_inline)) void birth(uintptr_t op, uintptr_t frame,
	struct caller caller)
{
	struct py_thread *own;
	struct guard g;
	unsigned flags;
	uint32_t type;

	if (__builtin_expect(!seen_one, 0)) {
		seen_one = true;
		allocator_reinstall();
	}
	if (sampling) {
		birth_sampled(op, frame, caller);
		return;
	}
	if (!guard_enter(&g, frame))
		return;
	own = py_thread(g.t);
	if (op - own->placed < 64) {		/* grown or shrunk: the same object, moved */
		own->placed = 0;
		if (py_ptr(op, OB_TYPE) != resized_on_list)
			goto out;
	}
	type = types_number(py_ptr(op, OB_TYPE), &flags);
	if (__builtin_expect(flags, 0))
		note_kind(op, flags);
	if (!event_amend_birth(&g, op, type)) {
		if (own->dying_n)
			deaths_before_birth(&g, own, op);
		own->state = layout_thread();
		event_at(&g, OURO_BIRTH, op, type, caller);
		own->state = 0;
	}
	if (__builtin_expect(watch_wanted, 0))
		watch_born(&g, op);
out:
	guard_leave(&g);
}

static int (*helper_original)(void *op);	/* NULL: it could not be moved */

static __attribute__((noinline)) int announced(void *op)
{
	birth((uintptr_t)op, (uintptr_t)__builtin_frame_address(0), CALLER());
	return tracemalloc_running && helper_original ? helper_original(op) : 0;
}

/* What need not be looked at costs no frame; the rest is jumped to, so its caller is ours. */
static int new_reference(void *op)
{
	if (births_wanted && !passes((uintptr_t)op))
		return announced(op);
	return tracemalloc_running && helper_original ? helper_original(op) : 0;
}

static void (*routine_original)(void *op);

static void whole_new_reference(void *op)
{
	routine_original(op);
	if (births_wanted && !passes((uintptr_t)op))
		birth((uintptr_t)op, (uintptr_t)__builtin_frame_address(0), CALLER());
}

/* --- 3.13 ------------------------------------------------------------------------- */

/* A tracer and its data, as they lie in _PyRuntime. */
struct tracer_slot {
	tracer *call;
	void *data;
};

static struct tracer_slot *slot;	/* CPython's; NULL: not found                  */
static struct tracer_slot theirs;	/* what the program set                        */
static int (*set_tracer)(tracer *call, void *data);

static int trace(void *op, int what, void *data)
{
	struct tracer_slot next = theirs;

	if (what == TRACER_CREATE && births_wanted && !passes((uintptr_t)op))
		birth((uintptr_t)op, (uintptr_t)__builtin_frame_address(0), CALLER());
	return next.call ? next.call(op, what, next.data) : 0;
}

/*
 * tracemalloc and others set theirs, by a call that may be inlined: so the place itself is
 * looked at.  Whoever reads it while births are listened to sees ours; the only
 * reader beside us is PyRefTracer_GetTracer, which is detoured.
 */
static void tracer_listen(bool on)
{
	if (!slot)
		return;
	if (on && slot->call != trace) {
		theirs = *slot;
		slot->call = trace;
	} else if (!on && slot->call == trace) {
		*slot = theirs;
	}
}

/* Is the place as the program sees it? */
static bool tracer_is_theirs(void)
{
	return !births_wanted || (slot && slot->call != trace);
}

static int set_tracer_detour(tracer *call, void *data)
{
	if (tracer_is_theirs())
		return set_tracer(call, data);
	theirs.data = data;
	theirs.call = call;
	return 0;
}

static tracer *(*get_tracer)(void **data);

static tracer *get_tracer_detour(void **data)
{
	if (tracer_is_theirs())
		return get_tracer(data);
	if (data)
		*data = theirs.data;
	return theirs.call;
}

/* Set ours by the front door, then see where it went. */
static const char *start_tracer(void)
{
	void *set = cpython_find("PyRefTracer_SetTracer");
	void *get = cpython_find("PyRefTracer_GetTracer");
	uintptr_t runtime = layout_runtime();
	static char mark;

	if (!set || !get)
		return "PyRefTracer_SetTracer is not exported";
	set_tracer = (int (*)(tracer *, void *))set;
	set_tracer(trace, &mark);
	for (int32_t at = 0; at + (int32_t)sizeof *slot <= py.runtime_size; at += 8)
		if (py_ptr(runtime, at) == (uintptr_t)trace &&
		    py_ptr(runtime, at + 8) == (uintptr_t)&mark)
			slot = (struct tracer_slot *)(runtime + (uintptr_t)at);
	if (detour_place("PyRefTracer_SetTracer", set, (void *)set_tracer_detour,
			 (void **)&set_tracer) < 0 && !slot)
		return "PyRefTracer_SetTracer cannot be followed";
	detour_place("PyRefTracer_GetTracer", get, (void *)get_tracer_detour,
		     (void **)&get_tracer);
	births_wanted = 1;
	return NULL;
}

/* --- to 3.12 ---------------------------------------------------------------------- */

enum { NEW_REFERENCE_HEAD = 96 };	/* bytes in which flag and helper are mentioned */

/*
 * Where the flag is exported its name says it; else the first thing that
 * _Py_NewReference tests is the flag, and the helper the first it calls.
 *
 * Link-time optimisation may have put the helper's body into its callers
 * (Debian's libpython3.11.so): then the first call is of something else, which
 * has a name of its own.  There _Py_NewReference itself is called nearly everywhere.
 */
static const char *start_helper(void *routine, void *helper)
{
	const int *config = cpython_find("_Py_tracemalloc_config");
	int *flag = config ? (int *)config + 1 : NULL;
	int refusal;

	if (!flag && routine) {
		size_t size = 0;

		flag = code_first_tested(routine, NEW_REFERENCE_HEAD, &size);
		if (size != sizeof *flag)
			flag = NULL;
	}
	if (!flag || !helper)
		return "the place where CPython announces new objects was not found";
	refusal = detour_place("_PyTraceMalloc_NewReference", helper, (void *)new_reference,
			       (void **)&helper_original);
	if (refusal < 0)
		refusal = detour_place("_PyTraceMalloc_NewReference", helper,
				       (void *)new_reference, NULL);
	if (refusal < 0)
		return detour_refusal_name(refusal);
	births_wanted = 1;
	tracemalloc_start(flag - 1, flag);
	return NULL;
}

/* The flag stays as the program has it, so tracemalloc needs no care. */
static const char *start_routine(void *routine)
{
	int refusal = detour_place("_Py_NewReference", routine, (void *)whole_new_reference,
				   (void **)&routine_original);

	if (refusal < 0)
		return detour_refusal_name(refusal);
	births_wanted = 1;
	return NULL;
}

static const char *start_before_13(void)
{
	void *routine = cpython_find("_Py_NewReference");
	void *helper = cpython_find("_PyTraceMalloc_NewReference");

	if (helper || !routine)
		return start_helper(routine, helper);
	helper = code_first_call(routine, NEW_REFERENCE_HEAD);
	if (helper && !loader_exports("_Py_NewReference", code_behind_jump(helper)))
		return start_helper(routine, helper);
	return start_routine(routine);
}

const char *births_start(void)
{
	if (py.minor <= 10)
		resized_on_list = (uintptr_t)cpython_find("PyFrame_Type");
	if (options.snapshot_call[0])		/* waits for a module to be born */
		sample_listen_always();
	return py.minor >= 13 ? start_tracer() : start_before_13();
}

void births_listen(void)
{
	births_open = sample_window || births_expected;
	if (!births_wanted)
		return;
	if (py.minor >= 13)
		tracer_listen(births_open);
	else
		tracemalloc_listen(births_open);
}

/* What comes now is the interpreter taking itself apart: as if we were not here. */
void births_stop(void)
{
	births_wanted = 0;
	if (py.minor < 13)
		tracemalloc_stop();
	else
		tracer_listen(false);
}
