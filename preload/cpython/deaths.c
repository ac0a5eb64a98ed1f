/*
 * Most objects die when their block is given back to the OBJ domain, and that
 * is recorded there.  Types with a free list keep the block: for them the
 * entry of the function in tp_dealloc is detoured.
 *
 * The slot itself is not changed (with few exceptions): deallocators of subclasses look for the
 * base whose slot differs, and the trashcan compares it with the function.
 * The evaluator and, in builds with link time optimisation, everybody else
 * calls these functions directly, so _Py_Dealloc sees only some deaths.
 *
 * A deallocator can run twice for one object: the trashcan puts off what is
 * nested too deep and calls again.  The object's memory is its own until
 * then, so nothing was born there in between: the first DEATH is early, the
 * second says nothing new.
 *
 * Late, and told by the next birth at the address: floats up to 3.12 that the
 * evaluator puts on their free list inline.
 */
#include "live.h"

#include "../detour.h"
#include "../sample.h"

#include <stdio.h>

/*
 * An object is noted as dying while its deallocator runs.  When that gives
 * the block back, the record of it says all; when it returns without, the
 * memory was kept and the death is written.  What runs in between (finalisers
 * of what the object held, the trashcan) can take kept memory from the list
 * again: the birth then writes the death that is still owed before itself.
 *
 * Notes are found by place, not by pointers into stacks: a finaliser may
 * switch to another coroutine's stack and come back after others have come and
 * gone.  A note that is not there any more is a death told late.
 */
static uintptr_t block_of(uintptr_t op)
{
	return py_ptr(py_ptr(op, OB_TYPE), TP_FLAGS) & PY_TPFLAGS_HAVE_GC ? op - PY_GC_HEAD : op;
}

/*
 * Sampled, what a free list keeps counts as given back: who takes it from there is
 * picked or not, as if it were a new block.
 */
static void tell(struct guard *g, const struct py_dying *d)
{
	if (!sampling)
		event(g, OURO_DEATH, d->op, 0);
	else if (sample_forget(d->block))
		event(g, OURO_POOL_FREE, d->block, 0);
}

/*
 * Sampled, only of a block that is followed will it be told when it is given back.  And time
 * passes for the window (sample.h): a loop may take all it makes from what it
 * kept before, and ask the allocator for nothing.
 */
enum { OBJECT = 64 };		/* bytes, or so                                  */

static inline __attribute__((always_inline)) bool passes(uintptr_t op)
{
	if (__builtin_expect(sample_maybe(op) || sample_pool_left <= OBJECT, 0))
		return false;
	sample_pool_left -= OBJECT;
	return true;
}

static __attribute__((noinline)) bool is_followed(uintptr_t op)
{
	sample_pool_picks(OBJECT);	/* nothing is: that does no harm          */
	births_attend(false);
	return sample_has(block_of(op));
}

/*
 * Notes need no guard: no event is written, errno stays, and a signal handler that makes
 * notes of its own has taken them back when it returns.  A note's words are
 * written one by one: a pair would be read by word before it has left for the cache.
 */
static inline uint32_t note(struct py_thread *own, uintptr_t op)
{
	uint32_t at = own->dying_n;

	own->dying_n = at + 1;
	own->dying[at].op = op;
	if (sampling)
		own->dying[at].block = block_of(op);
	return at;
}

/* The first event of a thread or of a child; notes have run out; or nothing is recorded. */
static __attribute__((noinline)) uint32_t begin_slowly(uintptr_t op, uintptr_t frame)
{
	struct py_dying untold = { .op = op };
	uint32_t at = PY_DYING_MAX;
	struct py_thread *own;
	struct guard g;

	if (!guard_enter(&g, frame))
		return at;
	own = py_thread(g.t);
	if (own->dying_n < PY_DYING_MAX) {
		at = note(own, op);
	} else {
		if (sampling)
			untold.block = block_of(op);
		tell(&g, &untold);
	}
	guard_leave(&g);
	return at;
}

static inline uint32_t begin(void *op, uintptr_t frame)
{
	struct thr *t = thr_here();

	if (__builtin_expect(!t || py_thread(t)->dying_n >= PY_DYING_MAX, 0))
		return begin_slowly((uintptr_t)op, frame);
	return note(py_thread(t), (uintptr_t)op);
}

/* Its memory was kept, or the note went with others. */
static __attribute__((noinline)) void finish_slowly(uintptr_t op, uint32_t at, uintptr_t frame)
{
	struct py_thread *own;
	struct guard g;

	if (at == PY_DYING_MAX || !guard_enter(&g, frame))
		return;
	own = py_thread(g.t);
	if (own->dying_n > at && own->dying[at].op == op)
		tell(&g, &own->dying[at]);
	if (own->dying_n > at)
		own->dying_n = at;
	guard_leave(&g);
}

static inline void finish(void *op, uint32_t at, uintptr_t frame)
{
	struct thr *t = thr_here();
	struct py_thread *own = t ? py_thread(t) : NULL;

	/* The usual end: the block was given back, which said it all. */
	if (__builtin_expect(own && own->dying_n == at + 1 && !own->dying[at].op, 1))
		own->dying_n = at;
	else
		finish_slowly((uintptr_t)op, at, frame);
}

void deaths_before_birth(struct guard *g, struct py_thread *own, uintptr_t op)
{
	for (uint32_t i = own->dying_n; i-- > 0;) {
		if (own->dying[i].op != op)
			continue;
		tell(g, &own->dying[i]);
		own->dying[i].op = 0;
	}
}

#define DEALLOC(name) \
	static void (*name##_original)(void *op); \
	static __attribute__((noinline)) void name##_noted(void *op) \
	{ \
		uintptr_t frame = (uintptr_t)__builtin_frame_address(0); \
		uint32_t at = begin(op, frame); \
\
		name##_original(op); \
		finish(op, at, frame); \
	} \
	static __attribute__((noinline)) void name##_looked_at(void *op) \
	{ \
		if (is_followed((uintptr_t)op)) \
			name##_noted(op); \
		else \
			name##_original(op); \
	} \
	static void name##_dealloc(void *op) \
	{ \
		if (!sampling) \
			name##_noted(op); \
		else if (passes((uintptr_t)op)) \
			name##_original(op); \
		else \
			name##_looked_at(op); \
	}

DEALLOC(list)
DEALLOC(tuple)
DEALLOC(dict)
DEALLOC(slice)
DEALLOC(float)
DEALLOC(exact_float)
DEALLOC(frame)
DEALLOC(method)
DEALLOC(builtin)
DEALLOC(context)
DEALLOC(asend)
DEALLOC(wrapped)
DEALLOC(memory_error)
DEALLOC(future_iter)

enum { TYPE, POINTER, FUNCTION };	/* what the symbol is: a type, a variable with one, code */

static const struct kept {
	const char *symbol;
	int is, from, to;		/* versions 3.x that keep its memory           */
	void (*detour)(void *op);
	void (**original)(void *op);
} kept[] = {
	{ "PyList_Type", TYPE, 8, 13, list_dealloc, &list_original },
	{ "PyTuple_Type", TYPE, 8, 13, tuple_dealloc, &tuple_original },
	{ "PyDict_Type", TYPE, 8, 13, dict_dealloc, &dict_original },
	{ "PySlice_Type", TYPE, 8, 13, slice_dealloc, &slice_original },
	{ "PyFloat_Type", TYPE, 8, 13, float_dealloc, &float_original },
	{ "_PyFloat_ExactDealloc", FUNCTION, 13, 13, exact_float_dealloc, &exact_float_original },
	{ "PyFrame_Type", TYPE, 8, 10, frame_dealloc, &frame_original },
	{ "PyMethod_Type", TYPE, 8, 8, method_dealloc, &method_original },
	{ "PyCFunction_Type", TYPE, 8, 8, builtin_dealloc, &builtin_original },
	{ "PyContext_Type", TYPE, 8, 13, context_dealloc, &context_original },
	{ "_PyAsyncGenASend_Type", TYPE, 8, 13, asend_dealloc, &asend_original },
	{ "_PyAsyncGenWrappedValue_Type", TYPE, 8, 12, wrapped_dealloc, &wrapped_original },
	{ "PyExc_MemoryError", POINTER, 8, 13, memory_error_dealloc, &memory_error_original },
};

/*
 * Types that can have no subclasses and do not use the trashcan: for them the
 * slot itself may say ours, where a detour is refused or the type not exported.
 */
static void take_slot(uintptr_t type, void (*ours)(void *op), void (**original)(void *op))
{
	void (**slot)(void *) = (void (**)(void *))(type + TP_DEALLOC);

	*original = *slot;
	__atomic_store_n(slot, ours, __ATOMIC_RELEASE);
}

static uintptr_t told[sizeof kept / sizeof *kept];	/* deallocators that are detoured */

static void *deallocator(const struct kept *k)
{
	uintptr_t at = (uintptr_t)cpython_find(k->symbol);

	if (at && k->is == POINTER)
		at = py_ptr(at, 0);
	if (at && k->is != FUNCTION)
		at = py_ptr(at, TP_DEALLOC);
	return (void *)at;
}

const char *deaths_start(void)
{
	static char why[160];

	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		const struct kept *k = &kept[i];
		void *target;
		int refusal;

		if (py.minor < k->from || py.minor > k->to)
			continue;
		target = deallocator(k);
		refusal = target ? detour_place(k->symbol, target, (void *)k->detour,
						(void **)k->original)
				 : 0;
		if (target && refusal >= 0) {
			told[i] = (uintptr_t)target;
			continue;
		}
		if (target && k->detour == asend_dealloc) {
			take_slot((uintptr_t)cpython_find(k->symbol), k->detour, k->original);
			continue;
		}
		snprintf(why, sizeof why, "deaths of %s are told late: %s", k->symbol,
			 target ? detour_refusal_name(refusal) : "it is not exported");
	}
	return why[0] ? why : NULL;
}

/* Subclasses have a deallocator of their own.  Of floats up to 3.12 see above. */
bool deaths_told(uintptr_t type)
{
	static uintptr_t floats;

	if (!floats)
		floats = (uintptr_t)cpython_find("PyFloat_Type");
	if (type == floats && py.minor <= 12)
		return false;
	for (size_t i = 0; i < sizeof told / sizeof *told; i++)
		if (told[i] && told[i] == py_ptr(type, TP_DEALLOC))
			return true;
	return false;
}

static const struct {
	const char *type;
	int from;
	void (*ours)(void *op);
	void (**original)(void *op);
} hidden[] = {
	{ "async_generator_wrapped_value", 13, wrapped_dealloc, &wrapped_original },
	{ "_asyncio.FutureIter", 8, future_iter_dealloc, &future_iter_original },
};

bool deaths_hidden(const char *type)
{
	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
		if (py.minor >= hidden[i].from && !strcmp(type, hidden[i].type))
			return true;
	return false;
}

/* The slot is ours already when an interpreter of its own GIL met it at the same time. */
void deaths_watch(uintptr_t type)
{
	const char *name = (const char *)py_ptr(type, TP_NAME);

	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
		if (py_ptr(type, TP_DEALLOC) != (uintptr_t)hidden[i].ours &&
		    !strcmp(name, hidden[i].type))
			take_slot(type, hidden[i].ours, hidden[i].original);
}
