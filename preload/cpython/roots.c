#include "roots.h"

#include "layout.h"
#include "locals.h"

#define FRAMES_MAX 1000000	/* a chain that goes on longer is a broken one */

/* Each thread of each interpreter; `number` counts from the oldest, 1. */
struct threads {
	uintptr_t interp, thread;
	uint32_t number;
};

static void first_thread(struct threads *t)
{
	uintptr_t at;

	t->thread = py_ptr(t->interp, py.interp_threads);
	t->number = 0;
	for (at = t->thread; at; at = py_ptr(at, py.tstate_next))
		t->number++;
}

static bool next_thread(struct threads *t)
{
	if (!t->interp) {
		t->interp = layout_interp();
		first_thread(t);
	} else {
		t->thread = py_ptr(t->thread, py.tstate_next);
		t->number--;
	}
	while (!t->thread) {
		t->interp = py_ptr(t->interp, py.interp_next);
		if (!t->interp)
			return false;
		first_thread(t);
	}
	return true;
}

static uintptr_t innermost_frame(uintptr_t thread)
{
	uintptr_t cframe;

	if (py.tstate_cframe < 0)
		return py_ptr(thread, py.tstate_frame);
	cframe = py_ptr(thread, py.tstate_cframe);
	return cframe ? py_ptr(cframe, py.cframe_frame) : 0;
}

static void root(struct walk *w, const struct snapshot_root *r)
{
	struct heap_node *n;

	if (!r->held || !(n = heap_object(w, r->held)))
		return;
	if (!r->flags)
		n->open--;
	snapshot_root(w->s, r);
}

/* --- frames -------------------------------------------------------------------------- */

/* What all roots of one frame have in common. */
static struct snapshot_root place_of(struct walk *w, uintptr_t frame, uintptr_t code, uint32_t thread)
{
	int32_t name = py.code_qualname < 0 ? py.code_name : py.code_qualname;

	return (struct snapshot_root){
		.function = heap_str(w, py_ptr(code, name)),
		.file = heap_str(w, py_ptr(code, py.code_filename)),
		.line = frame_line(frame, code),
		.thread = thread,
	};
}

static void frame_part(struct walk *w, struct snapshot_root r, uintptr_t held, const char *what)
{
	r.kind = OURO_ROOT_FRAME;
	r.held = held;
	r.what = heap_cstring(w, what);
	root(w, &r);
}

static void frame_variables(struct walk *w, struct snapshot_root r, uintptr_t frame, uintptr_t code,
	unsigned flags)
{
	int64_t n = code_nlocals(code), depth = frame_depth(frame, code);
	uintptr_t stack = frame + (uintptr_t)py.frame_localsplus + (uintptr_t)n * 8;

	r.flags = flags;
	r.kind = OURO_ROOT_LOCAL;
	for (int64_t i = 0; i < n; i++) {
		uintptr_t name = code_local_name(code, i);

		r.held = py_ptr(frame, py.frame_localsplus + (int32_t)i * 8);
		r.what = name ? heap_str(w, name) : 0;
		root(w, &r);
	}
	r.kind = OURO_ROOT_STACK;
	r.what = 0;
	for (int64_t i = 0; i < depth; i++) {
		r.held = py_ptr(stack, (int32_t)i * 8);
		r.number = (uint32_t)i;
		root(w, &r);
	}
}

/*
 * 3.11 on.  A generator's frame is inside the generator, whose traverse shows
 * it; but not its variables while it runs and does not say how deep its stack is.
 */
static void frame_struct(struct walk *w, uintptr_t frame, uintptr_t code, uint32_t thread)
{
	struct snapshot_root r = place_of(w, frame, code, thread);
	unsigned owner = py_byte(frame, py.frame_owner);

	if (owner == PY_FRAME_THREAD) {
		frame_part(w, r, code, "code");
		frame_part(w, r, py_ptr(frame, py.frame_func), "function");
		frame_part(w, r, py_ptr(frame, py.frame_locals), "f_locals");
		frame_part(w, r, py_ptr(frame, py.frame_object), "frame");
		frame_variables(w, r, frame, code, 0);
	} else if (owner == PY_FRAME_GENERATOR) {
		frame_variables(w, r, frame, code,
			frame_depth(frame, code) < 0 ? 0 : OURO_EDGE_BORROWED);
	}
}

/* Up to 3.10.  The evaluator holds each frame it runs, but those of generators. */
static void frame_with_object(struct walk *w, uintptr_t frame, uintptr_t code, uint32_t thread)
{
	struct snapshot_root r = place_of(w, frame, code, thread);

	if (!py_ptr(frame, py.frame_gen))
		frame_part(w, r, frame, "frame");
	frame_variables(w, r, frame, code, 0);
}

static void thread_frames(struct walk *w, const struct threads *t)
{
	uintptr_t frame = innermost_frame(t->thread);

	for (int n = 0; frame && n < FRAMES_MAX; n++, frame = py_ptr(frame, py.frame_back)) {
		uintptr_t code = frame_code(frame);

		if (!code)
			continue;
		if (py.minor >= 11)
			frame_struct(w, frame, code, t->number);
		else
			frame_with_object(w, frame, code, t->number);
	}
}

void roots_running(struct walk *w)
{
	struct threads t = { 0 };

	while (py.minor <= 10 && next_thread(&t)) {
		uintptr_t frame = innermost_frame(t.thread);

		for (int n = 0; frame && n < FRAMES_MAX; n++, frame = py_ptr(frame, py.frame_back)) {
			struct heap_node *node = heap_at(w, frame);

			if (node)
				node->seen = 1;
		}
	}
}

/* --- threads, interpreters ----------------------------------------------------------- */

static void field(struct walk *w, enum ouro_root kind, uintptr_t held, const char *what,
	uint32_t thread)
{
	struct snapshot_root r = { .held = held, .kind = kind, .thread = thread };

	if (!held || !heap_plausible(w, held))
		return;
	r.what = heap_cstring(w, what);
	root(w, &r);
}

static void thread_fields(struct walk *w, const struct threads *t)
{
	const struct py_reference *ref = py.thread_references;
	uintptr_t exc = t->thread + (uintptr_t)py.tstate_exc_state;
	uintptr_t chunk = py.tstate_datastack < 0 ? 0 : py_ptr(t->thread, py.tstate_datastack);

	for (; ref->offset >= 0; ref++)
		field(w, OURO_ROOT_THREAD, py_ptr(t->thread, ref->offset), ref->name, t->number);
	field(w, OURO_ROOT_THREAD, py_ptr(exc, py.exc_value), "handled exception", t->number);
	if (py.exc_type >= 0) {
		field(w, OURO_ROOT_THREAD, py_ptr(exc, py.exc_type), "handled exception's type",
			t->number);
		field(w, OURO_ROOT_THREAD, py_ptr(exc, py.exc_traceback),
			"handled exception's traceback", t->number);
	}
	for (; chunk; chunk = py_ptr(chunk, py.datastack_previous))
		heap_extent(w, chunk, py_ptr(chunk, py.datastack_bytes));
}

/* A cache from (class, name) to attribute: it owns the names. */
static void type_cache(struct walk *w, uintptr_t interp)
{
	uintptr_t at, end;

	if (py.interp_type_cache < 0)
		return;
	at = interp + (uintptr_t)py.interp_type_cache;
	end = at + (uintptr_t)py.interp_type_cache_size;
	for (; at + 24 <= end; at += 24)
		field(w, OURO_ROOT_INTERP, py_ptr(at, 8), "type cache", 0);
}

static void ast_state(struct walk *w, uintptr_t interp)
{
	for (int32_t at = 0; py.interp_ast >= 0 && at + 8 <= py.interp_ast_size; at += 8)
		field(w, OURO_ROOT_INTERP, py_ptr(interp, py.interp_ast + at), "ast", 0);
}

/* Records of (function, arguments, keywords). */
static void atexit_calls(struct walk *w, uintptr_t interp)
{
	uintptr_t calls = py.interp_atexit < 0 ? 0 : py_ptr(interp, py.interp_atexit);
	int n = calls ? py_int(interp, py.interp_natexit) : 0;

	for (int i = 0; i < n; i++) {
		uintptr_t call = py_ptr(calls, i * 8);

		if (!call)
			continue;
		for (int part = 0; part < 3; part++)
			field(w, OURO_ROOT_INTERP, py_ptr(call, part * 8), "atexit", 0);
	}
}

static void interp_fields(struct walk *w, uintptr_t interp)
{
	const struct py_reference *ref = py.interp_references;
	uintptr_t gc = layout_gc(interp);

	for (; ref->offset >= 0; ref++)
		field(w, OURO_ROOT_INTERP, py_ptr(interp, ref->offset), ref->name, 0);
	field(w, OURO_ROOT_INTERP, py_ptr(gc, py.gc_garbage), "gc.garbage", 0);
	field(w, OURO_ROOT_INTERP, py_ptr(gc, py.gc_callbacks), "gc.callbacks", 0);
	type_cache(w, interp);
	ast_state(w, interp);
	atexit_calls(w, interp);
}

void roots_write(struct walk *w)
{
	struct threads t = { 0 };

	for (uintptr_t in = layout_interp(); in; in = py_ptr(in, py.interp_next))
		interp_fields(w, in);
	while (next_thread(&t)) {
		thread_fields(w, &t);
		thread_frames(w, &t);
	}
}

/* --- perhaps ------------------------------------------------------------------------- */

static bool known_object(const struct walk *w, uintptr_t word)
{
	const struct heap_node *n = word > 4096 && word % 8 == 0 ? heap_find(w, word) : 0;

	return n && n->queued;
}

/* The stack of a frame that has called into C: below its depth, which is not written down. */
static void maybe_stack(struct walk *w, uintptr_t frame, uintptr_t code, uint32_t thread)
{
	struct snapshot_root r = place_of(w, frame, code, thread);
	uintptr_t stack = frame + (uintptr_t)py.frame_localsplus + (uintptr_t)code_nlocals(code) * 8;
	int n = py_int(code, py.code_stacksize);

	r.kind = OURO_ROOT_STACK;
	r.flags = OURO_EDGE_MAYBE;
	for (int i = 0; i < n; i++) {
		r.held = py_ptr(stack, i * 8);
		r.number = (uint32_t)i;
		if (known_object(w, r.held))
			root(w, &r);
	}
}

static bool told(uintptr_t interp, int32_t at)
{
	const struct py_reference *ref = py.interp_references;
	int32_t gc = py.interp_gc;
	struct { int32_t at, n; } part[] = {
		{ py.interp_type_cache, py.interp_type_cache_size },
		{ py.interp_ast, py.interp_ast_size },
		{ py.interp_free_lists, py.interp_free_lists_size },	/* of the dead */
		{ py.interp_first_thread, py.interp_first_thread_size },
		{ py.interp_static_types, py.interp_static_type_size * py.interp_static_type_max },
		{ py.interp_static_ext_types,
		  py.interp_static_type_size * py.interp_static_ext_max },
	};

	for (size_t i = 0; i < sizeof part / sizeof *part; i++)
		if (part[i].at >= 0 && at >= part[i].at && at < part[i].at + part[i].n)
			return true;
	if (gc >= 0 && (at == gc + py.gc_garbage || at == gc + py.gc_callbacks))
		return true;
	for (; ref->offset >= 0; ref++)
		if (ref->offset == at)
			return true;
	return false;
}

/* Fields no table names: caches of small numbers, of one-character strings, of functions. */
static void maybe_fields(struct walk *w, uintptr_t interp)
{
	const struct range *r = maps_find(&w->maps, interp, 8);

	for (int32_t at = 0; r && at + 8 <= py.interp_size && interp + (uintptr_t)at < r->end;
	     at += 8) {
		uintptr_t word = py_ptr(interp, at);
		struct snapshot_root root_ = { .held = word, .kind = OURO_ROOT_INTERP,
			.flags = OURO_EDGE_MAYBE, .number = (uint32_t)at };

		if (known_object(w, word) && !told(interp, at)) {
			root_.what = heap_cstring(w, "state");
			root(w, &root_);
		}
	}
}

bool roots_tell(uintptr_t where)
{
	for (uintptr_t in = layout_interp(); in; in = py_ptr(in, py.interp_next))
		if (where - in < (uintptr_t)py.interp_size)
			return true;
	return false;
}

void roots_write_maybe(struct walk *w)
{
	struct threads t = { 0 };

	for (uintptr_t in = layout_interp(); in; in = py_ptr(in, py.interp_next))
		maybe_fields(w, in);
	while (next_thread(&t)) {
		uintptr_t frame = innermost_frame(t.thread);

		for (int n = 0; frame && n < FRAMES_MAX; n++, frame = py_ptr(frame, py.frame_back)) {
			uintptr_t code = frame_code(frame);

			if (code && frame_depth(frame, code) < 0)
				maybe_stack(w, frame, code, t.number);
		}
	}
}
