/*
 * Every run of the cyclic collector passes one function of the interpreter,
 * and that is detoured: a callback in gc.callbacks would be seen by the
 * program and make objects in each collection, which moves the next one.
 *
 * The function is not exported.  It is reached by direct calls from PyGC_Collect
 * and gc.collect, and it is the only one that can print "gc: collecting
 * generation": so it is known by the text it mentions, whatever name, shape or
 * number of copies the compiler left of it.  What it was called with is not
 * trusted (a copy may have lost arguments); what it did is read from the
 * collector's own statistics, which also show whether a run was missed.
 */
#include "live.h"

#include "../bounds.h"
#include "../clock.h"
#include "../code.h"
#include "../confine.h"
#include "../defs.h"
#include "../detour.h"
#include "../extent.h"

#include <ouro/record.h>

enum {
	COPIES = 4,		/* of the collector, at most                              */
	VISITED = 96,		/* functions looked at, at most                           */
	LEVELS = 3,		/* of calls from where the search starts                  */
	FUNCTION_MAX = 32768,	/* bytes of a function that is looked at                  */
};
static const char mention[] = "gc: collecting generation";

/* --- finding it ---------------------------------------------------------------------- */

struct search {
	const uint8_t *seen[VISITED];
	uint8_t level[VISITED];
	unsigned n;
	const uint8_t *found[COPIES];
	unsigned nfound;
};

static void visit_later(struct search *s, const uint8_t *fn, unsigned level)
{
	struct extent e;

	if (level > LEVELS || s->n == VISITED)
		return;
	for (unsigned i = 0; i < s->n; i++)
		if (s->seen[i] == fn)
			return;
	/* Not the start of a function: an entry of the linker's tables. */
	if (extent_by_cfi(fn, &e) || e.begin != fn)
		return;
	s->level[s->n] = (uint8_t)level;
	s->seen[s->n++] = fn;
}

static bool is_mention(const void *p)
{
	uintptr_t at = (uintptr_t)p, last = at + sizeof mention - 2;

	return at >= 4096 && bounds_readable(at & ~(uintptr_t)7) &&
	       bounds_readable(last & ~(uintptr_t)7) && !memcmp(p, mention, sizeof mention - 1);
}

/* What an instruction names: relative to itself, or (programs at fixed addresses) outright. */
static const void *named(const struct code_insn *in)
{
	uint32_t v;

	if (in->flow != CODE_NEXT)
		return NULL;
	if (in->target)
		return in->target;
	if (in->size != 5 || in->at[0] < 0xb8 || in->at[0] > 0xbf)	/* mov r32, imm32 */
		return NULL;
	memcpy(&v, in->at + 1, 4);
	return (const void *)(uintptr_t)v;
}

/* Does this piece of code mention the text?  Notes what it calls, and its own other piece. */
static bool scan(struct search *s, const struct extent *e, unsigned level, const uint8_t **cold)
{
	struct code_insn in;

	for (const uint8_t *p = e->begin; p < e->end; p += in.size) {
		if (code_decode(p, (size_t)(e->end - p), &in))
			return false;
		if (is_mention(named(&in)))
			return true;
		if (!in.target || (in.target >= e->begin && in.target < e->end))
			continue;
		if (in.flow == CODE_JCC)
			*cold = in.target;
		else if (in.flow == CODE_CALL || in.flow == CODE_JMP)
			visit_later(s, in.target, level + 1);
	}
	return false;
}

static bool looks_right(struct search *s, unsigned i)
{
	const uint8_t *cold = NULL, *none = NULL;
	struct extent e;

	if (extent_by_cfi(s->seen[i], &e) || e.end - e.begin > FUNCTION_MAX)
		return false;
	if (scan(s, &e, s->level[i], &cold))
		return true;
	/* Compilers move what is rarely needed, like messages, to another place. */
	return cold && !extent_by_cfi(cold, &e) && e.end - e.begin <= FUNCTION_MAX &&
	       scan(s, &e, s->level[i], &none);
}

static void search_collector(struct search *s, const void *const *from, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (from[i])
			visit_later(s, from[i], 0);
	for (unsigned i = 0; i < s->n && s->nfound < COPIES; i++)
		if (looks_right(s, i))
			s->found[s->nfound++] = s->seen[i];
}

/* gc.collect: the module's init function names its definition, that its methods. */
static struct py_method *method_of(const void *def, const char *name)
{
	uintptr_t slot = (uintptr_t)def + PY_MODULEDEF_METHODS;
	struct py_method *m;

	if ((uintptr_t)def < 4096 || slot % 8 || !bounds_readable(slot))
		return NULL;
	m = (struct py_method *)py_ptr(slot, 0);
	for (unsigned i = 0; i < 32; i++, m++) {
		if ((uintptr_t)m < 4096 || (uintptr_t)m % 8 || !bounds_readable((uintptr_t)m) ||
		    !bounds_readable((uintptr_t)m->name & ~(uintptr_t)7))
			return NULL;
		if (!strcmp(m->name, name))
			return m;
	}
	return NULL;
}

static struct py_method *find_method(const char *name)
{
	const uint8_t *init = cpython_builtin_init("gc");
	struct py_method *m = NULL;
	struct code_insn in;
	struct extent e;

	if (!init || extent_by_cfi(init, &e))
		return NULL;
	for (const uint8_t *p = init; p < e.end && !m; p += in.size) {
		if (code_decode(p, (size_t)(e.end - p), &in))
			return NULL;
		m = method_of(named(&in), name);
	}
	return m;
}

/* --- a run of it --------------------------------------------------------------------- */

struct run {
	uintptr_t gc;			/* its state; 0: not known               */
	uint64_t arrived;		/* ticks                                 */
	uint64_t took;			/* ticks for us before it started        */
	uint64_t runs[3], collected[3], uncollectable[3];
	uint64_t long_total, long_pending;
	uint64_t young;			/* objects of generations 0 and 1        */
	uint64_t youngest;
	uint64_t cpu;			/* ns of this thread when it started; 0: not taken */
	int32_t count[3], threshold[3];
	enum ouro_cause cause;
	unsigned due;			/* generation; 3: none, UNKNOWN: whatever was asked for */
};

/* Believed when its first list is where it should be: that is looked at each time. */
static uintptr_t state_of_collector(void)
{
	uintptr_t thread = layout_thread(), interp, gc;

	interp = thread ? py_ptr(thread, py.tstate_interp) : 0;
	gc = interp ? layout_gc(interp) : 0;
	return gc && py_ptr(gc, py.gc_generation0) == gc + (uintptr_t)py.gc_generations ? gc : 0;
}

static uint64_t statistic(uintptr_t gc, int generation, int which)
{
	return py_ptr(gc, py.gc_stats + generation * py.gc_stats_size + which * 8);
}

enum { OBJECTS_MAX = 1 << 24 };

static uintptr_t link_of(uintptr_t at, int which)
{
	return py_ptr(at, which * 8) & ~(uintptr_t)3;
}

/* From both ends: each step waits for memory, and so two of them do at a time. */
static uint64_t length(uintptr_t list)
{
	uintptr_t first = link_of(list, 0), last = link_of(list, 1);
	uint64_t n = 0;

	if (first == list)
		return 0;
	for (; first != last && n < OBJECTS_MAX; n += 2) {
		uintptr_t next = link_of(first, 0);

		if (next == last)
			return n + 2;
		first = next;
		last = link_of(last, 1);
	}
	return n + 1;
}

static void look_before(struct run *r)
{
	uintptr_t lists = r->gc + (uintptr_t)py.gc_generations;

	for (int i = 0; i < 3; i++) {
		uintptr_t list = lists + (uintptr_t)(i * py.gc_generation_size);

		r->runs[i] = statistic(r->gc, i, 0);
		r->collected[i] = statistic(r->gc, i, 1);
		r->uncollectable[i] = statistic(r->gc, i, 2);
		r->count[i] = py_int(list, py.gc_count);
		r->threshold[i] = py_int(list, py.gc_threshold);
	}
	r->long_total = py_ptr(r->gc, py.gc_long_total);
	r->long_pending = py_ptr(r->gc, py.gc_long_pending);
}

/* The oldest that is over its threshold; the last also waits until enough was added to it. */
static unsigned due(const struct run *r)
{
	if (r->cause != OURO_CAUSE_THRESHOLD)
		return OURO_GENERATION_UNKNOWN;
	if (r->count[2] > r->threshold[2] && r->long_pending >= r->long_total / 4)
		return 2;
	return r->count[1] > r->threshold[1] ? 1 : r->count[0] > r->threshold[0] ? 0 : 3;
}

/*
 * How many will be looked at?  The collector goes through the young lists
 * several times, so one more walk costs little; the old ones it counts itself.
 * Samples are taken where little is too much.
 */
static void count_young(struct run *r)
{
	uintptr_t lists = r->gc + (uintptr_t)py.gc_generations;

	if (r->due > 1 || sampling)
		return;
	r->youngest = length(lists);
	if (r->due == 1)
		r->young = r->youngest + length(lists + (uintptr_t)py.gc_generation_size);
}

/* Of the run that just ended; 255: the statistics do not say. */
static unsigned which_generation(const struct run *r)
{
	unsigned found = OURO_GENERATION_UNKNOWN;

	for (unsigned i = 0; r->gc && i < 3; i++)
		if (statistic(r->gc, (int)i, 0) != r->runs[i])
			found = i;
	return found;
}

static enum ouro_cause cause_now(void)
{
	if (api.is_finalizing())
		return OURO_CAUSE_FINALISATION;
	return thr_self && thr_self->asked ? thr_self->asked : OURO_CAUSE_THRESHOLD;
}

/* From 3.13 on it is this function that finds that one runs already, or that none is due. */
static bool returns_at_once(const struct run *r)
{
	return py_int(r->gc, py.gc_collecting) || r->due == 3;
}

/*
 * What the collection itself took, whatever else the machine did meanwhile.  Asking costs a
 * system call, a tenth of a small collection: so once there were some, one in CPU_ONE_IN of
 * the youngest generation is asked about, in no rhythm that the older ones may have.
 */
enum { CPU_FIRST = 64, CPU_ONE_IN = 8, CPU_PAIRS = 16 };
static uint64_t cpu_price;		/* ns between two readings with nothing between; 0: it does not move */

static uint64_t thread_cpu(void)
{
	return confined ? 0 : clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static void weigh_cpu(void)
{
	for (int i = 0; i < CPU_PAIRS; i++) {
		uint64_t before = thread_cpu(), took = thread_cpu() - before;

		if (!i || took < cpu_price)
			cpu_price = took;
	}
}

static bool wants_cpu(const struct run *r)
{
	if (!cpu_price)
		return false;
	return r->due || !r->gc || r->runs[0] < CPU_FIRST ||
	       (ouro_hash(0, r->runs[0]) >> 32) % CPU_ONE_IN == 0;
}

/* ns + 1; 0: not known. */
static uint64_t cpu_since(const struct run *r)
{
	uint64_t now = r->cpu ? thread_cpu() : 0, took = now > r->cpu ? now - r->cpu : 0;

	return took ? 1 + (took > cpu_price ? took - cpu_price : 0) : 0;
}

static bool begin(struct run *r, uintptr_t frame, struct caller caller)
{
	struct py_thread *own;
	struct guard g;

	if (!guard_enter(&g, frame))
		return false;
	*r = (struct run){ .arrived = event_ticks(), .cause = cause_now(),
			   .gc = state_of_collector() };
	r->due = OURO_GENERATION_UNKNOWN;
	if (r->gc) {
		look_before(r);
		r->due = due(r);
	}
	if (py.minor >= 13 && r->gc && returns_at_once(r)) {
		guard_leave(&g);
		return false;
	}
	if (r->gc) {
		/* What was asked for is nearly always a collection of everything. */
		unsigned generation = r->due <= 2 ? r->due : 2;

		count_young(r);
		garbage_snapshot(&g, generation, r->collected[generation]);
	}
	own = py_thread(g.t);
	own->state = layout_thread();
	r->took = event_ticks() - r->arrived;
	event_at(&g, OURO_COLLECT, g.t->out.addr,
		 (r->due < 3 ? r->due : OURO_GENERATION_UNKNOWN) | (uint64_t)r->cause << 8, caller);
	own->state = 0;
	if (wants_cpu(r))
		r->cpu = thread_cpu();
	guard_leave(&g);
	return true;
}

/*
 * Those it kept: counted by us before it began (generation 0), or by itself.
 * Numbers that may be unknown are told plus one.
 */
static uint64_t survivors(const struct run *r, unsigned generation, uint64_t gone)
{
	uint64_t pending = py_ptr(r->gc, py.gc_long_pending);

	if (generation == 2)
		return py_ptr(r->gc, py.gc_long_total) + 1;
	if (generation == 1)
		return pending - r->long_pending + 1;
	return r->youngest >= gone && r->youngest ? r->youngest - gone + 1 : 0;
}

static void tell(struct guard *g, const struct run *r, uint64_t cpu)
{
	unsigned generation = which_generation(r);
	uint64_t field[OURO_COLLECTED_FIELDS] = {
		[OURO_COLLECTED_GENERATION] = generation,
		[OURO_COLLECTED_CAUSE] = r->cause,
		[OURO_COLLECTED_TOOK] = r->took,
		[OURO_COLLECTED_CPU] = cpu,
	};

	if (generation <= 2) {
		uint64_t freed = statistic(r->gc, (int)generation, 1) - r->collected[generation];
		uint64_t stuck = statistic(r->gc, (int)generation, 2) -
				 r->uncollectable[generation];
		uint64_t kept = survivors(r, generation, freed + stuck);
		uint64_t examined = generation == 0 && r->youngest ? r->youngest + 1
				  : generation == 1 && r->young    ? r->young + 1
				  : kept			    ? kept + freed + stuck
								    : 0;

		field[OURO_COLLECTED_FREED] = freed;
		field[OURO_COLLECTED_UNCOLLECTABLE] = stuck;
		field[OURO_COLLECTED_EXAMINED] = examined;
		field[OURO_COLLECTED_KEPT] = kept;
		for (unsigned i = 0; i < 3; i++) {
			field[OURO_COLLECTED_COUNT + i] = (uint64_t)(uint32_t)r->count[i];
			field[OURO_COLLECTED_THRESHOLD + i] = (uint64_t)(uint32_t)r->threshold[i];
			field[OURO_COLLECTED_RUNS] += statistic(r->gc, (int)i, 0);
		}
	}
	event_ext(g, OURO_EXT_COLLECTED, field, OURO_COLLECTED_FIELDS);
	event(g, OURO_COLLECTED, g->t->out.addr, field[OURO_COLLECTED_FREED]);
}

static void end(const struct run *r, uintptr_t frame)
{
	struct guard g;
	uint64_t cpu = cpu_since(r);

	if (!guard_enter(&g, frame))
		return;
	tell(&g, r, cpu);
	guard_leave(&g);
}

typedef uintptr_t function6(uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t e,
			    uintptr_t f);

/* It takes five arguments or less, all in registers. */
#define COPY(n) \
	static function6 *original_##n; \
	static uintptr_t collector_##n(uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, \
				       uintptr_t e, uintptr_t f) \
	{ \
		uintptr_t frame = (uintptr_t)__builtin_frame_address(0), result; \
		struct run r; \
		bool told = begin(&r, frame, CALLER()); \
\
		result = original_##n(a, b, c, d, e, f); \
		if (told) \
			end(&r, frame); \
		return result; \
	}

COPY(0)
COPY(1)
COPY(2)
COPY(3)

static const struct {
	function6 *ours, **original;
} copies[COPIES] = {
	{ collector_0, &original_0 },
	{ collector_1, &original_1 },
	{ collector_2, &original_2 },
	{ collector_3, &original_3 },
};

/* --- who asked for it ---------------------------------------------------------------- */

static function6 *method;
static const void *method_entry;
static bool watched;			/* snapshots of its calls are wanted, too            */

bool collector_watch(const void *function)
{
	watched = watched || (method && function == method_entry);
	return watched;
}

/* Why the next run of this thread starts; what was said before. */
static enum ouro_cause ask(enum ouro_cause cause)
{
	enum ouro_cause before;
	struct guard g;

	/* Its first event, maybe. */
	if (!thr_self && guard_enter(&g, (uintptr_t)__builtin_frame_address(0)))
		guard_leave(&g);
	if (!thr_self)
		return 0;
	before = thr_self->asked;
	thr_self->asked = (uint8_t)cause;
	return before;
}

static uintptr_t method_detour(uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t e,
			       uintptr_t f)
{
	enum ouro_cause before = ask(OURO_CAUSE_CALL);
	uintptr_t result;

	if (watched)
		control_called();
	result = method(a, b, c, d, e, f);
	ask(before);
	return result;
}

long collector_asked(long (*collect)(void))
{
	enum ouro_cause before = ask(OURO_CAUSE_NATIVE_CALL);
	long result = collect();

	ask(before);
	return result;
}

/* --- the statistics, for whoever wants to check the above ------------------------------ */

void collector_tell(struct guard *g)
{
	uintptr_t gc = state_of_collector();
	uint64_t field[9];

	if (!gc)
		return;
	for (int i = 0; i < 9; i++)
		field[i] = statistic(gc, i / 3, i % 3);
	event_ext(g, OURO_EXT_COLLECTOR, field, 9);
}

/* --- what the program sets ------------------------------------------------------------- */

/* At a change the permanent list is counted: it is long only after a freeze, and that is rare. */
static void tell_settings(struct guard *g, enum ouro_change change)
{
	uint64_t field[OURO_SETTINGS_FIELDS] = { [OURO_SETTINGS_CHANGE] = change };
	uintptr_t gc = state_of_collector();

	if (!gc)
		return;
	field[OURO_SETTINGS_ENABLED] = py_int(gc, py.gc_enabled) != 0;
	for (int i = 0; i < 3; i++) {
		uintptr_t list = gc + (uintptr_t)(py.gc_generations + i * py.gc_generation_size);

		field[OURO_SETTINGS_THRESHOLD + i] = (uint32_t)py_int(list, py.gc_threshold);
		field[OURO_SETTINGS_COUNT + i] = (uint32_t)py_int(list, py.gc_count);
	}
	if (change == OURO_CHANGE_FREEZE || change == OURO_CHANGE_UNFREEZE)
		field[OURO_SETTINGS_FROZEN] = length(gc + (uintptr_t)py.gc_permanent) + 1;
	event_ext(g, OURO_EXT_SETTINGS, field, OURO_SETTINGS_FIELDS);
}

void collector_settings(struct guard *g)
{
	tell_settings(g, OURO_CHANGE_NONE);
}

#define CHANGE(name, what) \
	static function6 *name; \
	static uintptr_t name##_detour(uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, \
				       uintptr_t e, uintptr_t f) \
	{ \
		uintptr_t result = name(a, b, c, d, e, f); \
		struct guard g; \
\
		if (GUARD_ENTER(&g)) { \
			tell_settings(&g, what); \
			guard_leave(&g); \
		} \
		return result; \
	}

CHANGE(set_threshold, OURO_CHANGE_THRESHOLD)
CHANGE(enable, OURO_CHANGE_ENABLE)
CHANGE(disable, OURO_CHANGE_DISABLE)
CHANGE(freeze, OURO_CHANGE_FREEZE)
CHANGE(unfreeze, OURO_CHANGE_UNFREEZE)

static const struct {
	const char *name;
	function6 *ours, **original;
} changes[] = {
	{ "set_threshold", set_threshold_detour, &set_threshold },
	{ "enable", enable_detour, &enable },
	{ "disable", disable_detour, &disable },
	{ "freeze", freeze_detour, &freeze },
	{ "unfreeze", unfreeze_detour, &unfreeze },
};

/*
 * By the table of methods, which a call from Python goes by: some of these
 * functions are too short for a detour.  What C code sets by PyGC_Enable and
 * the like shows at the next collection.
 */
static void follow_changes(void)
{
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		struct py_method *m = find_method(changes[i].name);

		if (!m) {
			define_note(OURO_NOTE_WARNING,
				    "changes of the collector's settings are not all seen");
			return;
		}
		*changes[i].original = (function6 *)(void *)m->call;
		m->call = (void *(*)(void *, void *, void *))(void *)changes[i].ours;
	}
}

void collector_start(void)
{
	struct search s = { .n = 0 };
	struct py_method *collect = find_method("collect");
	const void *from[] = {
		cpython_find("PyGC_Collect"), cpython_find("_PyGC_CollectNoFail"),
		collect ? (const void *)collect->call : NULL,
	};
	unsigned placed = 0;

	weigh_cpu();
	search_collector(&s, from, sizeof from / sizeof *from);
	for (unsigned i = 0; i < s.nfound; i++)
		placed += detour_place("gc_collect_main", (void *)s.found[i],
				       (void *)copies[i].ours,
				       (void **)copies[i].original) >= 0;
	if (!placed || placed < s.nfound)
		define_note(OURO_NOTE_WARNING, "the collector's entry was not found: "
			    "collections are counted, but not seen one by one");
	if (!collect)
		return;
	follow_changes();
	method_entry = (const void *)collect->call;
	detour_place("gc.collect", (void *)collect->call, (void *)method_detour, (void **)&method);
}
