/*
 * snap.c - read a SNAPSHOT stream, then turn addresses into rows
 */
#include "snap.h"

#include "found.h"

#include <ouro/record.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* While reading, `to` is not known yet: edges, roots and words keep addresses beside. */
struct addresses {
	uint64_t *addr;
	uint32_t count, room;
};

struct snap_index {
	uint32_t *row;			/* open addressing; row + 1, 0: free         */
	uint64_t mask;
};

struct reader {
	struct snap *s;
	struct trace *t;
	const struct trace_chunk *chunk;
	const uint8_t *p, *end;
	uint64_t addr;			/* previous one of the chunk                 */
	bool owner;			/* edges have a node to belong to            */
	bool ended;
	struct addresses edge, root, word;
	struct {
		uint32_t strings, types, nodes, edges, roots, words, notes, runs, threads;
	} room;
};

enum { WRONG = 1 };			/* what was read makes no sense              */

/* --- fields ------------------------------------------------------------------------ */

static bool number(struct reader *r, uint64_t *ret)
{
	const uint8_t *p = ouro_get_varint(r->p, r->end, ret);

	if (p)
		r->p = p;
	return p;
}

static bool number32(struct reader *r, uint32_t *ret)
{
	uint64_t v;

	if (!number(r, &v) || v > UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

static bool byte(struct reader *r, uint8_t *ret)
{
	if (r->p == r->end)
		return false;
	*ret = *r->p++;
	return true;
}

static bool address(struct reader *r, uint64_t *ret)
{
	uint64_t v;

	if (!number(r, &v))
		return false;
	*ret = r->addr += (uint64_t)ouro_unzigzag(v) * 8;
	return true;
}

/* Room for one more; rows are numbered by 32 bits, and the last number means none. */
static int more(void *list, uint32_t count, uint32_t *room, size_t size)
{
	uint32_t want = *room ? *room * 2 : 64;
	void **p = list, *q;

	if (count < *room)
		return 0;
	if (*room > UINT32_MAX / 4)
		return -ENOMEM;
	q = realloc(*p, want * size);
	if (!q)
		return -ENOMEM;
	*p = q;
	*room = want;
	return 0;
}

#define MORE(r, list) \
	more(&(r)->s->list, (r)->s->list##s, &(r)->room.list##s, sizeof(*(r)->s->list))

static int keep_address(struct addresses *a, uint64_t addr)
{
	if (more(&a->addr, a->count, &a->room, sizeof(*a->addr)))
		return -ENOMEM;
	a->addr[a->count++] = addr;
	return 0;
}

/* --- records: 0, WRONG, -ENOMEM ---------------------------------------------------- */

static int read_string(struct reader *r)
{
	uint64_t length;

	if (!number(r, &length) || length > (uint64_t)(r->end - r->p))
		return WRONG;
	if (MORE(r, string))
		return -ENOMEM;
	r->s->string[r->s->strings++] =
		(struct text){ (const char *)r->p, (uint32_t)length };
	r->p += length;
	return 0;
}

static int read_type(struct reader *r)
{
	struct snap_type type = { 0 };
	uint32_t name;

	if (!address(r, &type.addr) || !number32(r, &name) || !number32(r, &type.flags) ||
	    !number(r, &type.basic) || !number(r, &type.item))
		return WRONG;
	if (MORE(r, type))
		return -ENOMEM;
	type.name.length = name;	/* its text is looked up when all are there */
	r->s->type[r->s->types++] = type;
	return 0;
}

static int read_node(struct reader *r)
{
	struct snap_node n = { 0 };

	if (!address(r, &n.addr) || !number32(r, &n.type) || !number(r, &n.size) ||
	    !number(r, &n.count) || !number32(r, &n.flags) ||
	    !number32(r, &n.generation) || !number32(r, &n.label))
		return WRONG;
	if (MORE(r, node))
		return -ENOMEM;
	n.edge = r->s->edges;
	r->s->node[r->s->nodes++] = n;
	r->owner = true;
	return 0;
}

static bool has_operand(unsigned name)
{
	switch (name) {
	case OURO_EDGE_OTHER:
	case OURO_EDGE_CONTENT:
	case OURO_EDGE_MEMBER:
	case OURO_EDGE_CLASS:
	case OURO_EDGE_DICT:
	case OURO_EDGE_REFERENT:
		return false;
	default:
		return true;
	}
}

static int read_edge(struct reader *r)
{
	struct snap_edge e = { 0 };
	uint64_t to;
	uint8_t b;

	if (!address(r, &to) || !byte(r, &b))
		return WRONG;
	e.name = b & 31;
	e.flags = b >> 5;
	if (e.name > OURO_EDGE_ARGUMENT)
		return WRONG;
	if (has_operand(e.name) && !number(r, &e.operand))
		return WRONG;
	if (!r->owner) {
		r->s->dropped_edges++;
		return 0;
	}
	if (MORE(r, edge) || keep_address(&r->edge, to))
		return -ENOMEM;
	r->s->edge[r->s->edges++] = e;
	r->s->node[r->s->nodes - 1].edges++;
	return 0;
}

static int read_root(struct reader *r)
{
	struct snap_root root = { 0 };
	uint64_t to;
	uint32_t flags;

	if (!address(r, &to) || !byte(r, &root.kind) || !number32(r, &flags) ||
	    !number32(r, &root.what) || !number32(r, &root.function) ||
	    !number32(r, &root.file) || !number32(r, &root.line) ||
	    !number32(r, &root.thread) || !number32(r, &root.number))
		return WRONG;
	root.flags = (uint8_t)flags;
	if (MORE(r, root) || keep_address(&r->root, to))
		return -ENOMEM;
	r->s->root[r->s->roots++] = root;
	return 0;
}

static int read_word(struct reader *r)
{
	struct snap_word w = { 0 };
	uint64_t to;

	if (!address(r, &to) || !byte(r, &w.region) || !number(r, &w.where))
		return WRONG;
	if (MORE(r, word) || keep_address(&r->word, to))
		return -ENOMEM;
	r->s->word[r->s->words++] = w;
	return 0;
}

static int read_note(struct reader *r)
{
	uint32_t string;

	if (!number32(r, &string))
		return WRONG;
	if (MORE(r, note))
		return -ENOMEM;
	r->s->note[r->s->notes++] = string;
	return 0;
}

static int read_scan(struct reader *r)
{
	struct snap_scan s = { .there = true };

	if (!number32(r, &s.flags) || !number(r, &s.waiting) || !number(r, &s.running) ||
	    !number(r, &s.bytes) || !number(r, &s.words))
		return WRONG;
	r->s->scan = s;
	return 0;
}

static int read_words(struct reader *r)
{
	const uint8_t *start = r->p, *p;
	struct found f;

	p = found_read(start, r->end, &f);
	if (!p)
		return WRONG;
	if (MORE(r, run))
		return -ENOMEM;
	r->s->run[r->s->runs++] = (struct snap_run){ start, p };
	r->p = p;
	return 0;
}

static int read_thread(struct reader *r)
{
	struct snap_thread t;

	if (!number32(r, &t.tid) || !number(r, &t.sp) || !number(r, &t.tcb))
		return WRONG;
	if (MORE(r, thread))
		return -ENOMEM;
	r->s->thread[r->s->threads++] = t;
	return 0;
}

static int read_end(struct reader *r)
{
	uint64_t nodes, edges, roots;

	if (!number(r, &nodes) || !number(r, &edges) || !number(r, &roots) ||
	    !number(r, &r->s->microseconds))
		return WRONG;
	r->ended = true;
	if (nodes == r->s->nodes && roots == r->s->roots &&
	    edges == r->s->edges + r->s->dropped_edges)
		return 0;
	trace_damaged(r->t, r->chunk,
		"snapshot %" PRIu32 " has %" PRIu32 " objects, %" PRIu32
		" edges, %" PRIu32 " roots and should have %" PRIu64 ", %" PRIu64
		", %" PRIu64,
		r->s->number, r->s->nodes, r->s->edges, r->s->roots, nodes, edges, roots);
	r->ended = false;
	r->p = r->end;
	return 0;
}

static int read_record(struct reader *r, uint8_t kind)
{
	switch (kind) {
	case OURO_SNAP_STRING:	return read_string(r);
	case OURO_SNAP_TYPE:	return read_type(r);
	case OURO_SNAP_NODE:	return read_node(r);
	case OURO_SNAP_EDGE:	return read_edge(r);
	case OURO_SNAP_ROOT:	return read_root(r);
	case OURO_SNAP_WORD:	return read_word(r);
	case OURO_SNAP_MORE:	r->owner = r->s->nodes; return 0;
	case OURO_SNAP_NOTE:	return read_note(r);
	case OURO_SNAP_END:	return read_end(r);
	case OURO_SNAP_SCAN:	return read_scan(r);
	case OURO_SNAP_WORDS:	return read_words(r);
	case OURO_SNAP_THREAD:	return read_thread(r);
	default:		return WRONG;
	}
}

static int read_records(struct reader *r, const struct trace_bytes *b)
{
	r->p = b->data;
	r->end = r->p + b->used;
	r->addr = 0;
	r->owner = false;
	while (r->p < r->end && !r->ended) {
		const uint8_t *start = r->p;
		uint8_t kind = *r->p++;
		int result = read_record(r, kind);

		if (result < 0)
			return result;
		if (result == WRONG) {
			/*
			 * Its strings and nodes have no number now: what follows would be
			 * misread.
			 */
			if (!r->chunk->cut)
				trace_damaged(r->t, r->chunk,
					"record at byte %td of snapshot %" PRIu32
					" (kind %u) makes no sense",
					start - b->data, r->s->number, kind);
			return WRONG;
		}
	}
	return 0;
}

/* --- addresses to rows ------------------------------------------------------------- */

static uint64_t slot_of(const struct snap *s, uint64_t addr)
{
	uint64_t h = (addr >> 3) * 0x9e3779b97f4a7c15u;
	uint64_t at = (h >> 32 ^ h >> 17) & s->index->mask;

	while (s->index->row[at] && s->node[s->index->row[at] - 1].addr != addr)
		at = (at + 1) & s->index->mask;
	return at;
}

uint32_t snap_find(const struct snap *s, uint64_t addr)
{
	uint32_t row = s->index->row[slot_of(s, addr)];

	return row ? row - 1 : SNAP_NONE;
}

static int make_index(struct snap *s)
{
	uint64_t mask = 64;

	while (mask < 2 * (uint64_t)s->nodes)
		mask *= 2;
	s->index = calloc(1, sizeof(*s->index));
	if (!s->index)
		return -ENOMEM;
	s->index->mask = mask - 1;
	s->index->row = calloc(mask, sizeof(*s->index->row));
	return s->index->row ? 0 : -ENOMEM;
}

/* Fills the index; of two nodes at one address the first stays, with its edges. */
static void drop_doubles(struct snap *s, struct addresses *to)
{
	uint32_t n = 0, m = 0;

	for (uint32_t i = 0; i < s->nodes; i++) {
		struct snap_node node = s->node[i];
		uint64_t at = slot_of(s, node.addr);

		if (s->index->row[at]) {
			s->double_nodes++;
			continue;
		}
		if (node.edges && node.edge != m) {
			memmove(&s->edge[m], &s->edge[node.edge],
				node.edges * sizeof(*s->edge));
			memmove(&to->addr[m], &to->addr[node.edge],
				node.edges * sizeof(*to->addr));
		}
		node.edge = m;
		m += node.edges;
		s->node[n++] = node;
		s->index->row[at] = n;
	}
	s->nodes = n;
	s->edges = m;
}

static void link_edges(struct snap *s, const struct addresses *to)
{
	uint32_t m = 0;

	for (uint32_t i = 0; i < s->nodes; i++) {
		struct snap_node *n = &s->node[i];
		uint32_t first = n->edge, end = n->edge + n->edges;

		n->edge = m;
		for (uint32_t j = first; j < end; j++) {
			uint32_t row = snap_find(s, to->addr[j]);

			if (row == SNAP_NONE) {
				s->dropped_edges++;
				continue;
			}
			s->edge[m] = s->edge[j];
			s->edge[m++].to = row;
		}
		n->edges = m - n->edge;
	}
	s->edges = m;
}

static void link_roots(struct snap *s, const struct addresses *to)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->roots; i++) {
		uint32_t row = snap_find(s, to->addr[i]);

		s->dropped_roots += row == SNAP_NONE;
		s->root[n] = s->root[i];
		s->root[n].to = row;
		n += row != SNAP_NONE;
	}
	s->roots = n;
}

static void link_words(struct snap *s, const struct addresses *to)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->words; i++) {
		uint32_t row = snap_find(s, to->addr[i]);

		s->dropped_words += row == SNAP_NONE;
		s->word[n] = s->word[i];
		s->word[n].to = row;
		n += row != SNAP_NONE;
	}
	s->words = n;
}

static void link_types(struct snap *s)
{
	for (uint32_t i = 0; i < s->types; i++)
		s->type[i].name = snap_string(s, s->type[i].name.length);
	for (uint32_t i = 0; i < s->nodes; i++)
		if (s->node[i].type >= s->types)
			s->node[i].type = 0;
}

/* --- all of it --------------------------------------------------------------------- */

static const struct trace_stream *find_stream(const struct trace *t, uint32_t number)
{
	for (uint32_t i = 0; i < t->snapshots; i++)
		if (t->snapshot[i].number == number)
			return &t->snapshot[i];
	return NULL;
}

/* What has strings or words stays, for they are ranges of it. */
static int read_chunk(struct reader *r)
{
	struct snap *s = r->s;
	uint32_t texts = s->strings + s->types, runs = s->runs;
	struct trace_bytes b;
	int result = trace_hold(r->t, r->chunk, &b);

	if (result)
		return result;
	result = read_records(r, &b);
	if (s->strings + s->types == texts && s->runs == runs)
		trace_let_go(&b);
	else
		s->bytes[s->held++] = b;
	return result;
}

static int read_all(struct reader *r, const struct trace_stream *stream)
{
	struct snap *s = r->s;
	int result = 0;

	s->bytes = calloc(stream->count + 1, sizeof(*s->bytes));
	if (!s->bytes || MORE(r, string) || MORE(r, type))
		return -ENOMEM;
	s->string[s->strings++] = (struct text){ "", 0 };
	s->type[s->types++] = (struct snap_type){ 0 };
	for (uint32_t i = 0; i < stream->count && !result && !r->ended; i++) {
		/*
		 * Numbers of strings and types go on from chunk to chunk: no gap may be
		 * crossed.
		 */
		if (stream->chunk[i].seq != i)
			break;
		r->chunk = &stream->chunk[i];
		result = read_chunk(r);
	}
	if (result < 0)
		return result;
	s->complete = r->ended && !stream->missing;
	result = make_index(s);
	if (result)
		return result;
	drop_doubles(s, &r->edge);
	link_edges(s, &r->edge);
	link_roots(s, &r->root);
	link_words(s, &r->word);
	link_types(s);
	return 0;
}

int snap_load(struct snap *s, struct trace *t, const struct defs *d, uint32_t number)
{
	const struct trace_stream *stream = find_stream(t, number);
	struct reader r = { .s = s, .t = t };
	int result;

	*s = (struct snap){ .number = number };
	if (!stream)
		return -ENOENT;
	s->def = def_snapshot(d, number);
	result = read_all(&r, stream);
	free(r.edge.addr);
	free(r.root.addr);
	free(r.word.addr);
	if (result)
		snap_free(s);
	return result;
}

void snap_free(struct snap *s)
{
	if (s->index)
		free(s->index->row);
	free(s->index);
	free(s->string);
	free(s->type);
	free(s->node);
	free(s->edge);
	free(s->root);
	free(s->word);
	free(s->note);
	free(s->run);
	free(s->thread);
	free(s->made);
	while (s->held)
		trace_let_go(&s->bytes[--s->held]);
	free(s->bytes);
	*s = (struct snap){ 0 };
}

/* Complete, and taken for this purpose rather than for the other? */
static bool is_newest(struct trace *t, const struct defs *d, uint32_t number, bool before_collection)
{
	static const struct defs none;
	const struct def_snapshot *def = def_snapshot(d, number);
	uint32_t damages = t->damages;
	bool truncated = t->truncated, complete;
	struct snap s;

	if ((def && def->reason == OURO_SNAPSHOT_COLLECTION) != before_collection)
		return false;
	if (snap_load(&s, t, &none, number))
		return false;
	complete = s.complete;
	snap_free(&s);
	t->damages = damages;	/* whoever loads it will note them again */
	t->truncated = truncated;
	return complete;
}

uint32_t snap_newest(struct trace *t, const struct defs *d)
{
	for (int before_collection = 0; before_collection < 2; before_collection++)
		for (uint32_t i = t->snapshots; i-- > 0; )
			if (is_newest(t, d, t->snapshot[i].number, before_collection))
				return t->snapshot[i].number;
	return 0;
}

struct text snap_string(const struct snap *s, uint32_t row)
{
	return row < s->strings ? s->string[row] : (struct text){ "", 0 };
}

bool snap_named(enum ouro_edge_name name)
{
	switch (name) {
	case OURO_EDGE_KEY:
	case OURO_EDGE_KEYREPR:
	case OURO_EDGE_DICTKEY:
	case OURO_EDGE_ATTR:
	case OURO_EDGE_SLOT:
	case OURO_EDGE_FIELD:
	case OURO_EDGE_CELL:
	case OURO_EDGE_LOCAL:
		return true;
	default:
		return false;
	}
}
