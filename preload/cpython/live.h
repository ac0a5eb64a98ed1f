/*
 * live.h - what the parts of the CPython guest share while the program runs
 *
 *   allocator.c    blocks: the allocator tables of the domains MEM and OBJ
 *   births.c       objects: the new-reference helper, or the reference tracer (3.13)
 *   types.c        a number for each type
 *   deaths.c       objects whose memory stays: free lists
 *   frames.c       which interpreter frames run, codes.c a number for each of their lines
 *   names.c        the variable a line gives its result to
 *   tracemalloc.c  what the program sees of a tracer it did not start
 *   collector.c    runs of the cyclic collector
 *   garbage.c      a snapshot before a collection that will free something
 *   references.c   references that are taken and given back by calls
 *   watch.c        changes of the counts of chosen objects, by watchpoints
 *   control.c      a moment with the GIL: readiness, exit, snapshots on request
 */
#ifndef CPYTHON_LIVE_H
#define CPYTHON_LIVE_H

#include "layout.h"

#include "../events.h"
#include "../sample.h"

/* Of PyMemAllocatorEx. */
struct py_allocator {
	void *ctx;
	void *(*malloc)(void *ctx, size_t size);
	void *(*calloc)(void *ctx, size_t n, size_t size);
	void *(*realloc)(void *ctx, void *p, size_t size);
	void (*free)(void *ctx, void *p);
};
enum { PY_DOMAIN_RAW, PY_DOMAIN_MEM, PY_DOMAIN_OBJ };

/* Of PyMethodDef. */
struct py_method {
	const char *name;
	void *(*call)(void *self, void *args, void *more);
	int flags;
	const char *doc;
};
enum { PY_METH_NOARGS = 4 };
enum { PY_MODULEDEF_METHODS = 64 };	/* PyModuleDef.m_methods */

/*
 * Functions of the interpreter; where NULL is possible, it says so.  Objects
 * are void * when they are handed through and uintptr_t when they are looked into.
 */
struct py_api {
	void (*get_allocator)(int domain, struct py_allocator *ret);
	void (*set_allocator)(int domain, struct py_allocator *table);
	int (*is_initialized)(void);
	int (*is_finalizing)(void);
	int (*add_pending_call)(int (*fn)(void *), void *arg);
	void *(*own_thread)(void);		/* the state that belongs to this OS thread */
	int (*code_line)(void *code, int address);
	void *(*new_function)(struct py_method *m, void *self, void *module);
	void *(*new_tuple)(long n);
	int (*set_item)(void *tuple, long i, void *item);
	void (*untrack)(void *op);
	void (*incref)(void *op);
	void (*decref)(void *op);
	long (*long_value)(void *op);
	void *(*module_dict)(void);
	void *(*dict_get)(void *dict, const char *key);
	void *(*attribute)(void *op, const char *name);
	void *(*sys_get)(const char *name);
	void (*error_fetch)(void **type, void **value, void **traceback);
	void (*error_restore)(void *type, void *value, void *traceback);
	void *none;
};
extern struct py_api api;

void *cpython_find(const char *symbol);
void *cpython_builtin_init(const char *module);	/* PyInit_module of a builtin one, or NULL */

enum { PY_DYING_MAX = 64 };
enum { PY_POOL_MAX = 512 };		/* bytes of a block; what is larger comes from malloc */
enum { PY_GC_HEAD = 16 };		/* before objects that take part in collections */

/* Our own of a thread, at the start of its interp_stack.state; frames.c has the rest. */
struct py_thread {
	uintptr_t placed;	/* block last moved by realloc, until its object shows up again */
	uintptr_t state;	/* its PyThreadState, while it is known to hold the GIL; else 0 */
	uint32_t dying_n;	/* deallocators of deaths.c that run now, the innermost last */
	struct py_dying {
		uintptr_t op;	/* 0: its death is told                                 */
		uintptr_t block;	/* a float on a free list has no type to tell it by */
	} dying[PY_DYING_MAX];
};

static inline struct py_thread *py_thread(struct thr *t)
{
	return t->interp.state;
}

/* allocator.c */
void allocator_install(void);
void allocator_reinstall(void);		/* over what took our place at preconfiguration */

/* births.c */
const char *births_start(void);		/* NULL, or why there are none to be had */
void births_stop(void);
extern int births_wanted;

/*
 * While samples are taken, births are listened to in windows (sample.h), and from
 * each block that is picked until the object in it is born, if one is.
 */
enum { BIRTHS_EXPECTED = 4 };		/* this one, or one of the next, should be it    */
extern HIDDEN bool births_open;		/* listening                                     */
extern HIDDEN unsigned births_expected;
void births_listen(void);		/* or not, as the window and what is expected say */

static inline void births_attend(bool picked)
{
	if (picked)
		births_expected = BIRTHS_EXPECTED;
	if (__builtin_expect(births_open != (sample_window || births_expected), 0))
		births_listen();
}

/* types.c */
/* What the objects of a type are. */
enum { TYPE_OF_TYPES = 1, TYPE_OF_CODE = 2, TYPE_OF_MODULES = 4, TYPE_TO_WATCH = 8 };
void types_start(void);
uint32_t types_number_slowly(uintptr_t type, unsigned *ret_flags);
void types_retire(uintptr_t type);
void types_confirm(uintptr_t type);	/* retired, if what is there has another name */
void types_forget(void);		/* a trace of its own begins */

extern uintptr_t types_of_code, types_of_modules;

#define TYPES_SLOTS (1 << 14)
extern struct type_slot {
	uintptr_t type;			/* released last                               */
	uint32_t number;
	uint32_t flags : 8, name : 24;	/* name: low bits of its string's number       */
} *types_slots;				/* NULL: no memory                             */

static inline size_t types_home(uintptr_t type)
{
	return (size_t)((type >> 4) * 0x9e3779b97f4a7c15u >> 50);
}
static_assert(TYPES_SLOTS == 1 << (64 - 50), "types_home() gives 14 bits");

/* Its number, and in *ret_flags which of the kinds above it is. */
static inline uint32_t types_number(uintptr_t type, unsigned *ret_flags)
{
	const struct type_slot *s = &types_slots[types_home(type)];

	if (__builtin_expect(!types_slots ||
	    __atomic_load_n(&s->type, __ATOMIC_ACQUIRE) != type, 0))
		return types_number_slowly(type, ret_flags);
	*ret_flags = s->flags;
	return s->number;
}

/* Those of the flags that can be had without a look at names. */
static inline unsigned types_kind(uintptr_t type)
{
	return (py_ptr(type, TP_FLAGS) & PY_TPFLAGS_TYPE_SUBCLASS ? TYPE_OF_TYPES : 0) |
	       (type == types_of_code ? TYPE_OF_CODE : 0) |
	       (type == types_of_modules ? TYPE_OF_MODULES : 0);
}

/* deaths.c */
const char *deaths_start(void);	/* NULL, or which deaths are told late, and why */
bool deaths_told(uintptr_t type);	/* of all objects of just this type            */
void deaths_before_birth(struct guard *g, struct py_thread *own, uintptr_t op);

/* Its block is given back, and that is told: so its death need not be. */
static inline void deaths_block_given(struct py_thread *own, uintptr_t block)
{
	struct py_dying *d = &own->dying[(own->dying_n - 1) % PY_DYING_MAX];

	if (own->dying_n && d->op - block < 64)
		d->op = 0;
}

bool deaths_hidden(const char *type);	/* keeps memory, and is found only when met    */
void deaths_watch(uintptr_t type);	/* it was met; with the GIL                    */

/* codes.c */
extern uint32_t codes_epoch;		/* changes when an address may stand for another code */
void codes_start(void);
uint32_t codes_number(uintptr_t code);	/* 0: not a code object, or no room */
uint32_t codes_location(uint32_t number, uintptr_t code, int unit, bool entry);
void codes_retire(uintptr_t code);	/* a code object is made at this address */
void codes_forget(void);

/* frames.c */
void frames_take(struct thr *t, struct interp_stack *s);
void frames_define_evaluator(void);

/* tracemalloc.c: only where the program's own tracer shares a flag with ours (to 3.12) */
void tracemalloc_listen(bool on);	/* to births: else the flag is as the program has it */
extern bool tracemalloc_running;	/* the program has started it, and not stopped it */
void tracemalloc_start(int *initialized, int *tracing);
void tracemalloc_ready(void);
void tracemalloc_stop(void);

/* collector.c */
void collector_start(void);		/* before anything else is detoured: it reads code */
long collector_asked(long (*collect)(void));	/* calls PyGC_Collect for somebody */
bool collector_watch(const void *function);	/* is it gc.collect? then control_called from now on */
void collector_tell(struct guard *g);	/* what its statistics say now */
void collector_settings(struct guard *g);	/* ... and its settings */

/* garbage.c */
void garbage_snapshot(struct guard *g, unsigned generation, uint64_t freed); /* a collection begins */
void garbage_forked(void);

/* watch.c: all but the last in births' and locations' way, and only when it is wanted */
extern bool watch_wanted;
void watch_start(void);
void watch_location(uint32_t location, uintptr_t code, int line);
void watch_born(struct guard *g, uintptr_t op);
bool watch_type(uintptr_t type);
void watch_forked(void);
void watch_tell(void);

/* references.c */
void references_start(void);

/* control.c */
void control_start(void);
void control_called(void);		/* the function whose calls the user wants snapshots of */
void control_poll(void);		/* from a hook that runs with the GIL */
void control_call_soon(void (*request)(void));
void control_module_made(void);
void control_forked(void);
bool control_alone(void);
bool control_quiescent(void);
extern HIDDEN int control_wanted;		/* control_poll has something to do */

#endif
