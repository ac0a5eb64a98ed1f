/*
 * cmd_dump.c - `ouro dump`: a trace as it stands, for people who debug ouro
 *
 *	ouro dump FILE            all of it
 *	ouro dump --totals FILE   the header, what is wrong, and what a replay counts
 *	ouro dump --check FILE    the same of a trace that was recorded with debug=hash:
 *	                          was each stack read as it was taken?
 */
#include "command.h"
#include "replay.h"
#include "snap.h"
#include "symbols.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const kinds[32] = {
	[OURO_ALLOC] = "alloc",
	[OURO_FREE] = "free",
	[OURO_RELEASE] = "release",
	[OURO_PLACE] = "place",
	[OURO_POOL_ALLOC] = "pool-alloc",
	[OURO_POOL_FREE] = "pool-free",
	[OURO_POOL_RELEASE] = "pool-release",
	[OURO_POOL_PLACE] = "pool-place",
	[OURO_POOL_BIRTH] = "pool-birth",
	[OURO_BIRTH] = "birth",
	[OURO_DEATH] = "death",
	[OURO_INCREF] = "incref",
	[OURO_DECREF] = "decref",
	[OURO_EDGE] = "edge",
	[OURO_UNEDGE] = "unedge",
	[OURO_COLLECT] = "collect",
	[OURO_COLLECTED] = "collected",
	[OURO_REPEAT] = "repeat",
	[OURO_EXT] = "ext",
};

static const char *const exts[] = { "?", "thread", "snapshot", "fork", "ready", "exiting",
	"gap", "mark", "collected", "collector", "reference", "edge", "unedge", "settings" };
static const char *const states[] = { "?", "running", "exited", "aborted", "execed",
	"inert" };
static const char *const losses[] = { "space", "memory", "nested", "size", "ring" };
static const char *const counters[] = { "stacks", "stacks-fallback", "stacks-cut",
	"interp-cut", [OURO_COMPARED] = "compared", [OURO_DIFFERS] = "differs" };

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static const char *word(const char *const *list, size_t n, uint64_t i)
{
	return i < n && list[i] ? list[i] : "?";
}

/* A stranger's bytes, harmless to a terminal. */
static void put_text(struct text t)
{
	for (uint32_t i = 0; i < t.length; i++) {
		uint8_t c = (uint8_t)t.s[i];

		if (c < ' ' || c == 127 || c == '\\')
			printf("\\x%02x", c);
		else
			putchar(c);
	}
}

static void put_string(const char *s)
{
	put_text((struct text){ s, (uint32_t)strlen(s) });
}

static void named_text(const char *name, struct text t)
{
	printf(" %s=", name);
	put_text(t);
}

/* --- header and chunks ------------------------------------------------------------- */

static void dump_header(const struct trace *t)
{
	const struct ouro_file *h = &t->head;

	printf("header format=%" PRIu32 " id=%016" PRIx64 " parent=%016" PRIx64
	       " pid=%" PRIu32 " ppid=%" PRIu32 " origin=%" PRIu32 " flags=%" PRIu32 "\n",
		h->format, h->id, h->parent_id, h->pid, h->ppid, h->origin, h->flags);
	printf("header clock=%" PRIu32 " shift=%" PRIu32 " start=%" PRIu64 " ns=%" PRIu64
	       " sample=%" PRIu64 "\n",
		h->clock, h->tick_shift, h->start_ticks, h->start_ns, h->sample_bytes);
	printf("header end=%" PRIu64 " size=%" PRIu64 " state=%s%s status=%" PRIu32
	       " streams=%" PRIu32 " threads=%" PRIu32 " snapshots=%" PRIu32 "/%" PRIu32
	       "\n",
		h->end, t->size, word(states, COUNT(states), h->state),
		t->killed ? " (killed)" : "", h->exit_status, h->streams, h->threads,
		h->snapshots_done, h->snapshots_begun);
	for (size_t i = 0; i < OURO_LOST_MAX; i++)
		if (h->lost[i])
			printf("lost %s=%" PRIu64 "\n", word(losses, COUNT(losses), i),
				h->lost[i]);
	for (size_t i = 0; i < OURO_COUNTER_MAX; i++)
		if (h->counter[i])
			printf("counter %s=%" PRIu64 "\n",
				word(counters, COUNT(counters), i), h->counter[i]);
}

static void dump_chunk(
	const char *what, const struct trace_stream *s, const struct trace_chunk *c)
{
	printf("chunk %s stream=%" PRIu32 " seq=%" PRIu64 " offset=%" PRIu64
	       " used=%" PRIu32 " thread=%" PRIu32 " ticks=%" PRIu64 " lost=%" PRIu32
	       "%s\n",
		what, s->number, c->seq, c->offset, c->used, c->thread, c->ticks, c->lost,
		c->cut ? " cut" : "");
}

static void dump_chunks(const struct trace *t)
{
	for (uint32_t i = 0; i < t->defs.count; i++)
		dump_chunk("defs", &t->defs, &t->defs.chunk[i]);
	for (uint32_t i = 0; i < t->events; i++)
		for (uint32_t j = 0; j < t->event[i].count; j++)
			dump_chunk("events", &t->event[i], &t->event[i].chunk[j]);
	for (uint32_t i = 0; i < t->snapshots; i++)
		for (uint32_t j = 0; j < t->snapshot[i].count; j++)
			dump_chunk("snapshot", &t->snapshot[i], &t->snapshot[i].chunk[j]);
}

/* --- definitions ------------------------------------------------------------------- */

static void dump_process(const struct defs *d)
{
	printf("process");
	named_text("executable", d->executable);
	named_text("directory", d->directory);
	putchar('\n');
	for (uint32_t i = 0; i < d->argc; i++) {
		printf("argument %" PRIu32, i);
		named_text("text", d->argv[i]);
		putchar('\n');
	}
	for (uint32_t i = 0; i < d->runtimes; i++) {
		printf("runtime %" PRIu32 " state=%" PRIu32, d->runtime[i].number,
			d->runtime[i].state);
		named_text("name", d->runtime[i].name);
		named_text("version", d->runtime[i].version);
		named_text("reason", d->runtime[i].reason);
		putchar('\n');
	}
	for (uint32_t i = 0; i < d->notes; i++) {
		printf("note severity=%" PRIu32 " ticks=%" PRIu64, d->note[i].severity,
			d->note[i].ticks);
		named_text("text", d->note[i].text);
		putchar('\n');
	}
	for (uint32_t i = 0; i < d->threads; i++) {
		printf("thread %" PRIu32 " tid=%" PRIu32 " ticks=%" PRIu64,
			d->thread[i].id, d->thread[i].tid, d->thread[i].ticks);
		named_text("name", d->thread[i].name);
		putchar('\n');
	}
	for (uint32_t i = 0; i < d->snapshots; i++)
		printf("snapshot %" PRIu32 " reason=%" PRIu32 " ticks=%" PRIu64 "\n",
			d->snapshot[i].id, d->snapshot[i].reason,
			d->snapshot[i].ticks);
}

static void dump_location(const struct defs *d, struct symbols *names, uint32_t id)
{
	const struct def_location *l = def_location(d, id);
	const struct frame *f;
	uint32_t n;

	if (l->kind == LOCATION_NONE)
		return;
	printf("location %" PRIu32 " same=%" PRIu32 "%s%s%s", id, l->same,
		l->flags & LOCATION_ENTRY ? " entry" : "",
		l->flags & LOCATION_EVAL ? " eval" : "",
		l->flags & LOCATION_GUEST ? " guest" : "");
	if (l->kind == LOCATION_NATIVE)
		printf(" module=%" PRIu32 " address=%#" PRIx64, l->native.module,
			l->native.address);
	f = symbols_frames(names, id, &n);
	for (uint32_t i = 0; i < n; i++) {
		printf(i ? " > " : " ");
		put_string(f[i].function);
		if (f[i].file) {
			printf(" (");
			put_string(f[i].file);
			printf(":%" PRIu32 ")", f[i].line);
		}
		if (f[i].name) {
			printf(" = ");
			put_string(f[i].name);
		}
	}
	putchar('\n');
}

static void dump_definitions(const struct defs *d, struct symbols *names)
{
	dump_process(d);
	for (uint32_t i = 1; i < d->modules; i++) {
		const struct def_module *m = def_module(d, i);

		if (!m)
			continue;
		printf("module %" PRIu32 " start=%#" PRIx64 " end=%#" PRIx64
		       " bias=%#" PRIx64,
			i, m->start, m->end, m->bias);
		named_text("path", m->path);
		printf(" build-id=");
		for (uint32_t j = 0; j < m->build_id_length; j++)
			printf("%02x", m->build_id[j]);
		putchar('\n');
	}
	for (uint32_t i = 1; i < d->types; i++) {
		printf("type %" PRIu32 " same=%" PRIu32 " address=%#" PRIx64, i,
			d->type[i].same, d->type[i].address);
		if (d->type[i].runtime)
			printf(" runtime=%" PRIu32, d->type[i].runtime);
		named_text("name", d->type[i].name);
		putchar('\n');
	}
	for (uint32_t i = OURO_LOC_FIRST; i < d->locations; i++)
		dump_location(d, names, i);
}

/* --- records ----------------------------------------------------------------------- */

static void put_stack(const struct stacks *s, const char *name, stack_id id)
{
	if (!id)
		return;
	printf(" %s=%" PRIu32, name, s->node[id].location);
	while ((id = stack_parent(s, id)))
		printf("<%" PRIu32, s->node[id].location);
}

static void dump_event(void *arg, const struct replay *r, const struct event *e)
{
	printf("%" PRIu64 " s%" PRIu32 " t%" PRIu32 " %" PRIu64 " %s %#" PRIx64
	       " %" PRIu64,
		e->offset, r->trace->event[e->stream].number, e->thread, e->ticks,
		word(kinds, COUNT(kinds), e->kind), e->addr, e->arg);
	if (e->object)
		printf(" object=%#" PRIx64 " type=%" PRIu32, e->object, e->type);
	if (e->kind == OURO_EXT) {
		printf(" %s", word(exts, COUNT(exts), e->ext));
		for (unsigned i = 0; i < e->next; i++)
			printf(" %" PRIu64, e->ext_arg[i]);
	}
	if (e->form != OURO_STACK_NONE) {
		put_stack(&r->stacks, "native", e->native);
		put_stack(&r->stacks, "interp", e->interp);
	}
	if (e->lost)
		printf(" lost=%" PRIu64, e->lost);
	putchar('\n');
}

static void dump_totals(const struct replay *r)
{
	const struct replay_total *t = &r->total;

	printf("total events=%" PRIu64 " lost=%" PRIu64 " seconds=%.6f\n", t->events,
		t->lost, (double)trace_elapsed(r->trace, r->now) / 1e9);
	printf("total blocks=%" PRIu64 " bytes=%" PRIu64 " frees=%" PRIu64
	       " moves=%" PRIu64 " live=%" PRIu64 " live-bytes=%" PRIu64 "\n",
		t->blocks, t->bytes, t->frees, t->moves, t->live, t->live_bytes);
	printf("total peak-bytes=%" PRIu64 " peak-live=%" PRIu64 "\n", t->peak_bytes,
		t->peak_live);
	printf("total births=%" PRIu64 " deaths=%" PRIu64 " live-objects=%" PRIu64
	       " collections=%" PRIu64 " collected=%" PRIu64 "\n",
		t->births, t->deaths, t->live_objects, t->collections, t->collected);
	printf("total unknown-frees=%" PRIu64 " unknown-deaths=%" PRIu64
	       " double-blocks=%" PRIu64 " double-births=%" PRIu64 "\n",
		t->unknown_frees, t->unknown_deaths, t->double_blocks, t->double_births);
	printf("total sites=%" PRIu32 " stack-nodes=%" PRIu32 " ready=%" PRIu64
	       " exiting=%" PRIu64 "\n",
		r->sites, r->stacks.count, r->ready, r->exiting);
}

static void dump_checked(const struct replay *r)
{
	uint64_t checked = 0, wrong = 0;

	for (uint32_t i = 0; i < r->merge.cursors; i++) {
		checked += r->merge.cursor[i].checked;
		wrong += r->merge.cursor[i].wrong;
	}
	printf("stacks checked=%" PRIu64 " wrong=%" PRIu64 "\n", checked, wrong);
}

/* --- snapshots --------------------------------------------------------------------- */

static void dump_snapshot(const struct snap *s, bool totals)
{
	printf("snap %" PRIu32 " %s nodes=%" PRIu32 " edges=%" PRIu32 " roots=%" PRIu32
	       " words=%" PRIu32 " dropped=%" PRIu64 "/%" PRIu64 "/%" PRIu64
	       " doubles=%" PRIu64 " microseconds=%" PRIu64 "\n",
		s->number, s->complete ? "complete" : "INCOMPLETE", s->nodes, s->edges,
		s->roots, s->words, s->dropped_edges, s->dropped_roots, s->dropped_words,
		s->double_nodes, s->microseconds);
	for (uint32_t i = 0; i < s->notes; i++) {
		printf("snap-note");
		named_text("text", snap_string(s, s->note[i]));
		putchar('\n');
	}
	for (uint32_t i = 0; i < s->nodes && !totals; i++) {
		const struct snap_node *n = &s->node[i];

		printf("node %#" PRIx64 " size=%" PRIu64 " count=%" PRIu64
		       " flags=%" PRIu32 " generation=%" PRIu32,
			n->addr, n->size, n->count, n->flags, n->generation);
		named_text("type", s->type[n->type].name);
		named_text("label", snap_string(s, n->label));
		putchar('\n');
		for (uint32_t j = n->edge; j < n->edge + n->edges; j++) {
			const struct snap_edge *e = &s->edge[j];

			printf("  edge %#" PRIx64 " name=%u flags=%u",
				s->node[e->to].addr, e->name, e->flags);
			if (snap_named(e->name) && e->operand <= UINT32_MAX)
				named_text(
					"operand", snap_string(s, (uint32_t)e->operand));
			else
				printf(" operand=%" PRIu64, e->operand);
			putchar('\n');
		}
	}
	for (uint32_t i = 0; i < s->roots && !totals; i++) {
		const struct snap_root *root = &s->root[i];

		printf("root %#" PRIx64 " kind=%u flags=%u", s->node[root->to].addr,
			root->kind, root->flags);
		named_text("what", snap_string(s, root->what));
		named_text("function", snap_string(s, root->function));
		named_text("file", snap_string(s, root->file));
		printf(" line=%" PRIu32 " thread=%" PRIu32 " number=%" PRIu32 "\n",
			root->line, root->thread, root->number);
	}
	for (uint32_t i = 0; i < s->words && !totals; i++)
		printf("word %#" PRIx64 " region=%u where=%#" PRIx64 "\n",
			s->node[s->word[i].to].addr, s->word[i].region, s->word[i].where);
}

/* --- the command ------------------------------------------------------------------- */

/* How far events and snapshot agree on what lives at that moment. */
static void dump_joined(const struct replay *r, const struct snap *s)
{
	uint32_t born = 0, other = 0, tracked = 0;
	uint64_t absent = 0;
	size_t at = 0;
	const struct object *o;

	for (uint32_t i = 0; i < s->nodes; i++) {
		const struct snap_node *n = &s->node[i];
		const struct def_type *type;

		o = replay_object(r, n->addr);
		tracked += !o && n->flags & OURO_NODE_TRACKED;
		if (!o)
			continue;
		type = def_type(r->defs, o->type);
		born++;
		other += type && s->type[n->type].addr &&
			type->address != s->type[n->type].addr;
	}
	while ((o = replay_each_object(r, &at)))
		absent += snap_find(s, o->addr) == SNAP_NONE;
	printf("joined %" PRIu32 " born=%" PRIu32 " of other type=%" PRIu32
	       " tracked without birth=%" PRIu32 " live objects not in it=%" PRIu64 "\n",
		s->number, born, other, tracked, absent);
}

static int dump_snapshots(struct replay *r, bool totals)
{
	struct snap s;
	int result = 0;

	for (uint32_t i = 0; result >= 0 && i < r->trace->snapshots; i++) {
		uint32_t number = r->trace->snapshot[i].number;

		result = snap_load(&s, r->trace, r->defs, number);
		if (result)
			break;
		result = replay_to_snapshot(r, number);
		dump_snapshot(&s, totals);
		if (result > 0)
			dump_joined(r, &s);
		snap_free(&s);
	}
	return result < 0 ? result : 0;
}

static int dump_contents(struct trace *t, const struct defs *d, bool totals)
{
	struct replay r;
	int result = replay_init(&r, t, d);

	if (result)
		return result;
	r.watch = totals ? NULL : dump_event;
	result = dump_snapshots(&r, totals);
	if (!result)
		result = replay_to_end(&r);
	if (!result)
		dump_totals(&r);
	if (!result && totals)
		dump_checked(&r);
	replay_fini(&r);
	return result;
}

static int dump(struct trace *t, bool totals)
{
	struct defs d;
	struct symbols *names;
	int result = defs_load(&d, t);

	dump_header(t);
	if (!totals)
		dump_chunks(t);
	if (result)
		return result;
	names = symbols_new(&d, NULL);
	if (names && totals)
		dump_process(&d);
	else if (names)
		dump_definitions(&d, names);
	for (uint32_t i = 0; names && i < symbols_complaints(names); i++) {
		printf("symbols ");
		put_string(symbols_complaint(names, i));
		putchar('\n');
	}
	symbols_free(names);
	result = dump_contents(t, &d, totals);
	for (uint32_t i = 0; i < t->damages && i < TRACE_DAMAGE_MAX; i++) {
		printf("damage ");
		put_string(t->damage[i].text);
		putchar('\n');
	}
	if (t->damages)
		printf("damages %" PRIu32 "\n", t->damages);
	defs_free(&d);
	return result;
}

int cmd_dump(int argc, char **argv)
{
	bool totals = argc > 1 &&
		(!strcmp(argv[1], "--totals") || !strcmp(argv[1], "--check"));
	const char *path = argv[argc > 1 ? argc - 1 : 0];
	char error[200];
	struct trace t;
	int result;

	if (argc != 2 + totals || (path[0] == '-' && path[1]))
		return complain(STATUS_USAGE, "usage: ouro dump [--totals|--check] FILE");
	if (trace_open(&t, path, error))
		return complain(STATUS_TRACE, "%s: %s", path, error);
	result = dump(&t, totals);
	trace_close(&t);
	if (result)
		return complain(STATUS_TRACE, "%s: out of memory", path);
	return STATUS_DONE;
}
