#include "report_json.h"

#include "mem.h"
#include "report_sites.h"

#include <errno.h>

/* The head of every answer: who made it, and from what. */
static void put_trace(struct json *j, const struct report *r)
{
	const struct replay_total *t = &r->replay.total;
	uint32_t i;

	json_open(j, "trace", '{');
	json_text(j, "file", r->trace.name);
	json_text(j, "program", r->program);
	json_open(j, "argv", '[');
	for (i = 0; i < r->argc; i++)
		json_text(j, NULL, r->argv[i]);
	json_close(j, ']');
	json_text(j, "directory", r->directory);
	json_uint(j, "pid", r->trace.head.pid);
	json_real(j, "seconds", r->seconds);
	json_uint(j, "events", t->events);
	json_uint(j, "lost", r->trace.lost);
	json_bool(j, "truncated", r->trace.truncated);
	json_text(j, "state", r->state);
	json_bool(j, "running", r->trace.running);
	json_bool(j, "killed", r->trace.killed);
	if (r->runtime) {
		json_open(j, "runtime", '{');
		json_text(j, "name", r->runtime);
		json_text(j, "version", r->version);
		json_close(j, '}');
	} else {
		json_null(j, "runtime");
	}
	json_close(j, '}');
}

static void put_others(struct json *j, const struct report *r)
{
	json_open(j, "processes", '[');
	for (uint32_t i = 0; i < r->others.n; i++) {
		const struct program *p = &r->others.p[i];

		json_open(j, NULL, '{');
		json_text(j, "file", p->path);
		json_uint(j, "bytes", p->bytes);
		if (p->name && *p->name) {
			json_text(j, "program", p->name);
			json_uint(j, "pid", p->pid);
		}
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_snapshot(struct json *j, const struct report *r)
{
	if (!r->graph && !r->scanned) {
		json_null(j, "snapshot");
		return;
	}
	json_open(j, "snapshot", '{');
	json_uint(j, "number", r->snapshot);
	json_text(j, "taken", r->reason);
	json_real(j, "seconds", r->snapshot_seconds);
	json_uint(j, "objects", r->graph ? r->heap.nnodes : r->blocks.n);
	json_uint(j, "references", r->graph ? r->heap.nedges : r->blocks.graph.m);
	json_uint(j, "roots", r->graph ? r->heap.nroots : r->blocks.graph.nroots);
	json_uint(j, "begun", r->trace.head.snapshots_begun);
	json_close(j, '}');
}

static void put_notes(struct json *j, const struct report *r)
{
	uint32_t i;

	json_open(j, "notes", '[');
	for (i = 0; i < r->nnotes; i++) {
		json_open(j, NULL, '{');
		json_text(j, "severity", r->note[i].warning ? "warning" : "info");
		json_text(j, "text", r->note[i].text);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_site(struct json *j, const char *key, const struct finding_site *s, bool objects)
{
	json_open(j, key, '{');
	json_text(j, "function", s->function);
	json_text(j, "file", s->file);
	json_uint(j, "line", s->line);
	if (*s->variable)
		json_text(j, "variable", s->variable);
	if (objects)
		json_uint(j, "objects", s->objects);
	json_close(j, '}');
}

static void put_place(struct json *j, const struct heap *h, uint32_t site)
{
	struct finding_site s = tally_site(h, site);

	if (heap_place(h, site))
		put_site(j, "site", &s, false);
	else
		json_null(j, "site");
}

#define FRAMES_TOLD 256

/* Innermost first. */
static void put_stack(struct json *j, const struct heap *h, uint32_t site)
{
	uint32_t n = 0;

	json_open(j, "stack", '[');
	for (uint32_t c = h->site[site].calls; c && n++ < FRAMES_TOLD; c = h->call[c].outer) {
		const struct heap_frame *f = heap_frame(h, c);

		json_open(j, NULL, '{');
		json_text(j, "function", heap_text(h, f->function));
		json_text(j, "file", f->file ? heap_text(h, f->file) : NULL);
		if (f->line)
			json_uint(j, "line", f->line);
		else
			json_null(j, "line");
		json_text(j, "module", f->module ? heap_text(h, f->module) : NULL);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_id(struct json *j, const char *key, uint64_t address)
{
	char id[24];

	snprintf(id, sizeof(id), "0x%llx", (unsigned long long)address);
	json_text(j, key, id);
}

static void put_member(struct json *j, const struct heap *h, const struct finding_member *m)
{
	json_open(j, NULL, '{');
	put_id(j, "id", m->address);
	json_text(j, "type", m->type);
	json_text(j, "label", m->label);
	json_uint(j, "bytes", m->bytes);
	json_uint(j, "refcount", m->refcount);
	json_uint(j, "holders", m->holders);
	json_int(j, "unknown", m->unknown);
	put_place(j, h, m->site);
	json_uint(j, "generation", m->generation);
	json_bool(j, "tracked", m->tracked);
	json_bool(j, "inner", m->inner);
	json_close(j, '}');
}

static void put_edges(struct json *j, const struct finding *f)
{
	uint32_t i;

	json_open(j, "edges", '[');
	for (i = 0; i < f->nedges; i++) {
		const struct finding_edge *e = &f->edge[i];

		json_open(j, NULL, '{');
		put_id(j, "from", f->member[e->from].address);
		put_id(j, "to", f->member[e->to].address);
		json_text(j, "name", e->name);
		json_bool(j, "drawn", e->drawn);
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* What breaking the cycle would save. */
static void put_without(struct json *j, const struct finding_without *w)
{
	if (!w->known) {
		json_null(j, "if_broken");
		return;
	}
	json_open(j, "if_broken", '{');
	json_open(j, "fewer_collections", '[');
	for (int i = 0; i < 3; i++)
		json_real(j, NULL, w->collections[i]);
	json_close(j, ']');
	json_real(j, "fewer_seconds", w->seconds);
	json_close(j, '}');
}

static void put_numbers(struct json *j, const struct finding *f)
{
	json_uint(j, "count", f->count);
	json_uint(j, "objects", f->objects);
	json_uint(j, "bytes", f->bytes);
	json_uint(j, "tail_objects", f->tail_objects);
	json_uint(j, "tail_bytes", f->tail_bytes);
	json_uint(j, "retained_objects", f->retained_objects);
	json_uint(j, "retained_bytes", f->retained_bytes);
	if (f->kind == FINDING_LOST) {
		json_uint(j, "direct", f->count);
		json_uint(j, "direct_bytes", f->bytes - f->tail_bytes);
		json_uint(j, "indirect", f->tail_objects);
		json_uint(j, "indirect_bytes", f->tail_bytes);
		json_bool(j, "cyclic", f->cyclic);
	}
	if (f->kind == FINDING_COLLECTED_CYCLE) {
		json_real(j, "objects_per_second", f->rate.objects);
		json_real(j, "bytes_per_second", f->rate.bytes);
		json_real(j, "collector_seconds", f->rate.collecting);
		put_without(j, &f->without);
	}
	if (f->kind == FINDING_UNBALANCED)
		json_uint(j, "unknown", f->unknown);
	if (f->kind == FINDING_GROWTH) {
		json_real(j, "bytes_per_hour", f->per_hour);
		json_real(j, "seconds", f->seconds);
		json_real(j, "chance", f->chance);
		json_text(j, "held_by", f->holder);
	}
	if (f->kind == FINDING_CHURN)
		json_real(j, "blocks_per_second", f->per_hour / 3600);
	if (f->kind == FINDING_OVER_RETAINED) {
		json_uint(j, "unknown", f->unknown);
		json_uint(j, "held_by_c", f->held);
	}
}

/* Every object of the one shown, and those of them that gc.garbage would have. */
static void put_all(struct json *j, const struct report *r, const struct finding *f)
{
	uint32_t i;

	json_open(j, "ids", '[');
	for (i = 0; i < f->nall; i++)
		put_id(j, NULL, r->heap.node[f->all[i]].address);
	json_close(j, ']');
	json_open(j, "garbage", '[');
	for (i = 0; i < f->nall; i++)
		if (bits_has(&r->analysis.dead.found, f->all[i]))
			put_id(j, NULL, r->heap.node[f->all[i]].address);
	json_close(j, ']');
}

/* Ways of calls: who keeps, who gave back too much. */
static void put_paths(struct json *j, const struct heap *h, const struct finding *f)
{
	static const char *const role[FINDING_ROLES] = { [FINDING_KEEPS] = "keeps",
		[FINDING_SUSPECT] = "suspect", [FINDING_BAD] = "bad", [FINDING_END] = "end" };
	uint32_t i;

	json_open(j, "paths", '[');
	for (i = 0; i < f->npaths; i++) {
		json_open(j, NULL, '{');
		json_text(j, "role", role[f->path[i].role]);
		json_uint(j, "references", f->path[i].references);
		json_uint(j, "objects", f->path[i].place.objects);
		json_bool(j, "made", f->path[i].made);
		put_site(j, "place", &f->path[i].place, false);
		put_stack(j, h, f->path[i].site);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_finding(struct json *j, const struct report *r, const struct finding *f)
{
	const struct heap *h = &r->heap;
	uint32_t i;

	json_open(j, NULL, '{');
	json_text(j, "kind", finding_kind_name(f->kind));
	json_text(j, "severity", finding_severity_name(f->severity));
	put_numbers(j, f);
	json_text(j, "headline", f->headline);
	json_text(j, "story", f->story);
	json_open(j, "types", '[');
	for (i = 0; i < f->ntypes; i++) {
		json_open(j, NULL, '{');
		json_text(j, "name", f->type[i].name);
		json_uint(j, "objects", f->type[i].objects);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_open(j, "sites", '[');
	for (i = 0; i < f->nsites; i++)
		put_site(j, NULL, &f->site[i], true);
	json_close(j, ']');
	if (f->caller.function)
		put_site(j, "called_from", &f->caller, false);
	put_stack(j, h, f->stack);
	if (f->npaths)
		put_paths(j, h, f);
	json_uint(j, "members_in_all", f->members_all);
	json_open(j, "members", '[');
	for (i = 0; i < f->nmembers; i++)
		put_member(j, f->heap ? f->heap : h, &f->member[i]);
	json_close(j, ']');
	put_edges(j, f);
	if (f->all)
		put_all(j, r, f);
	json_text(j, "advice", f->advice);
	json_close(j, '}');
}

static void put_findings(struct json *j, const char *key, const struct report *r,
			 const struct findings *s, enum report_part part)
{
	uint32_t i;

	json_open(j, key, '[');
	for (i = 0; i < s->n; i++)
		if (finding_is_part(&s->f[i], part))
			put_finding(j, r, &s->f[i]);
	json_close(j, ']');
}

static void put_totals(struct json *j, const struct report *r)
{
	const struct replay_scaled *x = &r->replay.scaled;
	struct replay_total all = replay_totals(&r->replay), *t = &all;

	json_open(j, "totals", '{');
	json_uint(j, "blocks", t->blocks);
	json_uint(j, "bytes", t->bytes);
	json_uint(j, "frees", t->frees);
	json_uint(j, "live_blocks", t->live);
	json_uint(j, "live_bytes", t->live_bytes);
	json_uint(j, "peak_blocks", t->peak_live);
	json_uint(j, "peak_bytes", t->peak_bytes);
	json_uint(j, "births", t->births);
	json_uint(j, "deaths", t->deaths);
	json_uint(j, "live_objects", t->live_objects);
	json_uint(j, "collections", t->collections);
	json_uint(j, "sites", r->replay.sites ? r->replay.sites - 1 : 0);
	json_bool(j, "growth_tested", r->growth_tested);
	if (r->trace.head.sample_bytes) {
		json_open(j, "sampled", '{');
		json_uint(j, "mean_bytes", r->trace.head.sample_bytes);
		json_uint(j, "blocks", r->replay.total.blocks);
		json_uint(j, "blocks_error", weighed_error(x->made.n_variance));
		json_uint(j, "bytes_error", weighed_error(x->made.bytes_variance));
		json_uint(j, "live_blocks_error", weighed_error(x->live.n_variance));
		json_uint(j, "live_bytes_error", weighed_error(x->live.bytes_variance));
		json_close(j, '}');
	}
	json_close(j, '}');
}

static void put_books(struct json *j, const struct report *r)
{
	const struct analysis_books *b = &r->analysis.books;

	if (!r->graph) {
		json_null(j, "books");
		return;
	}
	json_open(j, "books", '{');
	json_uint(j, "objects", b->objects);
	json_uint(j, "explained", b->explained);
	json_uint(j, "early", b->early);
	json_uint(j, "code", b->code);
	json_uint(j, "held_by_c", b->held);
	json_uint(j, "leaked", b->leaked);
	json_uint(j, "inconsistent", b->inconsistent);
	json_uint(j, "dead_objects", r->analysis.dead.nodes);
	json_uint(j, "dead_bytes", r->analysis.dead.bytes);
	json_uint(j, "collector_finds", r->analysis.dead.nfound);
	json_uint(j, "collector_frees", r->analysis.dead.nfreed);
	json_close(j, '}');
}

static void put_lost(struct json *j, const struct report *r)
{
	const struct lost *l = &r->lost;

	if (!r->scanned) {
		json_null(j, "lost");
		return;
	}
	json_open(j, "lost", '{');
	json_uint(j, "direct", l->direct);
	json_uint(j, "direct_bytes", l->direct_bytes);
	json_uint(j, "indirect", l->indirect);
	json_uint(j, "indirect_bytes", l->indirect_bytes);
	json_uint(j, "reached", l->reached);
	json_uint(j, "reached_bytes", l->reached_bytes);
	json_uint(j, "unseen_registers", l->unseen);
	json_bool(j, "doubtful", l->doubtful);
	json_uint(j, "searched_bytes", r->snap.scan.bytes);
	json_uint(j, "threads_waiting", r->snap.scan.waiting);
	json_uint(j, "threads_running", r->snap.scan.running);
	json_close(j, '}');
}

static void put_overview(struct json *j, const struct report *r)
{
	const struct overview *o = &r->overview;
	uint32_t i;

	json_open(j, "alive", '{');
	json_uint(j, "objects", o->objects);
	json_uint(j, "bytes", o->bytes);
	json_uint(j, "startup_objects", o->early_objects);
	json_uint(j, "startup_bytes", o->early_bytes);
	if (r->trace.head.sample_bytes) {
		json_uint(j, "objects_error", o->objects_error);
		json_uint(j, "bytes_error", o->bytes_error);
	}
	json_uint(j, "inherited_objects", o->parent_objects);
	json_uint(j, "inherited_bytes", o->parent_bytes);
	json_uint(j, "other_objects", o->other_objects);
	json_uint(j, "other_bytes", o->other_bytes);
	json_open(j, "sites", '[');
	for (i = 0; i < o->n; i++) {
		json_open(j, NULL, '{');
		json_text(j, "type", o->row[i].type);
		json_uint(j, "objects", o->row[i].objects);
		json_uint(j, "bytes", o->row[i].bytes);
		put_site(j, "site", &o->row[i].site, false);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
}

static void begin(struct json *j, const struct report *r)
{
	json_open(j, NULL, '{');
	json_text(j, "ouro", OURO_VERSION);
	put_trace(j, r);
	put_snapshot(j, r);
	put_notes(j, r);
}

void report_json(FILE *out, const struct report *r, enum report_part part)
{
	struct json j = { .out = out, .lines = true };

	begin(&j, r);
	put_findings(&j, "findings", r, &r->analysis.findings, part);
	put_findings(&j, "live_cycles", r, &r->analysis.live, part);
	put_books(&j, r);
	put_lost(&j, r);
	if (part == REPORT_ALL) {
		put_totals(&j, r);
		peak_json(&j, r);
		put_others(&j, r);
		put_overview(&j, r);
	}
	json_close(&j, '}');
}

/* ---------------------------------------------------------------------------- holders */

static void put_holder(struct json *j, const struct holder *x)
{
	json_open(j, NULL, '{');
	json_text(j, "name", x->words);
	json_uint(j, "references", x->references);
	json_bool(j, "owned", x->owned);
	json_bool(j, "maybe", x->maybe);
	json_bool(j, "root", x->root);
	if (x->address)
		put_id(j, "id", x->address);
	else
		json_null(j, "id");
	json_text(j, "type", x->type);
	json_close(j, '}');
}

static void put_held(struct json *j, const struct heap *h, const struct held *x)
{
	static const char *const born[] = { NULL, "startup", "program", "parent" };
	const struct heap_node *n = &h->node[x->node];
	uint32_t i;

	json_open(j, NULL, '{');
	put_id(j, "id", n->address);
	json_text(j, "type", heap_type_name(h, x->node));
	json_text(j, "label", n->label ? heap_text(h, n->label) : NULL);
	json_uint(j, "bytes", n->bytes);
	json_uint(j, "refcount", n->count);
	json_uint(j, "known", x->references);
	json_int(j, "unknown", x->account.unknown);
	json_uint(j, "generation", n->generation);
	json_text(j, "born", born[n->born]);
	put_place(j, h, n->site);
	json_text(j, "sum", x->sum);
	json_open(j, "holders", '[');
	for (i = 0; i < x->nholders; i++)
		put_holder(j, &x->holder[i]);
	json_close(j, ']');
	json_open(j, "held_by_c", '[');
	for (i = 0; i < x->nwords; i++)
		json_text(j, NULL, x->word[i]);
	json_close(j, ']');
	json_open(j, "paths", '[');
	for (i = 0; i < x->npaths; i++)
		json_text(j, NULL, x->path[i]);
	json_close(j, ']');
	json_uint(j, "retained_objects", x->retained_objects);
	json_uint(j, "retained_bytes", x->retained_bytes);
	put_stack(j, h, n->site);
	json_close(j, '}');
}

int holders_json(FILE *out, const struct report *r, const struct holders *s, const char *query,
		 uint32_t limit, uint32_t paths)
{
	uint32_t i, n = s->n < limit ? s->n : limit;
	struct held *x = mem_array(n, sizeof(*x));
	struct json j = { .out = out, .lines = true };
	int e = x ? 0 : -ENOMEM;

	for (i = 0; i < n && !e; i++)
		e = held_init(&x[i], s, s->match[i], paths);
	if (!e) {
		begin(&j, r);
		json_text(&j, "query", query);
		json_text(&j, "matched", holders_by_words(s->by));
		json_uint(&j, "matches", s->n);
		json_uint(&j, "bytes", s->bytes);
		json_open(&j, "objects", '[');
		for (i = 0; i < n; i++)
			put_held(&j, &r->heap, &x[i]);
		json_close(&j, ']');
		json_close(&j, '}');
	}
	for (i = 0; x && i < n; i++)
		held_fini(&x[i]);
	mem_free(x);
	return e;
}

/* ------------------------------------------------------------------ for other renderers */

void report_json_begin(struct json *j, const struct report *r)
{
	begin(j, r);
}

void report_json_place(struct json *j, const struct report *r, uint32_t site)
{
	put_place(j, &r->heap, site);
}

void report_json_stack(struct json *j, const struct report *r, uint32_t site)
{
	put_stack(j, &r->heap, site);
}

void report_json_findings(struct json *j, const struct report *r, const enum finding_kind *kind,
			  unsigned kinds)
{
	const struct findings *s = &r->analysis.findings;

	json_open(j, "findings", '[');
	for (uint32_t i = 0; i < s->n; i++)
		for (unsigned k = 0; k < kinds; k++)
			if (s->f[i].kind == kind[k])
				put_finding(j, r, &s->f[i]);
	json_close(j, ']');
}
