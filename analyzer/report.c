#include "report.h"

#include "buf.h"
#include "core_words.h"
#include "find_balance.h"
#include "find_collector.h"
#include "find_growth.h"
#include "mem.h"
#include "notes.h"
#include "program.h"
#include "suspects.h"
#include "warm.h"
#include "words.h"
#include "without.h"

#include <ouro/core.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static char *copy(struct text t)
{
	struct buf b = {0};

	buf_add(&b, t.s, t.length);
	return buf_take(&b);
}

/* The one that the process is said to be of: the interpreter, else the first that is there. */
static const struct def_runtime *main_runtime(const struct defs *d)
{
	const struct def_runtime *first = NULL;

	for (uint32_t i = 0; i < d->runtimes; i++)
		if (!first || d->runtime[i].number < first->number)
			first = &d->runtime[i];
	return first;
}

static int take_facts(struct report *r)
{
	const struct defs *d = &r->defs;
	const struct def_runtime *runtime = main_runtime(d);

	r->program = program_name(d);
	r->directory = copy(d->directory);
	r->argv = mem_array(d->argc, sizeof(*r->argv));
	if (!r->program || !r->directory || !r->argv)
		return -ENOMEM;
	for (; r->argc < d->argc; r->argc++) {
		r->argv[r->argc] = copy(d->argv[r->argc]);
		if (!r->argv[r->argc])
			return -ENOMEM;
	}
	if (runtime) {
		r->interpreter = !runtime->number;
		r->runtime = copy(runtime->name);
		r->version = copy(runtime->version);
		if (!r->runtime || !r->version)
			return -ENOMEM;
	}
	return 0;
}

static const char *reason_words(enum ouro_snapshot_reason reason)
{
	switch (reason) {
	case OURO_SNAPSHOT_EXIT:       return "at exit";
	case OURO_SNAPSHOT_QUICK_EXIT: return "at _exit()";
	case OURO_SNAPSHOT_ABORT:      return "at abort()";
	case OURO_SNAPSHOT_SIGNAL:     return "on a signal";
	case OURO_SNAPSHOT_INTERVAL:   return "after an interval";
	case OURO_SNAPSHOT_CALL:       return "on a call";
	case OURO_SNAPSHOT_COLLECTION: return "before a collection";
	case OURO_SNAPSHOT_GROWTH:     return "on growth";
	case OURO_SNAPSHOT_EXEC:       return "before another program took over";
	}
	return "for a reason not known";
}

/* -ENOENT when the number asked for is not there or not complete. */
static int choose_snapshot(struct report *r, uint32_t asked, char error[200])
{
	int e;

	r->snapshot = asked ? asked : snap_newest(&r->trace, &r->defs);
	if (!r->snapshot)
		return 0;
	e = snap_load(&r->snap, &r->trace, &r->defs, r->snapshot);
	if (e == -ENOENT) {
		snprintf(error, 200, "there is no snapshot %u; the trace has %u", r->snapshot,
			 r->trace.snapshots);
		return e;
	}
	if (!e && !r->snap.complete) {
		snprintf(error, 200, "snapshot %u is incomplete: its writer was stopped",
			 r->snapshot);
		return -ENOENT;
	}
	r->scanned = !e && r->snap.scan.there;
	/* An empty one is a runtime's that has no object. */
	r->graph = !e && (r->snap.nodes || !r->scanned);
	return e;
}

/* Where its event is not there any more (a ring), its time still places it. */
static int replay_to_moment(struct report *r)
{
	int e = replay_to_snapshot(&r->replay, r->snapshot);

	if (e || !r->snap.def)
		return e;
	replay_fini(&r->replay);
	e = replay_init(&r->replay, &r->trace, &r->defs);
	if (!e)
		e = refs_init(&r->refs, &r->replay, r->symbols);
	if (!e)
		e = inherited_begin(&r->inherited, &r->replay, NULL);
	return e ? e : replay_to_ticks(&r->replay, r->snap.def->ticks);
}

/* On the way to a moment, garbage is looked at as it was at others. */
static int gather(struct report *r, uint64_t until)
{
	return garbage_gather(&r->garbage, &r->replay, r->symbols, until);
}

static int go_to_end(struct report *r)
{
	int e = gather(r, UINT64_MAX);

	return e ? e : replay_to_end(&r->replay);
}

/* The events up to the snapshot. */
static int go_to_snapshot(struct report *r)
{
	int e = gather(r, r->snap.def ? r->snap.def->ticks : 0);

	if (!e)
		e = replay_to_moment(r);
	if (!e)
		e = note_add(r, true, "the events do not show when snapshot %u was taken: births "
			     "are those at the end", r->snapshot);
	if (e < 0)
		return e;
	r->reason = reason_words(r->snap.def ? r->snap.def->reason : 0);
	r->snapshot_seconds = (double)trace_elapsed(&r->trace, r->replay.now) / 1e9;
	return 0;
}

static int find_blocks(struct report *r, bool each)
{
	int e = r->loader.blocks ? 0 : blocks_init(&r->blocks, &r->replay, &r->snap);

	return e ? e : find_lost(&r->analysis.findings, &r->lost, &r->blocks, &r->loader, each);
}

static int load_heap(struct report *r, const struct snap *snap)
{
	int e = heap_loader_init(&r->loader, &r->heap, &r->replay, r->symbols, snap);

	r->loader.warm = r->work.warm;
	return e;
}

static int analyse_blocks(struct report *r, bool each)
{
	int e = go_to_snapshot(r);

	if (e)
		return e;
	e = load_heap(r, &r->snap);
	if (!e)
		e = find_blocks(r, each);
	if (!e)
		e = overview_of_events(&r->overview, &r->loader);
	analysis_rank(&r->analysis);
	return e ? e : go_to_end(r);
}

/* The replay stands where the snapshot was taken. */
static int analyse_objects(struct report *r, bool each)
{
	struct suspects suspects = { &r->refs, &r->loader };
	int e = load_heap(r, &r->snap);

	if (!e && r->scanned) {
		e = blocks_init(&r->blocks, &r->replay, &r->snap);
		r->loader.blocks = &r->blocks;
	}
	if (!e)
		e = heap_load(&r->loader);
	if (!e)
		e = analysis_init(&r->analysis, &r->heap);
	if (e)
		return e;
	r->analysis.each = each;
	r->analysis.suspects = suspects_of;
	r->analysis.suspects_arg = &suspects;
	e = find_dead_cycles(&r->analysis);
	if (!e)
		e = find_live_cycles(&r->analysis);
	if (!e)
		e = find_retained(&r->analysis);
	if (!e && r->scanned)
		e = find_blocks(r, each);
	if (!e)
		e = overview_of_heap(&r->overview, &r->analysis.shapes);
	analysis_rank(&r->analysis);
	return e;
}

static int analyse_snapshot(struct report *r, bool each)
{
	int e = go_to_snapshot(r);

	if (!e)
		e = analyse_objects(r, each);
	return e ? e : go_to_end(r);
}

/* "3.11.2"; 0: no CPython. */
static uint64_t pool_of(const struct report *r)
{
	unsigned major, minor;

	if (!r->runtime || strcmp(r->runtime, "cpython") ||
	    sscanf(r->version, "%u.%u", &major, &minor) != 2)
		return 0;
	return ouro_pool_size(minor);
}

/* What the runtime's own functions say of its objects, beside the words that were found. */
static int add_objects(struct report *r, const char *sysroot)
{
	struct snap words = r->snap, objects;
	char why[200];
	int e = core_revive(&r->revived, &objects, &r->core, &r->trace, &r->defs, sysroot, why);

	if (e > 0)
		return note_add(r, true, "The objects of %s are not known: %s. Blocks of C code are judged.",
				r->runtime, why);
	if (e)
		return e;
	r->graph = true;
	r->snap = objects;
	r->snap.number = words.number;
	r->snap.def = NULL;
	r->snap.complete = words.complete;
	r->snap.run = words.run;
	r->snap.runs = words.runs;
	r->snap.thread = words.thread;
	r->snap.threads = words.threads;
	r->snap.scan = words.scan;
	r->snap.core = true;
	r->snap.made = words.made;
	return 0;
}

/* The memory at the end stands in for a snapshot. */
static int analyse_core(struct report *r, const struct report_options *o, char error[200])
{
	char *program = copy(r->defs.executable);
	int e = program ? core_open(&r->core, o->core, error) : -ENOMEM;

	if (!e)
		e = core_check(&r->core, r->trace.head.pid, &r->defs, error);
	if (!e)
		e = replay_to_end(&r->replay);
	if (!e)
		e = core_stacks(&r->core, program, &r->stacks);
	mem_free(program);
	if (!e)
		e = core_words(&r->snap, &r->core, &r->replay, pool_of(r));
	if (e)
		return e;
	r->scanned = true;
	r->reason = "in the core file";
	r->snapshot_seconds = (double)trace_elapsed(&r->trace, r->replay.now) / 1e9;
	if (r->interpreter)
		e = add_objects(r, o->symbols.sysroot);
	if (e)
		return e;
	if (r->graph)
		return analyse_objects(r, o->each);
	e = load_heap(r, &r->snap);
	if (!e)
		e = find_blocks(r, o->each);
	if (!e)
		e = overview_of_events(&r->overview, &r->loader);
	analysis_rank(&r->analysis);
	return e;
}

/* Chunks are read at an even pace; a clock read for each 4096 events is not felt. */
static void watch(void *arg, const struct replay *replay, const struct event *e)
{
	struct report *r = arg;

	collections_event(&r->collections, replay, e);
	if (r->inherited.n)
		collections_event(&r->inherited.collections, replay, e);
	tape_event(&r->tape, replay, e);
	work_event(&r->work, replay, e);
	if (r->progress && !(replay->total.events & 4095))
		progress_step(r->progress, replay->total.events, 0);
}

/* The replay stands at its beginning: what is told of it is told from there. */
static int observe(struct report *r)
{
	uint64_t warm = r->work.warm;
	int e;

	tape_fini(&r->tape);
	survival_fini(&r->survival);
	collections_fini(&r->collections);
	refs_fini(&r->refs);
	e = refs_init(&r->refs, &r->replay, r->symbols);
	if (e)
		return e;
	work_fini(&r->work);
	r->work.warm = warm;
	r->replay.watch = watch;
	r->replay.watch_arg = r;
	e = collections_init(&r->collections, &r->trace);
	if (!e && !r->events)
		e = survival_init(&r->survival, &r->collections, &r->replay, !r->lives);
	if (e || r->inherited.n)
		return e ? e : inherited_begin(&r->inherited, &r->replay, r->events ? NULL : &r->tape);
	return r->events ? 0 : tape_init(&r->tape, &r->collections, &r->replay);
}

/* From the moment the runtime was ready to the one at which it began to end. */
static double seconds_of_program(const struct report *r)
{
	const struct replay *p = &r->replay;
	uint64_t from = p->ready ? trace_elapsed(&r->trace, p->ready) : 0;
	uint64_t to = trace_elapsed(&r->trace, p->exiting ? p->exiting : p->now);

	return to > from ? (double)(to - from) / 1e9 : 0;
}

/* The replay is at its end. */
static int measure_work(struct report *r)
{
	uint64_t to = r->replay.exiting ? r->replay.exiting : r->replay.now;

	if (r->work.from)
		r->warm_seconds = to > r->work.from ?
			(double)(trace_ns(&r->trace, to) - trace_ns(&r->trace, r->work.from)) / 1e9 : 0;
	else
		r->warm_seconds = (double)trace_elapsed(&r->trace, to) / 1e9;
	return work_total(&r->work, &r->replay, &r->allocations);
}

/* Playing it all again takes as long as reading it: only where there is something to gain. */
static int try_settings(struct report *r, const struct whatif_options *o)
{
	static const struct whatif_options usual = WHATIF_DEFAULT;
	struct collection_sum sum;
	bool worth;
	int e;

	tape_finish(&r->tape, &r->replay);
	e = collections_sum(&r->collections, &r->trace, NULL, NULL, &sum);
	if (e)
		return e;
	worth = whatif_worth(sum.seconds, r->program_seconds);
	collection_sum_fini(&sum);
	if (!o->wanted && !worth) {
		r->whatif.refused = "the collector takes too little time";
		return 0;
	}
	e = whatif_init(&r->whatif, &r->tape, &r->replay, o->wanted ? o : &usual,
			r->program_seconds);
	if (!e)
		e = find_without(&r->analysis.findings, &r->whatif, &r->tape, &r->loader);
	return e ? e : find_tuning(&r->analysis.findings, &r->whatif, r->program_seconds);
}

/* The replay is at its end. */
static int analyse_collector(struct report *r, const struct whatif_options *o)
{
	struct findings *f = &r->analysis.findings;
	int e;

	r->program_seconds = seconds_of_program(r);
	survival_settle(&r->survival);
	survival_births(&r->survival, &r->replay);
	if (r->collections.failed || r->survival.failed)
		return -ENOMEM;
	if (r->refs.failed)
		return -ENOMEM;
	e = r->loader.h ? find_over_released(f, &r->refs, &r->loader) : 0;
	if (e)
		return e;
	e = find_collector_waste(f, &r->collections, &r->loader, r->program_seconds);
	if (!e && r->collections.n)
		e = find_collected_cycles(f, &r->survival, &r->loader, &r->garbage,
					  r->program_seconds);
	if (!e)
		e = try_settings(r, o);
	analysis_rank(&r->analysis);
	return e;
}

/* ... and the snapshot's graphs are still there. */
static int analyse_places(struct report *r)
{
	struct findings *f = &r->analysis.findings;
	struct places p;
	struct growth_world w = { &r->loader, &p, r->graph, r->scanned ? &r->blocks : NULL,
		r->work.warm };
	int e = places_init(&p, &r->defs, r->symbols);

	if (e)
		return e;
	e = find_growth(f, &w, &r->growth_tested);
	if (!e)
		e = find_churn(f, &w, seconds_of_program(r));
	analysis_rank(&r->analysis);
	places_fini(&p);
	return e;
}

/*
 * What lives at the end of a program that ended well is nothing: what is of interest lived
 * when it began to end.  Looking at garbage may have gone past that already.
 */
static int go_to_exiting(struct report *r)
{
	uint64_t exiting;
	int e = gather(r, UINT64_MAX);

	exiting = r->replay.exiting;
	if (e)
		return e;
	if (!exiting) {
		e = replay_to_exiting(&r->replay);
		return e < 0 ? e : 0;
	}
	e = replay_to_end(&r->replay);
	if (e)
		return e;
	replay_fini(&r->replay);
	e = replay_init(&r->replay, &r->trace, &r->defs);
	if (!e)
		e = observe(r);
	if (!e)
		e = replay_to_ticks(&r->replay, exiting);
	return e < 0 ? e : 0;
}

static int analyse_events(struct report *r)
{
	int e = go_to_exiting(r);

	if (!e)
		e = load_heap(r, NULL);
	if (!e)
		e = overview_of_events(&r->overview, &r->loader);
	return e ? e : replay_to_end(&r->replay);
}

static uint64_t ticks_at(const struct trace *t, double seconds)
{
	return warm_ticks(t, trace_ns(t, t->head.start_ticks) + (uint64_t)(seconds * 1e9));
}

/* Sums alone; whoever shows them names what he shows. */
static int count_events(struct report *r, const struct report_options *o)
{
	int e = 0;

	if (o->from > 0)
		e = replay_to_ticks(&r->replay, ticks_at(&r->trace, o->from));
	if (e >= 0 && o->from > 0)
		replay_start_counting(&r->replay);
	if (e >= 0 && o->to > 0)
		e = replay_to_ticks(&r->replay, ticks_at(&r->trace, o->to));
	else if (e >= 0)
		e = replay_to_end(&r->replay);
	if (e >= 0 && !r->replay.left)
		e = replay_mark_left(&r->replay);
	r->program_seconds = seconds_of_program(r);
	return e < 0 ? e : load_heap(r, NULL);
}

#define ROWS_NAMED 50		/* of the overview; naming one can take milliseconds */

/* A place in machine code, for what no line of the program made. */
static void name_native(struct report *r, struct overview_row *row)
{
	const struct heap_site *s = &r->heap.site[row->at];
	const struct heap_frame *f;

	if (s->here || !s->calls)
		return;
	heap_load_symbols(&r->heap, r->symbols, row->at);
	f = heap_frame(&r->heap, s->calls);
	row->site.function = heap_text(&r->heap, f->function);
	row->site.file = heap_text(&r->heap, f->file ? f->file : f->module);
	row->site.line = f->line;
}

static void name_finding(struct report *r, const struct finding *f)
{
	heap_load_symbols(&r->heap, r->symbols, f->stack);
	for (uint32_t i = 0; i < f->npaths; i++)
		heap_load_symbols(&r->heap, r->symbols, f->path[i].site);
}

/* Stacks of what is shown get their native frames named; all others stay numbers. */
static void name_stacks(struct report *r)
{
	struct findings *list[] = { &r->analysis.findings, &r->analysis.live };
	uint32_t i, k;

	for (k = 0; k < 2; k++)
		for (i = 0; i < list[k]->n; i++)
			name_finding(r, &list[k]->f[i]);
	for (i = 0; i < r->overview.n && i < ROWS_NAMED; i++)
		name_native(r, &r->overview.row[i]);
}

static int analyse(struct report *r, const struct report_options *o, char error[200])
{
	int e = o->core ? analyse_core(r, o, error) : choose_snapshot(r, o->snapshot, error);

	if (!e && !o->core)
		e = r->graph ? analyse_snapshot(r, o->each) : r->scanned ?
			analyse_blocks(r, o->each) : analyse_events(r);
	if (!e)
		e = analyse_collector(r, &o->whatif);
	if (!e)
		e = analyse_places(r);
	if (!e)
		e = measure_work(r);
	return e;
}

int report_open(struct report *r, const char *path, const struct report_options *o,
		char error[200])
{
	int e;

	*r = (struct report){0};
	*error = 0;
	e = trace_open(&r->trace, path, error);
	if (!e)
		e = defs_load(&r->defs, &r->trace);
	if (!e)
		e = replay_init(&r->replay, &r->trace, &r->defs);
	r->progress = o->progress;
	r->events = o->events;
	r->lives = o->lives;
	if (!e && o->warm_ns)
		r->work.warm = warm_ticks(&r->trace, o->warm_ns);
	else if (!e && o->skip_seconds > 0)
		r->work.warm = ticks_at(&r->trace, o->skip_seconds);
	if (!e)
		e = programs_list(&r->others, path);
	if (!e)
		e = inherited_open(&r->inherited, path, &r->trace, &r->defs);
	if (!e) {
		r->symbols = symbols_new(&r->defs, &o->symbols);
		e = r->symbols ? take_facts(r) : -ENOMEM;
	}
	if (!e)
		e = observe(r);
	if (!e)
		e = o->events ? count_events(r, o) : analyse(r, o, error);
	if (!e) {
		name_stacks(r);
		r->seconds = (double)trace_elapsed(&r->trace, r->replay.now) / 1e9;
		e = notes_take(r);
	}
	if (e) {
		if (!*error)
			snprintf(error, 200, "%s", strerror(-e));
		report_close(r);
	}
	return e;
}

void report_close(struct report *r)
{
	uint32_t i;

	for (i = 0; i < r->nnotes; i++)
		mem_free(r->note[i].text);
	mem_free(r->note);
	for (i = 0; i < r->argc; i++)
		mem_free(r->argv[i]);
	mem_free(r->argv);
	mem_free(r->program);
	mem_free(r->directory);
	mem_free(r->runtime);
	mem_free(r->version);
	mem_free(r->state);
	programs_fini(&r->others);
	whatif_fini(&r->whatif);
	tape_fini(&r->tape);
	garbage_fini(&r->garbage);
	refs_fini(&r->refs);
	work_fini(&r->work);
	survival_fini(&r->survival);
	collections_fini(&r->collections);
	overview_fini(&r->overview);
	analysis_fini(&r->analysis);
	blocks_fini(&r->blocks);
	core_stacks_free(r->stacks, r->core.nthreads);
	core_close(&r->core);
	heap_loader_fini(&r->loader);
	heap_fini(&r->heap);
	symbols_free(r->symbols);
	snap_free(&r->snap);
	core_revive_fini(&r->revived);
	replay_fini(&r->replay);
	defs_free(&r->defs);
	inherited_fini(&r->inherited);
	trace_close(&r->trace);
	*r = (struct report){0};
}

uint32_t report_findings(const struct report *r, enum finding_severity severity,
			 uint64_t *ret_count)
{
	const struct findings *s = &r->analysis.findings;
	uint32_t i, n = 0;

	*ret_count = 0;
	for (i = 0; i < s->n; i++)
		if (s->f[i].severity == severity) {
			n++;
			*ret_count += s->f[i].count;
		}
	return n;
}
