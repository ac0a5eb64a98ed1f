#include "collections.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int collections_init(struct collections *s, const struct trace *t)
{
	*s = (struct collections){ .last_old = -1, .streams = t->events };
	s->open = mem_array(t->events, sizeof(*s->open));
	return s->open ? 0 : -ENOMEM;
}

int collections_continue(struct collections *s, const struct trace *t)
{
	struct open_collection *open = mem_array(t->events, sizeof(*open));

	if (!open)
		return -ENOMEM;
	mem_free(s->open);
	s->open = open;
	s->streams = t->events;
	s->looked_at = 0;
	return 0;
}

void collections_fini(struct collections *s)
{
	mem_free(s->c);
	mem_free(s->open);
	*s = (struct collections){ .last_old = -1 };
}

static void begin(struct open_collection *o, const struct replay *r, const struct event *e)
{
	unsigned generation = e->arg & 255;

	*o = (struct open_collection){ .open = true, .c = {
		.start = e->ticks, .site = r->collect_site, .thread = e->thread,
		.generation = (uint8_t)(generation < GENERATIONS ? generation
								  : OURO_GENERATION_UNKNOWN),
		.cause = (uint8_t)(e->arg >> 8), .forked = o->forked,
	} };
}

/* Numbers that an older or damaged trace does not have are 0. */
static void tell(struct collection *c, const struct event *e)
{
	const uint64_t *v = e->ext_arg;

	c->end = e->ticks;
	c->generation = (uint8_t)(v[OURO_COLLECTED_GENERATION] < GENERATIONS ?
		v[OURO_COLLECTED_GENERATION] : OURO_GENERATION_UNKNOWN);
	c->cause = (uint8_t)v[OURO_COLLECTED_CAUSE];
	c->freed = v[OURO_COLLECTED_FREED];
	c->uncollectable = v[OURO_COLLECTED_UNCOLLECTABLE];
	c->examined = v[OURO_COLLECTED_EXAMINED];
	c->kept = v[OURO_COLLECTED_KEPT];
	c->runs = v[OURO_COLLECTED_RUNS];
	c->ours = v[OURO_COLLECTED_TOOK];
	c->cpu = v[OURO_COLLECTED_CPU];
	for (unsigned i = 0; i < GENERATIONS; i++) {
		c->count[i] = (uint32_t)v[OURO_COLLECTED_COUNT + i];
		c->threshold[i] = (uint32_t)v[OURO_COLLECTED_THRESHOLD + i];
	}
}

static void end(struct collections *s, struct open_collection *o, const struct replay *r,
		const struct event *e)
{
	struct collection *c = &o->c;

	o->open = false;
	if (o->told) {
		c->writing = e->ticks - c->end;
	} else {
		c->end = e->ticks;
		c->freed = e->arg;
	}
	c->live_objects = r->total.live_objects;
	c->live_bytes = r->total.live_bytes;
	if (mem_room(&s->c, s->n, &s->cap, sizeof(*s->c))) {
		s->failed = true;
		return;
	}
	if (c->generation != OURO_GENERATION_UNKNOWN && c->generation > 0)
		s->last_old = s->n;
	s->c[s->n++] = *c;
}

static void read_statistics(struct collections *s, const struct event *e, bool ready)
{
	struct collector_statistics *to = ready ? s->ready : s->last;

	if (e->next < 3 * GENERATIONS)
		return;
	for (unsigned i = 0; i < GENERATIONS; i++)
		to[i] = (struct collector_statistics){ e->ext_arg[3 * i], e->ext_arg[3 * i + 1],
						       e->ext_arg[3 * i + 2] };
	if (ready)
		s->ready_known = true;
	else
		s->last_known = true;
}

/*
 * The outermost Python frame of a program is its main module's, or runpy's; the
 * start-up imports and looks up codecs, and compiles the program without any frame.
 */
static bool is_program(const struct replay *r, stack_id interp)
{
	const struct def_location *at;
	const struct def_code *code;

	while (interp && stack_parent(&r->stacks, interp))
		interp = stack_parent(&r->stacks, interp);
	at = interp ? stack_location(&r->stacks, interp) : NULL;
	code = at && at->kind == LOCATION_LINE ? def_code(r->defs, at->line.code) : NULL;
	if (!code)
		return false;
	return text_is(code->name, "_run_module_as_main") ||
		(text_is(code->name, "<module>") &&
		 !(code->file.length > 7 && !memcmp(code->file.s, "<frozen", 7)));
}

static void look_for_program(struct collections *s, const struct replay *r, const struct event *e)
{
	if (!r->ready || e->form == OURO_STACK_NONE || e->interp == s->looked_at)
		return;
	s->looked_at = e->interp;
	if (is_program(r, e->interp))
		s->program = e->ticks ? e->ticks : 1;
}

void collections_event(struct collections *s, const struct replay *r, const struct event *e)
{
	struct open_collection *o = e->stream < s->streams ? &s->open[e->stream] : NULL;

	if (!o)
		return;
	if (!s->program)
		look_for_program(s, r, e);
	if (e->kind == OURO_COLLECT) {
		begin(o, r, e);
	} else if (e->kind == OURO_COLLECTED) {
		if (o->open)
			end(s, o, r, e);
	} else if (e->kind == OURO_EXT && e->ext == OURO_EXT_COLLECTED) {
		if (o->open)
			tell(&o->c, e);
		o->told = true;
	} else if (e->kind == OURO_EXT && e->ext == OURO_EXT_COLLECTOR) {
		read_statistics(s, e, !s->ready_known);
	} else if (o->open) {
		o->c.events++;
	} else {
		o->forked = e->kind == OURO_EXT && e->ext == OURO_EXT_SNAPSHOT;
	}
}

/* The runtime's counts and ours at one moment: its last word, or the end of a collection. */
uint64_t collections_missed(const struct collections *s)
{
	uint64_t first = 0, seen = 0, runs = 0;
	uint32_t i;

	for (i = 0; i < s->n; i++) {
		if (!s->c[i].runs)
			continue;
		if (!runs)
			first = s->c[i].runs - 1;
		runs = s->c[i].runs;
		seen++;
	}
	return runs - first > seen ? runs - first - seen : 0;
}

/* -------------------------------------------------------------------------- in seconds */

static double seconds(const struct trace *t, uint64_t from, uint64_t to)
{
	return to > from ? (double)(trace_ns(t, to) - trace_ns(t, from)) / 1e9 : 0;
}

double collection_seconds(const struct collections *s, const struct trace *t,
			  const struct collection *c)
{
	(void)s;
	return seconds(t, c->start, c->end);
}

/* Ticks to seconds at the pace of the whole trace: good for what is too short to look up. */
static double pace(const struct collections *s, const struct trace *t)
{
	const struct collection *a = &s->c[0], *b = &s->c[s->n - 1];
	uint64_t ticks = b->end - a->start;

	return ticks ? seconds(t, a->start, b->end) / (double)ticks : 0;
}

double collections_record_seconds(const struct collections *s, const struct trace *t)
{
	uint64_t ticks = 0;
	uint32_t i;

	for (i = 0; i < s->n; i++)
		ticks += s->c[i].writing;
	return s->n ? (double)ticks * pace(s, t) / s->n : 0;
}

double collection_cpu_seconds(const struct collection *c)
{
	return c->cpu ? (double)(c->cpu - 1) / 1e9 : -1;
}

static int shorter_first(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Those that were not measured (most of the youngest generation) had the processor as the others had. */
struct cpu_sum {
	double cpu, of, unmeasured;	/* of: the time of those that were measured  */
};

static void add_cpu(struct cpu_sum *s, const struct collection *c, double took)
{
	double cpu = collection_cpu_seconds(c);

	if (cpu < 0) {
		s->unmeasured += took;
		return;
	}
	s->cpu += cpu < took ? cpu : took;
	s->of += took;
}

static double cpu_of(const struct cpu_sum *young, const struct cpu_sum *old)
{
	const struct cpu_sum *like = young->of > 0 ? young : old;

	if (like->of <= 0)
		return -1;
	return young->cpu + old->cpu +
		(young->unmeasured + old->unmeasured) * like->cpu / like->of;
}

int collections_sum(const struct collections *s, const struct trace *t, collection_filter *pick,
		    const void *arg, struct collection_sum *ret)
{
	struct collection_sum x = { .pause = mem_array(s->n, sizeof(*x.pause)) };
	double record = collections_record_seconds(s, t);
	struct cpu_sum young = {0}, old = {0};
	uint64_t ours = 0;
	uint32_t i;

	if (!x.pause)
		return -ENOMEM;
	for (i = 0; i < s->n; i++) {
		const struct collection *c = &s->c[i];
		double took, part;

		if (pick && !pick(c, arg))
			continue;
		took = collection_seconds(s, t, c);
		part = (double)c->events * record;
		x.pause[x.n++] = took;
		x.seconds += took;
		add_cpu(c->generation ? &old : &young, c, took);
		x.recorder += part < took ? part : took;
		x.freed += c->freed;
		x.uncollectable += c->uncollectable;
		x.deaths += c->deaths;
		x.examined += c->examined ? c->examined - 1 : 0;
		x.unexamined += !c->examined;
		ours += c->ours;
	}
	x.cpu = cpu_of(&young, &old);
	x.before = s->n ? (double)ours * pace(s, t) : 0;
	if (x.n)
		qsort(x.pause, x.n, sizeof(*x.pause), shorter_first);
	*ret = x;
	return 0;
}

void collection_sum_fini(struct collection_sum *s)
{
	mem_free(s->pause);
	*s = (struct collection_sum){0};
}

double collection_pause(const struct collection_sum *s, double percent)
{
	uint64_t at = (uint64_t)((double)s->n * percent / 100);

	if (!s->n)
		return 0;
	return s->pause[at < s->n ? at : s->n - 1];
}

const char *collection_cause_name(unsigned cause)
{
	static const char *const name[] = {
		[OURO_CAUSE_UNKNOWN] = "unknown",
		[OURO_CAUSE_THRESHOLD] = "threshold",
		[OURO_CAUSE_CALL] = "call",
		[OURO_CAUSE_NATIVE_CALL] = "native-call",
		[OURO_CAUSE_FINALISATION] = "finalisation",
	};

	return cause < sizeof(name) / sizeof(name[0]) ? name[cause] : "unknown";
}
