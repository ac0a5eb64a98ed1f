/*
 * trace_writer.h - traces for tests, from a script
 *
 *	struct trace_writer w = { 0 };
 *	write_trace(&w, "alloc a 64 main>work; free a");
 *	trace_open_memory(&t, w.bytes, w.size, NULL);
 *	...
 *	writer_fini(&w);
 *
 * Statements are parted by `;` or newlines; w.ticks goes on by one with each event.
 * ADDR is a letter (a: 0x100000, b: 0x200000, ...) with an offset, maybe:
 * `a+16`; or a number.  STACK is native frames from the outside in, then the
 * interpreter's: `main>eval>f|!run:3>go:7`.  A native whose name begins with eval
 * lies in the evaluator, with guest in libouro.so; `cut` and `lost` are marks.
 * `!` says that a line is an entry; `go:7=x` that the result goes to x.
 *
 *   thread N                       go on in stream N (1)
 *   at TICKS                       the next event's time
 *   chunk                          begin another chunk of this stream
 *   alloc ADDR SIZE [STACK]        also: palloc, place, pplace
 *   free ADDR                      also: pfree, release, prelease, death
 *   pbirth ADDR SIZE OFFSET TYPE [STACK]
 *   birth ADDR TYPE [STACK]        +TYPE: of runtime 1, whose references are told
 *   reference ADDR WHAT OPERAND [STACK]      WHAT: enum ouro_reference
 *   hold HOLDER HELD NAME HOW [STACK]        HOW: enum ouro_hold
 *   unhold HOLDER HELD
 *   incref ADDR N [STACK]          also: decref
 *   repeat N                       a REPEAT of the last two of these
 *   row ADDR SIZE FLAGS OFFSET TYPE [STACK]   of a ring: it lived before (size 0: alone)
 *   node-under PARENT STACK-ITEM   of a ring: a node of stacks that no row has
 *   applied                        of a ring: what this stream wrote so far is in the rows
 *   collect GENERATION, collected N, ready, exiting, snapshot N, mark NAME
 *   runtime NAME                   a definition: it is recorded
 *   told GENERATION CAUSE FREED EXAMINED KEPT RUNS [TOOK [CPU]]   just before collected; CPU: ns + 1
 *   statistics COLLECTIONS FREED   the runtime's own, of generation 0
 *   snap N                         what follows goes to snapshot stream N
 *   node ADDR TYPE SIZE COUNT [FLAGS [GENERATION [LABEL]]]
 *   edge ADDR NAME [OPERAND]       NAME: index, attr, ..., a leading ? or & for MAYBE,
 *BORROWED root ADDR KIND [WHAT [FUNCTION [FILE [LINE]]]] word ADDR REGION WHERE note
 *TEXT, more, end
 */
#ifndef TRACE_WRITER_H
#define TRACE_WRITER_H

#include <assert.h>
#include <ouro/define.h>
#include <ouro/living.h>
#include <ouro/record.h>
#include <ouro/snapshot.h>
#include <ouro/trace.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITER_STREAMS 16		/* events 1 to 7, snapshots 8 + number       */
#define WRITER_DEPTH   256
#define WRITER_NAMES   512

struct writer_stream {
	uint64_t chunk;			/* offset of the one in use; 0: none         */
	uint64_t seq, ticks, addr;
	uint32_t stack[2][WRITER_DEPTH];
	unsigned depth[2];
	struct ouro_recent recent;
	unsigned nodes, edges, roots, strings, types;
	char *string[WRITER_NAMES], *type[WRITER_NAMES];
};

struct trace_writer {
	uint8_t *bytes;
	size_t size;
	uint32_t chunk_size;		/* OURO_CHUNK_SIZE unless set before         */
	uint32_t header_size;		/* OURO_HEADER_SIZE unless set before        */
	uint32_t state;			/* EXITED unless set before                  */
	uint64_t ticks;
	unsigned current;		/* stream                                    */
	struct writer_stream stream[WRITER_STREAMS];
	uint64_t defs_chunk, defs_seq;
	uint64_t rows_chunk, nodes_chunk;	/* offsets; 0: none yet              */
	uint32_t nodes;
	unsigned defs_used;
	char *name[8][WRITER_NAMES];	/* by kind of number: what has which         */
	unsigned names[8];
};

static inline struct ouro_file *writer_head(struct trace_writer *w)
{
	return (struct ouro_file *)w->bytes;
}

static inline struct ouro_chunk *writer_chunk(struct trace_writer *w, uint64_t offset)
{
	return (struct ouro_chunk *)(w->bytes + offset);
}

static inline void writer_begin(struct trace_writer *w)
{
	struct ouro_file *h;

	if (w->bytes)
		return;
	w->chunk_size = w->chunk_size ? w->chunk_size : OURO_CHUNK_SIZE;
	w->header_size = w->header_size ? w->header_size : OURO_HEADER_SIZE;
	w->size = w->header_size;
	w->bytes = (uint8_t *)calloc(1, w->size);
	assert(w->bytes);
	h = writer_head(w);
	*h = (struct ouro_file){ .format = OURO_FORMAT,
		.header_size = w->header_size,
		.chunk_size = w->chunk_size,
		.id = 1,
		.pid = 1,
		.clock = OURO_CLOCK_MONOTONIC,
		.state = w->state ? w->state : OURO_STATE_EXITED,
		.end = w->header_size };
	memcpy(h->magic, OURO_MAGIC, sizeof(h->magic));
	w->current = 1;
	w->ticks = w->ticks ? w->ticks : 1;
}

static inline void writer_fini(struct trace_writer *w)
{
	for (int s = 0; s < WRITER_STREAMS; s++)
		for (int i = 0; i < WRITER_NAMES; i++) {
			free(w->stream[s].string[i]);
			free(w->stream[s].type[i]);
		}
	for (int k = 0; k < 8; k++)
		for (unsigned i = 0; i < w->names[k]; i++)
			free(w->name[k][i]);
	free(w->bytes);
	*w = (struct trace_writer){ 0 };
}

static inline uint64_t writer_new_chunk(
	struct trace_writer *w, unsigned kind, uint32_t stream, uint64_t seq)
{
	uint64_t offset = w->size;

	w->bytes = (uint8_t *)realloc(w->bytes, w->size + w->chunk_size);
	assert(w->bytes);
	memset(w->bytes + offset, 0, w->chunk_size);
	w->size += w->chunk_size;
	writer_head(w)->end = w->size;
	*writer_chunk(w, offset) = (struct ouro_chunk){ .magic = OURO_CHUNK_MAGIC,
		.kind = (uint16_t)kind, .stream = stream, .thread = stream, .seq = seq,
		.ticks = w->ticks, .ns = w->ticks };
	return offset;
}

/* --- definitions ------------------------------------------------------------------- */

/* A definition whose fixed part is `def`, and what follows it. */
static inline void writer_define(struct trace_writer *w, unsigned kind, unsigned flags,
	void *def, size_t fixed, const void *rest, size_t length)
{
	size_t size = (fixed + length + 7) / 8 * 8;
	struct ouro_def head = { (uint32_t)size, (uint16_t)kind, (uint16_t)flags };
	uint8_t *p;

	writer_begin(w);
	if (!w->defs_chunk ||
	    w->defs_used + size > w->chunk_size - sizeof(struct ouro_chunk)) {
		w->defs_chunk = writer_new_chunk(w, OURO_CHUNK_DEFS, 0, w->defs_seq++);
		w->defs_used = 0;
	}
	memcpy(def, &head, sizeof(head));
	p = w->bytes + w->defs_chunk + sizeof(struct ouro_chunk) + w->defs_used;
	memcpy(p, def, fixed);
	if (length)
		memcpy(p + fixed, rest, length);
	w->defs_used += (unsigned)size;
	writer_chunk(w, w->defs_chunk)->used = w->defs_used;
}

/* The number of a name within its kind; *ret_new when it has just been given. */
static inline uint32_t writer_number(
	struct trace_writer *w, unsigned kind, const char *name, bool *ret_new)
{
	unsigned n = w->names[kind];

	for (unsigned i = 0; i < n; i++)
		if (!strcmp(w->name[kind][i], name)) {
			*ret_new = false;
			return i + 1;
		}
	assert(n < WRITER_NAMES);
	w->name[kind][w->names[kind]++] = strdup(name);
	*ret_new = true;
	return n + 1;
}

static inline uint32_t writer_string(struct trace_writer *w, const char *text)
{
	bool fresh;
	uint32_t id = *text ? writer_number(w, OURO_DEF_STRING, text, &fresh) : 0;
	struct ouro_def_string def = { .id = id, .length = (uint32_t)strlen(text) };

	if (id && fresh)
		writer_define(w, OURO_DEF_STRING, 0, &def, sizeof(def), text, def.length);
	return id;
}

static inline uint32_t writer_type(struct trace_writer *w, const char *name)
{
	bool fresh;
	uint32_t id = writer_number(w, OURO_DEF_TYPE, name, &fresh);
	unsigned runtime = *name == '+';
	struct ouro_def_type def = { .id = id, .name = writer_string(w, name + runtime),
		.address = 0x900000 + id * 64 };

	if (fresh)
		writer_define(w, OURO_DEF_TYPE, runtime, &def, sizeof(def), NULL, 0);
	return id;
}

/*
 * All natives of a test live in three files: app, libpy.so (the evaluator) and
 * libouro.so.
 */
static inline uint32_t writer_module(
	struct trace_writer *w, const char *path, uint64_t start)
{
	bool fresh;
	uint32_t id = writer_number(w, OURO_DEF_MODULE, path, &fresh);
	struct ouro_def_module def = { .id = id, .path = writer_string(w, path),
		.start = start, .end = start + 0x100000, .bias = start };

	if (fresh)
		writer_define(w, OURO_DEF_MODULE, 0, &def, sizeof(def), NULL, 0);
	return id;
}

#define WRITER_LOCATION 0		/* natives and lines share their numbers     */

static inline uint32_t writer_native(struct trace_writer *w, const char *name)
{
	struct ouro_def_native def;
	struct ouro_def_eval eval = { .start = 0x20000000, .end = 0x20100000 };
	uint64_t start = 0x10000000;
	const char *path = "/bin/app";
	bool fresh;
	uint32_t id;

	if (!strcmp(name, "cut"))
		return OURO_LOC_CUT;
	if (!strcmp(name, "lost"))
		return OURO_LOC_LOST;
	id = writer_number(w, WRITER_LOCATION, name, &fresh) - 1 + OURO_LOC_FIRST;
	if (!fresh)
		return id;
	if (!strncmp(name, "eval", 4)) {
		path = "/lib/libpy.so";
		start = 0x20000000;
		writer_define(w, OURO_DEF_EVAL, 0, &eval, sizeof(eval), NULL, 0);
	} else if (!strncmp(name, "guest", 5)) {
		path = "/lib/libouro.so";
		start = 0x30000000;
	}
	def = (struct ouro_def_native){ .id = id, .module = writer_module(w, path, start),
		.address = start + id * 16 };
	writer_define(w, OURO_DEF_NATIVE, 0, &def, sizeof(def), NULL, 0);
	return id;
}

/* "go:7=x", with a "!" before when it is an entry */
static inline uint32_t writer_line(struct trace_writer *w, const char *name)
{
	struct ouro_def_line def = { .def.size = 0 };
	struct ouro_def_code code = { .def.size = 0 };
	char function[64] = "", variable[64] = "";
	unsigned line = 0, entry = *name == '!';
	bool fresh, fresh_code;

	if (!strcmp(name, "cut"))
		return OURO_LOC_CUT;
	def.id = writer_number(w, WRITER_LOCATION, name, &fresh) - 1 + OURO_LOC_FIRST;
	if (!fresh)
		return def.id;
	sscanf(name + entry, "%63[^:=]:%u=%63s", function, &line, variable);
	def.code = code.id = writer_number(w, OURO_DEF_CODE, function, &fresh_code);
	if (fresh_code) {
		code.name = code.qualname = writer_string(w, function);
		code.file = writer_string(w, "/src/test.py");
		code.line = 1;
		writer_define(w, OURO_DEF_CODE, 0, &code, sizeof(code), NULL, 0);
	}
	def.line = line;
	def.name = writer_string(w, variable);
	writer_define(w, OURO_DEF_LINE, entry ? OURO_LINE_ENTRY : 0, &def, sizeof(def),
		NULL, 0);
	return def.id;
}

/* --- events ------------------------------------------------------------------------ */

static inline uint64_t writer_address(const char *s)
{
	unsigned long long v;
	char *end;

	if (*s >= 'a' && *s <= 'z') {
		v = (unsigned long long)(*s - 'a' + 1) << 20;
		return s[1] ? v + strtoull(s + 2, NULL, 0) : v;
	}
	v = strtoull(s, &end, 0);
	assert(!*end);
	return v;
}

static inline uint8_t *writer_delta(uint8_t *p, struct ouro_recent *recent, uint32_t *old,
	unsigned *depth, const uint32_t *want, unsigned n)
{
	unsigned same = 0, pop, push;

	while (same < n && same < *depth && old[same] == want[same])
		same++;
	pop = *depth - same;
	push = n - same;
	*p++ = (uint8_t)((pop < 15 ? pop : 15) << 4 | (push < 15 ? push : 15));
	if (pop >= 15)
		p = ouro_put_varint(p, pop - 15);
	if (push >= 15)
		p = ouro_put_varint(p, push - 15);
	for (unsigned i = same; i < n; i++)
		p = ouro_put_location(p, recent, want[i]);
	memcpy(old, want, n * sizeof(*old));
	*depth = n;
	return p;
}

static inline unsigned writer_frames(struct trace_writer *w, char *list, uint32_t *ret,
	uint32_t (*number)(struct trace_writer *, const char *))
{
	char *save = NULL;
	unsigned n = 0;

	for (char *s = strtok_r(list, ">", &save); s; s = strtok_r(NULL, ">", &save)) {
		assert(n < WRITER_DEPTH);
		ret[n++] = number(w, s);
	}
	return n;
}

static inline void writer_append(struct trace_writer *w, unsigned stream, unsigned kind,
	uint32_t number, const uint8_t *bytes, size_t size)
{
	struct ouro_chunk *c;

	if (!w->stream[stream].chunk)
		w->stream[stream].chunk =
			writer_new_chunk(w, kind, number, w->stream[stream].seq++);
	c = writer_chunk(w, w->stream[stream].chunk);
	assert(c->used + size <= w->chunk_size - sizeof(*c));
	memcpy((uint8_t *)(c + 1) + c->used, bytes, size);
	c->used += (uint32_t)size;
}

/* --- rings ------------------------------------------------------------------------- */

/* Behind what the chunk at *offset has, which is made when there is none yet. */
static inline void writer_put(struct trace_writer *w, uint64_t *offset, unsigned kind,
	const void *from, size_t size)
{
	struct ouro_chunk *c;

	writer_head(w)->flags |= OURO_FILE_RING;
	if (!*offset)
		*offset = writer_new_chunk(w, kind, 0, 0);
	c = writer_chunk(w, *offset);
	assert(c->used + size <= w->chunk_size - sizeof(*c));
	memcpy((uint8_t *)(c + 1) + c->used, from, size);
	c->used += (uint32_t)size;
}

static inline uint32_t writer_node_under(struct trace_writer *w, uint32_t parent, uint32_t location)
{
	struct ouro_stack_node node = { parent, location };

	writer_put(w, &w->nodes_chunk, OURO_CHUNK_STACKS, &node, sizeof(node));
	return ++w->nodes;
}

static inline uint32_t writer_list(struct trace_writer *w, char *list,
	uint32_t (*number)(struct trace_writer *, const char *))
{
	uint32_t location[WRITER_DEPTH], node = 0;
	unsigned n = writer_frames(w, list, location, number);

	for (unsigned i = 0; i < n; i++)
		node = writer_node_under(w, node, location[i]);
	return node;
}

static inline void writer_row(struct trace_writer *w, char **word)
{
	struct ouro_living row = { .addr = writer_address(word[1]), .ticks = w->ticks++,
		.size = strtoull(word[2], NULL, 0),
		.flags = (uint16_t)strtoul(word[3], NULL, 0),
		.object = (uint16_t)strtoul(word[4], NULL, 0),
		.type = *word[5] ? writer_type(w, word[5]) : 0 };
	char *interp = strchr(word[6], '|');

	if (interp)
		*interp++ = 0;
	row.native = writer_list(w, word[6], writer_native);
	row.interp = interp ? writer_list(w, interp, writer_line) : 0;
	writer_put(w, &w->rows_chunk, OURO_CHUNK_LIVING, &row, sizeof(row));
}

static inline void writer_applied(struct trace_writer *w)
{
	struct ouro_chunk *c = writer_chunk(w, w->stream[w->current].chunk);

	c->applied[0] = (struct ouro_applied){ 1, c->used };
	writer_head(w)->ring_step = 1;
	writer_head(w)->flags |= OURO_FILE_RING;
}

static inline void writer_leave_chunk(struct trace_writer *w, unsigned stream)
{
	struct writer_stream *s = &w->stream[stream];

	s->chunk = s->addr = 0;
	s->depth[0] = s->depth[1] = 0;
	memset(&s->recent, 0, sizeof(s->recent));
}

static inline void writer_event(struct trace_writer *w, unsigned kind, uint64_t addr,
	uint64_t arg, const char *stack, const uint8_t *tail, size_t tail_size)
{
	struct writer_stream *s = &w->stream[w->current];
	uint8_t record[4096], *p = record + 2;
	uint32_t want[2][WRITER_DEPTH];
	unsigned n[2] = { 0, 0 }, form = OURO_STACK_NONE;
	char text[2048] = "", *bar;
	uint64_t dt, zig;
	unsigned codes[3];

	writer_begin(w);
	if (stack &&
	    *stack) { /* names are defined before the record, in their own chunk */
		snprintf(text, sizeof(text), "%s", stack);
		bar = strchr(text, '|');
		if (bar)
			*bar++ = 0;
		n[0] = writer_frames(w, text, want[0], writer_native);
		n[1] = bar ? writer_frames(w, bar, want[1], writer_line) : 0;
		form = OURO_STACK_BOTH;
	}
	if (!s->chunk) {
		writer_append(w, w->current, OURO_CHUNK_EVENTS, w->current, record, 0);
		s->ticks = w->ticks;
	}
	dt = w->ticks - s->ticks;
	zig = ouro_zigzag((int64_t)(addr - s->addr) / 8);
	codes[0] = ouro_code_for(dt);
	codes[1] = ouro_code_for(zig);
	codes[2] = ouro_code_for(arg);
	record[0] = (uint8_t)OURO_HEAD(kind, codes[0], codes[1], codes[2], form);
	record[1] = (uint8_t)(OURO_HEAD(kind, codes[0], codes[1], codes[2], form) >> 8);
	memcpy(p, &dt, 8);
	p += ouro_code_bytes(codes[0]);
	memcpy(p, &zig, 8);
	p += ouro_code_bytes(codes[1]);
	memcpy(p, &arg, 8);
	p += ouro_code_bytes(codes[2]);
	for (int i = 0; i < 2 && form == OURO_STACK_BOTH; i++)
		p = writer_delta(p, &s->recent, s->stack[i], &s->depth[i], want[i], n[i]);
	if (tail_size)
		memcpy(p, tail, tail_size);
	p += tail_size;
	writer_append(w, w->current, OURO_CHUNK_EVENTS, w->current, record,
		(size_t)(p - record));
	s->ticks = w->ticks++;
	s->addr = addr;
}

static inline void writer_ext(struct trace_writer *w, unsigned ext, uint64_t arg)
{
	uint8_t tail[2 * OURO_VARINT_MAX];
	uint8_t *p = ouro_put_varint(ouro_put_varint(tail, ext), arg);

	writer_event(
		w, OURO_EXT, 0, (uint64_t)(p - tail), NULL, tail, (size_t)(p - tail));
}

static inline void writer_numbers(struct trace_writer *w, unsigned ext, const uint64_t *v,
	unsigned n)
{
	uint8_t tail[20 * OURO_VARINT_MAX];
	uint8_t *p = ouro_put_varint(tail, ext);

	for (unsigned i = 0; i < n; i++)
		p = ouro_put_varint(p, v[i]);
	writer_event(
		w, OURO_EXT, 0, (uint64_t)(p - tail), NULL, tail, (size_t)(p - tail));
}

/* One that is about an object: its address, numbers, maybe a stack. */
static inline void writer_about(struct trace_writer *w, unsigned ext, const char *about,
	const uint64_t *v, unsigned n, const char *stack)
{
	uint8_t tail[8 * OURO_VARINT_MAX];
	uint8_t *p = ouro_put_varint(tail, ext);

	for (unsigned i = 0; i < n; i++)
		p = ouro_put_varint(p, v[i]);
	writer_event(w, OURO_EXT, writer_address(about), (uint64_t)(p - tail), stack, tail,
		(size_t)(p - tail));
}

static inline bool writer_reference_statement(struct trace_writer *w, char **word)
{
	if (!strcmp(word[0], "reference"))
		writer_about(w, OURO_EXT_REFERENCE, word[1], (uint64_t[]){
			strtoull(word[2], NULL, 0), *word[3] ? writer_address(word[3]) : 0 },
			2, word[4]);
	else if (!strcmp(word[0], "hold"))
		writer_about(w, OURO_EXT_EDGE, word[1], (uint64_t[]){
			writer_address(word[2]) / 8, writer_string(w, word[3]),
			strtoull(word[4], NULL, 0) }, 3, word[5]);
	else if (!strcmp(word[0], "unhold"))
		writer_about(w, OURO_EXT_UNEDGE, word[1], (uint64_t[]){
			writer_address(word[2]) / 8 }, 1, NULL);
	else
		return false;
	return true;
}

static inline void writer_told(struct trace_writer *w, char **word)
{
	uint64_t v[OURO_COLLECTED_FIELDS] = {
		[OURO_COLLECTED_GENERATION] = strtoull(word[1], NULL, 0),
		[OURO_COLLECTED_CAUSE] = strtoull(word[2], NULL, 0),
		[OURO_COLLECTED_FREED] = strtoull(word[3], NULL, 0),
		[OURO_COLLECTED_EXAMINED] = strtoull(word[4], NULL, 0),
		[OURO_COLLECTED_KEPT] = strtoull(word[5], NULL, 0),
		[OURO_COLLECTED_RUNS] = strtoull(word[6], NULL, 0),
		[OURO_COLLECTED_TOOK] = strtoull(word[7], NULL, 0),
		[OURO_COLLECTED_CPU] = strtoull(word[8], NULL, 0),
	};

	writer_numbers(w, OURO_EXT_COLLECTED, v, OURO_COLLECTED_FIELDS);
}

static inline void writer_statistics(struct trace_writer *w, char **word)
{
	uint64_t v[9] = { strtoull(word[1], NULL, 0), strtoull(word[2], NULL, 0) };

	writer_numbers(w, OURO_EXT_COLLECTOR, v, 9);
}

static inline void writer_runtime(struct trace_writer *w, const char *name)
{
	struct ouro_def_runtime r = { .name = writer_string(w, name),
		.state = OURO_RUNTIME_ACTIVE };

	writer_define(w, OURO_DEF_RUNTIME, 0, &r, sizeof(r), NULL, 0);
}

static inline void writer_birth(struct trace_writer *w, uint64_t block, uint64_t size,
	uint64_t offset, const char *type, const char *stack)
{
	uint8_t tail[2 * OURO_VARINT_MAX];
	uint8_t *p =
		ouro_put_varint(ouro_put_varint(tail, offset / 8), writer_type(w, type));

	writer_event(w, OURO_POOL_BIRTH, block, size, stack, tail, (size_t)(p - tail));
}

/* --- snapshots --------------------------------------------------------------------- */

static inline unsigned writer_keyword(const char *name, const char *const *list)
{
	for (unsigned i = 0; list[i]; i++)
		if (!strcmp(list[i], name))
			return i;
	fprintf(stderr, "trace_writer: %s is no keyword here\n", name);
	abort();
}

static const char *const writer_edge_names[] = { "other", "index", "key", "keyrepr",
	"dictkey", "attr", "slot", "field", "cell", "content", "local", "stack", "member",
	"class", "dict", "referent", "offset", "const", "argument", NULL };
static const char *const writer_root_kinds[] = { "?", "local", "stack", "frame", "thread",
	"interp", "static", "pending", NULL };
static const char *const writer_regions[] = { "?", "data", "heap", "stack", NULL };

static inline void writer_snap(
	struct trace_writer *w, const uint8_t *bytes, const uint8_t *end)
{
	writer_append(w, w->current, OURO_CHUNK_SNAPSHOT, w->current - 8, bytes,
		(size_t)(end - bytes));
}

static inline uint8_t *writer_zigzag(struct trace_writer *w, uint8_t *p, uint64_t addr)
{
	struct writer_stream *s = &w->stream[w->current];

	/*
	 * A chunk that is begun by this very record starts from 0, as after leave_chunk.

	 */
	p = ouro_put_varint(p, ouro_zigzag((int64_t)(addr - s->addr) / 8));
	s->addr = addr;
	return p;
}

static inline uint32_t writer_snap_string(struct trace_writer *w, const char *text)
{
	struct writer_stream *s = &w->stream[w->current];
	uint8_t buffer[1024], *p = buffer;
	unsigned i = 0;

	if (!text || !*text)
		return 0;
	for (; i < s->strings; i++)
		if (!strcmp(s->string[i], text))
			return i + 1;
	assert(i < WRITER_NAMES);
	s->string[s->strings++] = strdup(text);
	*p++ = OURO_SNAP_STRING;
	p = ouro_put_varint(p, strlen(text));
	memcpy(p, text, strlen(text));
	writer_snap(w, buffer, p + strlen(text));
	return i + 1;
}

static inline uint32_t writer_snap_type(struct trace_writer *w, const char *name)
{
	struct writer_stream *s = &w->stream[w->current];
	uint8_t buffer[64], *p = buffer;
	unsigned i = 0;
	uint32_t string;

	for (; i < s->types; i++)
		if (!strcmp(s->type[i], name))
			return i + 1;
	assert(i < WRITER_NAMES);
	string = writer_snap_string(w, name);
	s->type[s->types++] = strdup(name);
	*p++ = OURO_SNAP_TYPE;
	p = writer_zigzag(w, p, 0x900000 + (i + 1) * 64);
	p = ouro_put_varint(p, string);
	p = ouro_put_varint(p, OURO_TYPE_GC);
	p = ouro_put_varint(p, 32);
	p = ouro_put_varint(p, 0);
	writer_snap(w, buffer, p);
	return i + 1;
}

/* Words of one statement; a missing one is "". */
static inline void writer_node(struct trace_writer *w, char **word)
{
	uint32_t type = writer_snap_type(w, word[2]),
		 label = writer_snap_string(w, word[7]);
	uint8_t buffer[128], *p = buffer;

	*p++ = OURO_SNAP_NODE;
	p = writer_zigzag(w, p, writer_address(word[1]));
	p = ouro_put_varint(p, type);
	for (int i = 3; i < 7; i++)
		p = ouro_put_varint(p, strtoull(word[i], NULL, 0));
	p = ouro_put_varint(p, label);
	writer_snap(w, buffer, p);
	w->stream[w->current].nodes++;
}

static inline void writer_edge(struct trace_writer *w, char **word)
{
	const char *name = word[2];
	unsigned flags = *name == '?' ? OURO_EDGE_MAYBE
		: *name == '&'	      ? OURO_EDGE_BORROWED
				      : 0;
	unsigned kind = writer_keyword(name + !!flags, writer_edge_names);
	uint64_t operand = 0;
	uint8_t buffer[64], *p = buffer;
	bool has = *word[3];

	if (has)
		operand = word[3][0] >= '0' && word[3][0] <= '9'
			? strtoull(word[3], NULL, 0)
			: writer_snap_string(w, word[3]);
	*p++ = OURO_SNAP_EDGE;
	p = writer_zigzag(w, p, writer_address(word[1]));
	*p++ = (uint8_t)(kind | flags << 5);
	if (has)
		p = ouro_put_varint(p, operand);
	writer_snap(w, buffer, p);
	w->stream[w->current].edges++;
}

static inline void writer_root(struct trace_writer *w, char **word)
{
	uint32_t what = writer_snap_string(w, word[3]),
		 function = writer_snap_string(w, word[4]);
	uint32_t source = writer_snap_string(w, word[5]);
	uint8_t buffer[128], *p = buffer;

	*p++ = OURO_SNAP_ROOT;
	p = writer_zigzag(w, p, writer_address(word[1]));
	*p++ = (uint8_t)writer_keyword(word[2], writer_root_kinds);
	p = ouro_put_varint(p, 0);
	p = ouro_put_varint(p, what);
	p = ouro_put_varint(p, function);
	p = ouro_put_varint(p, source);
	p = ouro_put_varint(p, strtoull(word[6], NULL, 0));
	p = ouro_put_varint(p, 0);
	p = ouro_put_varint(p, 0);
	writer_snap(w, buffer, p);
	w->stream[w->current].roots++;
}

static inline void writer_word(struct trace_writer *w, char **word)
{
	uint8_t buffer[64], *p = buffer;

	*p++ = OURO_SNAP_WORD;
	p = writer_zigzag(w, p, writer_address(word[1]));
	*p++ = (uint8_t)writer_keyword(word[2], writer_regions);
	p = ouro_put_varint(p, writer_address(word[3]));
	writer_snap(w, buffer, p);
}

static inline void writer_end(struct trace_writer *w)
{
	struct writer_stream *s = &w->stream[w->current];
	uint8_t buffer[64], *p = buffer;

	*p++ = OURO_SNAP_END;
	p = ouro_put_varint(p, s->nodes);
	p = ouro_put_varint(p, s->edges);
	p = ouro_put_varint(p, s->roots);
	p = ouro_put_varint(p, 1234);
	writer_snap(w, buffer, p);
}

/* --- the script -------------------------------------------------------------------- */

static inline bool writer_snap_statement(struct trace_writer *w, char **word)
{
	uint8_t buffer[32], *p = buffer;
	uint32_t string;

	if (!strcmp(word[0], "snap"))
		w->current = 8 + (unsigned)atoi(word[1]);
	else if (!strcmp(word[0], "node"))
		writer_node(w, word);
	else if (!strcmp(word[0], "edge"))
		writer_edge(w, word);
	else if (!strcmp(word[0], "root"))
		writer_root(w, word);
	else if (!strcmp(word[0], "word"))
		writer_word(w, word);
	else if (!strcmp(word[0], "end"))
		writer_end(w);
	else if (!strcmp(word[0], "more")) {
		*p++ = OURO_SNAP_MORE;
		writer_snap(w, buffer, p);
	} else if (!strcmp(word[0], "note")) {
		string = writer_snap_string(w, word[1]);
		*p++ = OURO_SNAP_NOTE;
		p = ouro_put_varint(p, string);
		writer_snap(w, buffer, p);
	} else
		return false;
	return true;
}

static inline bool writer_kind_statement(struct trace_writer *w, char **word)
{
	static const struct {
		const char *name;
		unsigned kind;
	} kinds[] = {
		{ "alloc", OURO_ALLOC },
		{ "free", OURO_FREE },
		{ "release", OURO_RELEASE },
		{ "place", OURO_PLACE },
		{ "palloc", OURO_POOL_ALLOC },
		{ "pfree", OURO_POOL_FREE },
		{ "prelease", OURO_POOL_RELEASE },
		{ "pplace", OURO_POOL_PLACE },
		{ "death", OURO_DEATH },
		{ "incref", OURO_INCREF },
		{ "decref", OURO_DECREF },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(word[0], kinds[i].name)) {
			writer_event(w, kinds[i].kind, writer_address(word[1]),
				strtoull(word[2], NULL, 0), word[3], NULL, 0);
			return true;
		}
	return false;
}

static inline void writer_statement(struct trace_writer *w, char **word)
{
	uint64_t n = *word[1] >= '0' && *word[1] <= '9' ? strtoull(word[1], NULL, 0) : 0;

	if (writer_snap_statement(w, word) || writer_kind_statement(w, word) ||
	    writer_reference_statement(w, word))
		return;
	if (!strcmp(word[0], "thread"))
		w->current = (unsigned)n;
	else if (!strcmp(word[0], "at"))
		w->ticks = n;
	else if (!strcmp(word[0], "chunk"))
		writer_leave_chunk(w, w->current);
	else if (!strcmp(word[0], "row"))
		writer_row(w, word);
	else if (!strcmp(word[0], "node-under"))
		writer_node_under(w, (uint32_t)n, (uint32_t)strtoul(word[2], NULL, 0));
	else if (!strcmp(word[0], "applied"))
		writer_applied(w);
	else if (!strcmp(word[0], "pbirth"))
		writer_birth(w, writer_address(word[1]), strtoull(word[2], NULL, 0),
			strtoull(word[3], NULL, 0), word[4], word[5]);
	else if (!strcmp(word[0], "birth"))
		writer_event(w, OURO_BIRTH, writer_address(word[1]),
			writer_type(w, word[2]), word[3], NULL, 0);
	else if (!strcmp(word[0], "repeat"))
		writer_event(w, OURO_REPEAT, 0, n, NULL, NULL, 0);
	else if (!strcmp(word[0], "collect"))
		writer_event(w, OURO_COLLECT, 0, n, word[2], NULL, 0);
	else if (!strcmp(word[0], "collected"))
		writer_event(w, OURO_COLLECTED, 0, n, NULL, NULL, 0);
	else if (!strcmp(word[0], "told"))
		writer_told(w, word);
	else if (!strcmp(word[0], "statistics"))
		writer_statistics(w, word);
	else if (!strcmp(word[0], "runtime"))
		writer_runtime(w, word[1]);
	else if (!strcmp(word[0], "ready"))
		writer_ext(w, OURO_EXT_READY, 0);
	else if (!strcmp(word[0], "exiting"))
		writer_ext(w, OURO_EXT_EXITING, 0);
	else if (!strcmp(word[0], "snapshot"))
		writer_ext(w, OURO_EXT_SNAPSHOT, n);
	else if (!strcmp(word[0], "mark"))
		writer_ext(w, OURO_EXT_MARK, writer_string(w, word[1]));
	else if (!strcmp(word[0], "hash"))
		writer_ext(w, OURO_EXT_STACK, n);
	else {
		fprintf(stderr, "trace_writer: %s is no statement\n", word[0]);
		abort();
	}
}

static inline void write_trace(struct trace_writer *w, const char *script)
{
	char *copy = strdup(script), *save = NULL, *inner;

	writer_begin(w);
	for (char *s = strtok_r(copy, ";\n", &save); s;
		s = strtok_r(NULL, ";\n", &save)) {
		char *word[9] = { "", "", "", "", "", "", "", "", "" };
		unsigned n = 0;

		inner = NULL;
		for (char *p = strtok_r(s, " \t", &inner); p;
			p = strtok_r(NULL, " \t", &inner)) {
			assert(n < 9);
			word[n++] = p;
		}
		if (n)
			writer_statement(w, word);
	}
	free(copy);
}

#endif
