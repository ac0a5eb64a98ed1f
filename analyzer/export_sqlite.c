/*
 * export_sqlite.c - all of it as tables, for questions that nobody thought of
 *
 * docs/sqlite.md documents them and is a contract: columns are only ever added.
 */
#include "export.h"

#include "dominators.h"
#include "mem.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static const char schema[] =
	"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA user_version = 1;"
	"CREATE TABLE trace (key TEXT PRIMARY KEY, value);"
	"CREATE TABLE frames (location INTEGER, position INTEGER, function TEXT, file TEXT,"
	" line INTEGER, module TEXT, interpreted INTEGER, PRIMARY KEY (location, position)) WITHOUT ROWID;"
	"CREATE TABLE stacks (id INTEGER PRIMARY KEY, parent INTEGER, location INTEGER, depth INTEGER);"
	"CREATE TABLE sites (id INTEGER PRIMARY KEY, stack INTEGER, function TEXT, file TEXT,"
	" line INTEGER, module TEXT, alloc_objects INTEGER, alloc_space INTEGER, inuse_objects INTEGER,"
	" inuse_space INTEGER, peak_objects INTEGER, peak_space INTEGER, births INTEGER,"
	" brief INTEGER);"
	"CREATE TABLE snapshot (number INTEGER PRIMARY KEY, taken TEXT, seconds REAL, objects INTEGER,"
	" edges INTEGER, roots INTEGER, blocks INTEGER, searched_bytes INTEGER);"
	"CREATE TABLE objects (id INTEGER PRIMARY KEY, address TEXT, type TEXT, label TEXT,"
	" bytes INTEGER, refcount INTEGER, unknown INTEGER, generation INTEGER, born REAL,"
	" site INTEGER, retained_objects INTEGER, retained_bytes INTEGER);"
	"CREATE TABLE edges (holder INTEGER, held INTEGER, name TEXT, owned INTEGER);"
	"CREATE TABLE roots (object INTEGER, kind TEXT, what TEXT, function TEXT, file TEXT,"
	" line INTEGER, thread INTEGER, owned INTEGER);"
	"CREATE TABLE blocks (id INTEGER PRIMARY KEY, address TEXT, bytes INTEGER, born REAL,"
	" site INTEGER, pool INTEGER, has_object INTEGER, reached INTEGER, retained_bytes INTEGER);"
	"CREATE TABLE block_edges (holder INTEGER, held INTEGER, offset INTEGER);"
	"CREATE TABLE collections (id INTEGER PRIMARY KEY, at REAL, seconds REAL, generation INTEGER,"
	" cause TEXT, site INTEGER, thread INTEGER, examined INTEGER, freed INTEGER,"
	" uncollectable INTEGER, deaths INTEGER, live_objects INTEGER, live_bytes INTEGER);"
	"CREATE TABLE findings (id INTEGER PRIMARY KEY, kind TEXT, severity TEXT, count INTEGER,"
	" objects INTEGER, bytes INTEGER, retained_objects INTEGER, retained_bytes INTEGER,"
	" function TEXT, file TEXT, line INTEGER, headline TEXT, story TEXT, advice TEXT);"
	"CREATE TABLE members (finding INTEGER, address TEXT, type TEXT, label TEXT, bytes INTEGER,"
	" refcount INTEGER, unknown INTEGER);"
	"BEGIN;";

static const char finish[] =
	"CREATE INDEX objects_by_type ON objects (type);"
	"CREATE INDEX objects_by_site ON objects (site);"
	"CREATE INDEX objects_by_address ON objects (address);"
	"CREATE INDEX edges_by_holder ON edges (holder);"
	"CREATE INDEX edges_by_held ON edges (held);"
	"CREATE INDEX blocks_by_site ON blocks (site);"
	"CREATE INDEX blocks_by_address ON blocks (address);"
	"CREATE INDEX block_edges_by_holder ON block_edges (holder);"
	"CREATE INDEX block_edges_by_held ON block_edges (held);"
	/* The frames of each site, the innermost first. */
	"CREATE VIEW site_frames AS WITH RECURSIVE up (site, node, level) AS ("
	" SELECT id, stack, 0 FROM sites WHERE stack != 0 UNION ALL"
	" SELECT site, parent, level + 1 FROM up JOIN stacks ON stacks.id = node WHERE parent != 0)"
	" SELECT site, level, frames.position, function, file, line, module, interpreted FROM up"
	" JOIN stacks ON stacks.id = node JOIN frames ON frames.location = stacks.location"
	" ORDER BY site, level, frames.position DESC;"
	"COMMIT;";

struct writer {
	const struct export_job *job;
	sqlite3 *db;
	sqlite3_stmt *insert;
	uint32_t *site_of;		/* by site of the heap: site_id              */
};

/* --- rows ----------------------------------------------------------------------------- */

static int run(struct writer *w, const char *sql)
{
	return sqlite3_exec(w->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -EIO;
}

/* For the rows that follow. */
static int into(struct writer *w, const char *sql)
{
	sqlite3_finalize(w->insert);
	w->insert = NULL;
	return sqlite3_prepare_v2(w->db, sql, -1, &w->insert, NULL) == SQLITE_OK ? 0 : -EIO;
}

/*
 * One row: i a 64-bit number, z one where 0 says that it is not known, r a real,
 * t a text (NULL: not known), a an address.
 */
static int row(struct writer *w, const char *columns, ...)
{
	char address[24];
	va_list args;
	int n = 1;

	va_start(args, columns);
	for (; *columns; columns++, n++) {
		uint64_t v;

		switch (*columns) {
		case 'r':
			sqlite3_bind_double(w->insert, n, va_arg(args, double));
			break;
		case 't':
			sqlite3_bind_text(w->insert, n, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
			break;
		case 'a':
			snprintf(address, sizeof(address), "0x%llx",
				 (unsigned long long)va_arg(args, uint64_t));
			sqlite3_bind_text(w->insert, n, address, -1, SQLITE_TRANSIENT);
			break;
		default:
			v = va_arg(args, uint64_t);
			if (!v && *columns == 'z')
				sqlite3_bind_null(w->insert, n);
			else
				sqlite3_bind_int64(w->insert, n, (sqlite3_int64)v);
		}
	}
	va_end(args);
	n = sqlite3_step(w->insert);
	sqlite3_reset(w->insert);
	return n == SQLITE_DONE ? 0 : -EIO;
}

#define N(v) ((uint64_t)(v))

static double seconds(const struct writer *w, uint64_t ticks)
{
	return (double)trace_elapsed(&w->job->r->trace, ticks) / 1e9;
}

/* --- the events ----------------------------------------------------------------------- */

static int put_trace(struct writer *w)
{
	const struct report *r = w->job->r;
	const struct replay_total *t = &r->replay.total;
	const struct { const char *key; uint64_t value; } number[] = {
		{ "pid", r->trace.head.pid }, { "events", t->events }, { "lost", r->trace.lost },
		{ "blocks", t->blocks }, { "bytes", t->bytes }, { "frees", t->frees },
		{ "live_blocks", t->live }, { "live_bytes", t->live_bytes },
		{ "peak_blocks", t->peak_live }, { "peak_bytes", t->peak_bytes },
		{ "births", t->births }, { "deaths", t->deaths },
		{ "sample_bytes", r->trace.head.sample_bytes },
	};
	const struct { const char *key, *value; } text[] = {
		{ "ouro", OURO_VERSION }, { "program", r->program }, { "directory", r->directory },
		{ "state", r->state }, { "runtime", r->runtime }, { "runtime_version", r->version },
	};
	int e = into(w, "INSERT INTO trace VALUES (?, ?)");

	for (size_t i = 0; i < sizeof(text) / sizeof(*text) && !e; i++)
		e = row(w, "tt", text[i].key, text[i].value);
	for (size_t i = 0; i < sizeof(number) / sizeof(*number) && !e; i++)
		e = row(w, "ti", number[i].key, number[i].value);
	return e ? e : row(w, "tr", "seconds", r->seconds);
}

static int put_sites(struct writer *w)
{
	const struct replay *r = &w->job->r->replay;
	struct export_values *values = export_site_values(r);
	struct export_frames x;
	int e = values ? export_frames_init(&x, w->job->r) : -ENOMEM;

	if (e) {
		mem_free(values);
		return e;
	}
	e = into(w, "INSERT INTO sites VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	for (site_id i = 0; i < r->sites && !e; i++) {
		const struct site *s = &r->site[i];
		const struct frame *f;

		e = export_frames_of(&x, s->stack);
		if (e)
			break;
		f = export_place(&x)->f;
		e = row(w, "iittztiiiiiiii", N(i), N(s->stack), f ? f->function : NULL,
			f ? f->file : NULL, N(f ? f->line : 0), f ? f->module : NULL,
			values[i].v[EXPORT_ALLOC_OBJECTS], values[i].v[EXPORT_ALLOC_SPACE],
			values[i].v[EXPORT_INUSE_OBJECTS], values[i].v[EXPORT_INUSE_SPACE],
			values[i].v[EXPORT_PEAK_OBJECTS], values[i].v[EXPORT_PEAK_SPACE],
			values[i].births, values[i].brief);
	}
	if (!e)
		e = into(w, "INSERT INTO frames VALUES (?, ?, ?, ?, ?, ?, ?)");
	for (uint32_t i = 1; i < x.n && !e; i++) {
		const struct frame *f = x.frame[i].f;

		e = row(w, "iittzti", N(x.frame[i].location), N(i - x.first[x.frame[i].location]),
			f->function, f->file, N(f->line), f->module, N(f->interp));
	}
	mem_free(values);
	export_frames_fini(&x);
	return e;
}

/* Those that sites have, and what they stand on. */
static int put_stacks(struct writer *w)
{
	const struct replay *r = &w->job->r->replay;
	const struct stacks *s = &r->stacks;
	uint32_t *depth = mem_array(s->count, sizeof(*depth));
	struct bits used;
	int e = depth ? bits_init(&used, s->count) : -ENOMEM;

	if (e) {
		mem_free(depth);
		return e;
	}
	for (site_id i = 0; i < r->sites; i++)
		for (stack_id at = r->site[i].stack; at && !bits_has(&used, at); at = stack_parent(s, at))
			bits_add(&used, at);
	e = into(w, "INSERT INTO stacks VALUES (?, ?, ?, ?)");
	/* A stack was made after what it stands on. */
	for (stack_id i = 1; i < s->count && !e; i++) {
		depth[i] = depth[stack_parent(s, i)] + 1;
		if (bits_has(&used, i))
			e = row(w, "iiii", N(i), N(stack_parent(s, i)), N(s->node[i].location),
				N(depth[i]));
	}
	bits_fini(&used);
	mem_free(depth);
	return e;
}

static int put_collections(struct writer *w)
{
	const struct collections *s = &w->job->r->collections;
	int e = into(w, "INSERT INTO collections VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

	for (uint32_t i = 0; i < s->n && !e; i++) {
		const struct collection *c = &s->c[i];

		/* examined is kept plus one, 0 for not known */
		e = row(w, "irritziziiiii", N(i + 1), seconds(w, c->start),
			collection_seconds(s, &w->job->r->trace, c), N(c->generation),
			collection_cause_name(c->cause), N(c->site), N(c->thread),
			c->examined ? c->examined - 1 : 0, c->freed, c->uncollectable, c->deaths,
			c->live_objects, c->live_bytes);
	}
	return e;
}

/* --- the snapshot --------------------------------------------------------------------- */

static int put_snapshot(struct writer *w)
{
	const struct report *r = w->job->r;
	int e = into(w, "INSERT INTO snapshot VALUES (?, ?, ?, ?, ?, ?, ?, ?)");

	if (e || (!r->graph && !r->scanned))
		return e;
	return row(w, "itriiiii", N(r->snapshot), r->reason, r->snapshot_seconds, N(r->heap.nnodes),
		   N(r->heap.nedges), N(r->heap.nroots), N(r->blocks.n), r->snap.scan.bytes);
}

/* What each node keeps alive; zeroes when nothing is known of the graph. */
static int retained_by(struct graph *g, struct dominators *ret)
{
	struct bits held;
	int e;

	*ret = (struct dominators){ 0 };
	if (!g->n)
		return 0;
	e = graph_held(g, &held);
	if (e)
		return e;
	e = dominators_find(g, &held, ret);
	bits_fini(&held);
	return e;
}

static int turn_sites(struct writer *w)
{
	const struct heap_loader *l = &w->job->r->loader;

	w->site_of = mem_array(w->job->r->heap.nsites, sizeof(*w->site_of));
	if (!w->site_of)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->sites; i++)
		if (l->site[i])
			w->site_of[l->site[i]] = i;
	return 0;
}

static int put_objects(struct writer *w)
{
	struct heap *h = &w->job->r->heap;
	struct dominators d;
	int e = retained_by(&h->graph, &d);

	if (!e)
		e = into(w, "INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	for (node_id v = 0; v < h->nnodes && !e; v++) {
		const struct heap_node *n = &h->node[v];
		struct account a = graph_account(&h->graph, v);

		e = row(w, "iattiiiirzii", N(v + 1), n->address, heap_type_name(h, v),
			n->label ? heap_text(h, n->label) : NULL, n->bytes, n->count, N(a.unknown),
			N(n->generation), n->when ? seconds(w, n->when) : 0.0, N(w->site_of[n->site]),
			N(d.nodes[v]), d.bytes[v]);
	}
	dominators_fini(&d);
	return e;
}

/* As it follows the holder in an expression: "[3]", "['name']", ".parent"; else in words. */
static void edge_name(struct buf *out, const struct heap *h, const struct heap_edge *e)
{
	const char *s = heap_text(h, e->operand);

	switch ((enum ouro_edge_name)e->name) {
	case OURO_EDGE_INDEX:    buf_printf(out, "[%u]", e->operand); return;
	case OURO_EDGE_KEY:      buf_printf(out, "['%s']", s); return;
	case OURO_EDGE_KEYREPR:  buf_printf(out, "[%s]", s); return;
	case OURO_EDGE_DICTKEY:  buf_printf(out, "key %s", s); return;
	case OURO_EDGE_ATTR:
	case OURO_EDGE_SLOT:
	case OURO_EDGE_FIELD:    buf_printf(out, ".%s", s); return;
	case OURO_EDGE_CELL:     buf_printf(out, "cell %s", s); return;
	case OURO_EDGE_CONTENT:  buf_puts(out, ".cell_contents"); return;
	case OURO_EDGE_LOCAL:    buf_printf(out, "local %s", s); return;
	case OURO_EDGE_STACK:    buf_printf(out, "stack %u", e->operand); return;
	case OURO_EDGE_MEMBER:   buf_puts(out, "element"); return;
	case OURO_EDGE_CLASS:    buf_puts(out, ".__class__"); return;
	case OURO_EDGE_DICT:     buf_puts(out, ".__dict__"); return;
	case OURO_EDGE_REFERENT: buf_puts(out, "referent"); return;
	case OURO_EDGE_OFFSET:   buf_printf(out, "+%u", e->operand); return;
	case OURO_EDGE_CONST:    buf_printf(out, "constant %u", e->operand); return;
	case OURO_EDGE_ARGUMENT: buf_printf(out, "argument %u", e->operand); return;
	case OURO_EDGE_OTHER:    return;
	}
}

static const char *root_kind(uint8_t kind)
{
	static const char *const name[] = {
		[OURO_ROOT_LOCAL] = "local", [OURO_ROOT_STACK] = "stack", [OURO_ROOT_FRAME] = "frame",
		[OURO_ROOT_THREAD] = "thread", [OURO_ROOT_INTERP] = "interpreter",
		[OURO_ROOT_STATIC] = "static", [OURO_ROOT_PENDING] = "pending",
	};

	return kind < sizeof(name) / sizeof(*name) ? name[kind] : NULL;
}

static int put_edges(struct writer *w)
{
	const struct heap *h = &w->job->r->heap;
	struct buf name = { 0 };
	int e = into(w, "INSERT INTO edges VALUES (?, ?, ?, ?)");

	for (uint32_t i = 0; i < h->nedges && !e; i++) {
		edge_name(&name, h, &h->edge[i]);
		e = row(w, "iiti", N(h->edge[i].from + 1), N(h->edge[i].to + 1), buf_text(&name),
			N(h->edge[i].owned));
		buf_reset(&name);
	}
	buf_fini(&name);
	if (!e)
		e = into(w, "INSERT INTO roots VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
	for (uint32_t i = 0; i < h->nroots && !e; i++) {
		const struct heap_root *x = &h->root[i];

		e = row(w, "ittttzii", N(x->node + 1), root_kind(x->kind), heap_text(h, x->what),
			heap_text(h, x->function), heap_text(h, x->file), N(x->line), N(x->thread),
			N(x->owned));
	}
	return e;
}

/* At the snapshot, when it searched memory. */
static int put_searched_blocks(struct writer *w)
{
	struct blocks *b = &w->job->r->blocks;
	struct dominators d;
	int e = retained_by(&b->graph, &d);

	for (node_id v = 0; v < b->n && !e; v++) {
		const struct blocks_row *x = &b->row[v];

		e = row(w, "iairziiii", N(v + 1), x->addr, x->size, seconds(w, x->born), N(x->site),
			N(x->pool), N(x->object), N(d.above[v] != NODE_NONE), d.bytes[v]);
	}
	dominators_fini(&d);
	if (!e)
		e = into(w, "INSERT INTO block_edges VALUES (?, ?, ?)");
	for (node_id v = 0; v < b->n && !e; v++)
		for (edge_id i = b->graph.out[v]; i < b->graph.out[v + 1] && !e; i++)
			e = b->graph.name[i] & BLOCKS_TIE ?
				row(w, "iiz", N(v + 1), N(b->graph.to[i] + 1), N(0)) :
				row(w, "iii", N(v + 1), N(b->graph.to[i] + 1),
				    N(b->graph.name[i] & BLOCKS_OFFSET));
	return e;
}

static int put_blocks(struct writer *w)
{
	const struct replay *r = &w->job->r->replay;
	const struct block *b;
	uint64_t n = 0;
	size_t at = 0;
	int e = into(w, "INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");

	if (!e && w->job->r->scanned)
		return put_searched_blocks(w);
	/* Left at the end: who reaches them is not known. */
	while (!e && (b = replay_each_block(r, &at)))
		e = row(w, "iairziizz", ++n, b->addr, b->size, seconds(w, b->born), N(block_site(r, b)),
			N(b->pool), N(b->object != 0), N(0), N(0));
	return e;
}

static int put_findings(struct writer *w)
{
	const struct findings *list[] = { &w->job->r->analysis.findings, &w->job->r->analysis.live };
	uint64_t n = 0;
	int e = into(w, "INSERT INTO findings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

	for (int k = 0; k < 2; k++)
		for (uint32_t i = 0; i < list[k]->n && !e; i++) {
			const struct finding *f = &list[k]->f[i];
			const struct finding_site *s = f->nsites ? f->site : NULL;

			e = row(w, "ittiiiiittzttt", ++n, finding_kind_name(f->kind),
				finding_severity_name(f->severity), f->count, f->objects, f->bytes,
				f->retained_objects, f->retained_bytes, s ? s->function : NULL,
				s ? s->file : NULL, N(s ? s->line : 0), f->headline, f->story, f->advice);
		}
	n = 0;
	if (!e)
		e = into(w, "INSERT INTO members VALUES (?, ?, ?, ?, ?, ?, ?)");
	for (int k = 0; k < 2; k++)
		for (uint32_t i = 0; i < list[k]->n && !e; i++, n++)
			for (uint32_t m = 0; m < list[k]->f[i].nmembers && !e; m++) {
				const struct finding_member *x = &list[k]->f[i].member[m];

				e = row(w, "iattiii", n + 1, x->address, x->type, x->label, x->bytes,
					x->refcount, N(x->unknown));
			}
	return e;
}

/* --- all of it ------------------------------------------------------------------------ */

static int write_tables(struct writer *w)
{
	static int (*const put[])(struct writer *w) = {
		put_trace, put_sites, put_stacks, put_collections, put_snapshot, turn_sites,
		put_objects, put_edges, put_blocks, put_findings,
	};
	int e = run(w, schema);

	for (size_t i = 0; i < sizeof(put) / sizeof(*put) && !e; i++)
		e = put[i](w);
	sqlite3_finalize(w->insert);
	w->insert = NULL;
	return e ? e : run(w, finish);
}

static int write_sqlite(const struct export_job *job)
{
	struct writer w = { .job = job };
	int e;

	/* As other formats do, and SQLite does not: what was there is written over. */
	if (unlink(job->path) && errno != ENOENT) {
		snprintf(job->error, 200, "%.100s: %s", job->path, strerror(errno));
		return 1;
	}
	e = sqlite3_open(job->path, &w.db) == SQLITE_OK ? write_tables(&w) : -EIO;
	if (e == -EIO) {
		snprintf(job->error, 200, "%.90s: %.90s", job->path,
			 w.db ? sqlite3_errmsg(w.db) : "no memory");
		e = 1;
	}
	sqlite3_close(w.db);
	mem_free(w.site_of);
	return e;
}

const struct export export_sqlite = {
	.name = "sqlite",
	.help = "a database: objects, edges, blocks, sites, ... (docs/sqlite.md); -o FILE",
	.whole = true,
	.own_file = true,
	.write = write_sqlite,
};
