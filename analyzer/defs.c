/*
 * defs.c - the definition tables: read them, then find what is the same
 */
#include "defs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct range {
	uint64_t start, end;
};

struct defs_private {
	uint32_t limit;			/* no number of a sane file is as high       */
	uint32_t *code_same;
	struct range *eval;
	uint32_t evals;
};

/* One definition: a copy of its fixed part, and the bytes after that. */
struct raw {
	const struct trace_chunk *chunk;
	const uint8_t *bytes;
	uint32_t size, offset;
	uint16_t kind, flags;
};

/*
 * More are nonsense; and what is done with each of these would take a stranger's file
 * forever.
 */
#define EVALS_MAX    256
#define RUNTIMES_MAX 4096

/* --- growing tables ---------------------------------------------------------------- */

/* Makes row `id` of a table by number exist; rows between are zeroes. */
static int reach(void **table, uint32_t *rows, size_t row_size, uint32_t id)
{
	uint32_t room =
		*rows ? 1u << (32 - __builtin_clz(*rows) - !(*rows & (*rows - 1))) : 0;
	uint32_t want = id + 1;
	void *p;

	if (want <= *rows)
		return 0;
	if (want > room) {
		for (room = room ? room : 16; room < want; )
			room *= 2;
		p = realloc(*table, room * row_size);
		if (!p)
			return -ENOMEM;
		*table = p;
	}
	memset((char *)*table + *rows * row_size, 0, (want - *rows) * row_size);
	*rows = want;
	return 0;
}

#define REACH(table, rows, id) reach((void **)&(table), &(rows), sizeof(*(table)), id)
#define APPEND(list, count) reach((void **)&(list), &(count), sizeof(*(list)), count)

/* --- reading ----------------------------------------------------------------------- */

static bool sane_id(struct defs *d, const struct raw *raw, uint32_t id, uint32_t first)
{
	if (id >= first && id < d->private->limit)
		return true;
	trace_damaged(d->trace, raw->chunk, "definition at byte %" PRIu32
		" (kind %u) has number %" PRIu32, raw->offset, raw->kind, id);
	return false;
}

/* The fixed part; false when the definition is too short for it. */
static bool take(struct defs *d, const struct raw *raw, void *ret, size_t size)
{
	if (raw->size >= size) {
		memcpy(ret, raw->bytes, size);
		return true;
	}
	trace_damaged(d->trace, raw->chunk,
		"definition at byte %" PRIu32 " (kind %u) has only %" PRIu32 " bytes",
		raw->offset, raw->kind, raw->size);
	return false;
}

static int read_string(struct defs *d, const struct raw *raw)
{
	struct ouro_def_string def;
	int r;

	if (!take(d, raw, &def, sizeof(def)) || !sane_id(d, raw, def.id, 1))
		return 0;
	if (def.length > raw->size - sizeof(def)) {
		trace_damaged(d->trace, raw->chunk,
			"string at byte %" PRIu32 " has %" PRIu32
			" bytes and is too short for them",
			raw->offset, def.length);
		return 0;
	}
	r = REACH(d->string, d->strings, def.id);
	if (!r)
		d->string[def.id] = (struct text){
			(const char *)raw->bytes + sizeof(def), def.length };
	return r;
}

/*
 * Paths of modules need their strings, which may come later: kept as ids until
 * link_all().
 */
static int read_module(struct defs *d, const struct raw *raw)
{
	struct ouro_def_module def;
	struct def_module *m;
	int r;

	if (!take(d, raw, &def, sizeof(def)) || !sane_id(d, raw, def.id, 1))
		return 0;
	r = REACH(d->module, d->modules, def.id);
	if (r)
		return r;
	m = &d->module[def.id];
	*m = (struct def_module){ .id = def.id, .start = def.start, .end = def.end,
		.bias = def.bias, .path = { NULL, def.path } };
	m->build_id = raw->bytes + offsetof(struct ouro_def_module, build_id);
	m->build_id_length =
		def.build_id_length <= sizeof(def.build_id) ? def.build_id_length : 0;
	return 0;
}

static int read_native(struct defs *d, const struct raw *raw)
{
	struct ouro_def_native def;
	int r;

	if (!take(d, raw, &def, sizeof(def)) || !sane_id(d, raw, def.id, OURO_LOC_FIRST))
		return 0;
	r = REACH(d->location, d->locations, def.id);
	if (!r)
		d->location[def.id] = (struct def_location){ .kind = LOCATION_NATIVE,
			.native = { .module = def.module, .address = def.address } };
	return r;
}

static int read_line(struct defs *d, const struct raw *raw)
{
	struct ouro_def_line def;
	int r;

	if (!take(d, raw, &def, sizeof(def)) || !sane_id(d, raw, def.id, OURO_LOC_FIRST))
		return 0;
	r = REACH(d->location, d->locations, def.id);
	if (!r)
		d->location[def.id] = (struct def_location){ .kind = LOCATION_LINE,
			.flags = raw->flags & OURO_LINE_ENTRY ? LOCATION_ENTRY : 0,
			.line = {
				.code = def.code, .line = def.line, .name = def.name } };
	return r;
}

static int read_code(struct defs *d, const struct raw *raw)
{
	struct ouro_def_code def;
	int r;

	if (!take(d, raw, &def, sizeof(def)) || !sane_id(d, raw, def.id, 1))
		return 0;
	r = REACH(d->code, d->codes, def.id);
	if (!r)
		d->code[def.id] = (struct def_code){ .name = { NULL, def.name },
			.line = def.line,
			.qualname = { NULL, def.qualname },
			.file = { NULL, def.file } };
	return r;
}

static int read_type(struct defs *d, const struct raw *raw)
{
	struct ouro_def_type def;
	int r;

	if (!take(d, raw, &def, sizeof(def)) || !sane_id(d, raw, def.id, 1))
		return 0;
	r = REACH(d->type, d->types, def.id);
	if (!r)
		d->type[def.id] = (struct def_type){ .name = { NULL, def.name },
			.address = def.address, .runtime = def.def.flags & OURO_TYPE_RUNTIME,
			.flags = def.def.flags };
	return r;
}

static int read_unload(struct defs *d, const struct raw *raw)
{
	struct ouro_def_unload def;

	if (!take(d, raw, &def, sizeof(def)))
		return 0;
	if (APPEND(d->unload, d->unloads))
		return -ENOMEM;
	d->unload[d->unloads - 1] = (struct def_unload){ def.module, def.ticks };
	return 0;
}

static int read_thread(struct defs *d, const struct raw *raw)
{
	struct ouro_def_thread def;

	if (!take(d, raw, &def, sizeof(def)))
		return 0;
	if (APPEND(d->thread, d->threads))
		return -ENOMEM;
	d->thread[d->threads - 1] = (struct def_thread){ .id = def.id, .tid = def.tid,
		.name = { NULL, def.name }, .ticks = def.ticks };
	return 0;
}

static int read_process(struct defs *d, const struct raw *raw)
{
	struct ouro_def_process def;
	struct text *argv;

	if (!take(d, raw, &def, sizeof(def)))
		return 0;
	if (def.argc > (raw->size - sizeof(def)) / sizeof(uint32_t)) {
		trace_damaged(d->trace, raw->chunk,
			"process at byte %" PRIu32 " has %" PRIu32
			" arguments and is too short for them",
			raw->offset, def.argc);
		def.argc = (uint32_t)((raw->size - sizeof(def)) / sizeof(uint32_t));
	}
	argv = calloc(def.argc + 1, sizeof(*argv));
	if (!argv)
		return -ENOMEM;
	for (uint32_t i = 0; i < def.argc; i++)
		memcpy(&argv[i].length, raw->bytes + sizeof(def) + i * sizeof(uint32_t),
			sizeof(uint32_t));
	free(d->argv);
	d->argv = argv;
	d->argc = def.argc;
	d->executable = (struct text){ NULL, def.executable };
	d->directory = (struct text){ NULL, def.directory };
	return 0;
}

static int read_runtime(struct defs *d, const struct raw *raw)
{
	struct ouro_def_runtime def;

	if (!take(d, raw, &def, sizeof(def)) || d->runtimes >= RUNTIMES_MAX)
		return 0;
	if (APPEND(d->runtime, d->runtimes))
		return -ENOMEM;
	d->runtime[d->runtimes - 1] = (struct def_runtime){ .name = { NULL, def.name },
		.version = { NULL, def.version },
		.reason = { NULL, def.reason },
		.state = def.state,
		.number = def.def.flags };
	return 0;
}

static int read_eval(struct defs *d, const struct raw *raw)
{
	struct ouro_def_eval def;

	if (!take(d, raw, &def, sizeof(def)) || d->private->evals >= EVALS_MAX)
		return 0;
	if (APPEND(d->private->eval, d->private->evals))
		return -ENOMEM;
	d->private->eval[d->private->evals - 1] = (struct range){ def.start, def.end };
	return 0;
}

static int read_note(struct defs *d, const struct raw *raw)
{
	struct ouro_def_note def;

	if (!take(d, raw, &def, sizeof(def)))
		return 0;
	if (APPEND(d->note, d->notes))
		return -ENOMEM;
	d->note[d->notes - 1] = (struct def_note){ .text = { NULL, def.text },
		.severity = def.severity, .ticks = def.ticks };
	return 0;
}

static int read_snapshot(struct defs *d, const struct raw *raw)
{
	struct ouro_def_snapshot def;

	if (!take(d, raw, &def, sizeof(def)))
		return 0;
	if (APPEND(d->snapshot, d->snapshots))
		return -ENOMEM;
	d->snapshot[d->snapshots - 1] = (struct def_snapshot){ .id = def.id,
		.reason = def.reason, .ticks = def.ticks };
	return 0;
}

/* Kinds we do not know are stepped over: a later ouro may define more than we use. */
static int read_definition(struct defs *d, const struct raw *raw)
{
	switch (raw->kind) {
	case OURO_DEF_STRING:	return read_string(d, raw);
	case OURO_DEF_MODULE:	return read_module(d, raw);
	case OURO_DEF_UNLOAD:	return read_unload(d, raw);
	case OURO_DEF_NATIVE:	return read_native(d, raw);
	case OURO_DEF_CODE:	return read_code(d, raw);
	case OURO_DEF_LINE:	return read_line(d, raw);
	case OURO_DEF_TYPE:	return read_type(d, raw);
	case OURO_DEF_THREAD:	return read_thread(d, raw);
	case OURO_DEF_PROCESS:	return read_process(d, raw);
	case OURO_DEF_RUNTIME:	return read_runtime(d, raw);
	case OURO_DEF_EVAL:	return read_eval(d, raw);
	case OURO_DEF_NOTE:	return read_note(d, raw);
	case OURO_DEF_SNAPSHOT:	return read_snapshot(d, raw);
	default:		return 0;
	}
}

/* Texts are ranges of what is read here: it stays. */
static int read_chunk(struct defs *d, const struct trace_chunk *chunk)
{
	struct trace_bytes b;
	struct ouro_def head;
	uint32_t at = 0, size;
	int r = trace_keep(d->trace, chunk, &b);

	if (r)
		return r;
	for (; b.used - at >= sizeof(head); at += size) {
		memcpy(&head, b.data + at, sizeof(head));
		if (!head.size)
			return 0;
		size = head.size & ~OURO_DEF_OPEN;
		if (size < sizeof(head) || size % 8 || size > b.used - at) {
			trace_damaged(d->trace, chunk,
				"definition at byte %" PRIu32 " has %" PRIu32 " bytes",
				at, size);
			return 0;
		}
		if (head.size & OURO_DEF_OPEN)
			continue;	/* its writer died in it, or is in it now */
		r = read_definition(d,
			&(struct raw){ .chunk = chunk,
				.bytes = b.data + at,
				.size = size,
				.offset = at,
				.kind = head.kind,
				.flags = head.flags });
		if (r)
			return r;
	}
	return 0;
}

/* --- linking: numbers of strings become strings ------------------------------------ */

/* Until now a text was a number without a string. */
static void resolve(const struct defs *d, struct text *t)
{
	*t = def_string(d, t->length);
}

static bool is_guest(struct text path)
{
	static const char name[] = "libouro.so";
	uint32_t n = sizeof(name) - 1;

	return path.length >= n && !memcmp(path.s + path.length - n, name, n) &&
		(path.length == n || path.s[path.length - n - 1] == '/');
}

static void link_all(struct defs *d)
{
	for (uint32_t i = 0; i < d->modules; i++) {
		resolve(d, &d->module[i].path);
		d->module[i].guest = is_guest(d->module[i].path);
	}
	for (uint32_t i = 0; i < d->codes; i++) {
		resolve(d, &d->code[i].name);
		resolve(d, &d->code[i].qualname);
		resolve(d, &d->code[i].file);
	}
	for (uint32_t i = 0; i < d->types; i++)
		resolve(d, &d->type[i].name);
	for (uint32_t i = 0; i < d->threads; i++)
		resolve(d, &d->thread[i].name);
	for (uint32_t i = 0; i < d->notes; i++)
		resolve(d, &d->note[i].text);
	for (uint32_t i = 0; i < d->argc; i++)
		resolve(d, &d->argv[i]);
	for (uint32_t i = 0; i < d->runtimes; i++) {
		resolve(d, &d->runtime[i].name);
		resolve(d, &d->runtime[i].version);
		resolve(d, &d->runtime[i].reason);
	}
	resolve(d, &d->executable);
	resolve(d, &d->directory);
}

static bool text_same(struct text a, struct text b)
{
	return a.length == b.length && (a.s == b.s || !memcmp(a.s, b.s, a.length));
}

/* Of one runtime the last word counts. */
static void keep_latest_runtimes(struct defs *d)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->runtimes; i++) {
		uint32_t j = 0;

		while (j < n && !text_same(d->runtime[j].name, d->runtime[i].name))
			j++;
		d->runtime[j] = d->runtime[i];
		n += j == n;
	}
	d->runtimes = n;
}

static void mark_natives(struct defs *d)
{
	const struct defs_private *p = d->private;

	for (uint32_t i = 0; i < d->locations; i++) {
		struct def_location *l = &d->location[i];
		const struct def_module *m;

		if (l->kind != LOCATION_NATIVE)
			continue;
		m = def_module(d, l->native.module);
		if (m && m->guest)
			l->flags |= LOCATION_GUEST;
		/* It returns to `address`: the call ends there. */
		for (uint32_t j = 0; j < p->evals; j++)
			if (l->native.address > p->eval[j].start &&
			    l->native.address <= p->eval[j].end)
				l->flags |= LOCATION_EVAL;
	}
}

/* --- what is the same -------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 32;
}

static uint64_t mix_text(uint64_t h, struct text t)
{
	for (uint32_t i = 0; i < t.length; i++)
		h = (h ^ (uint8_t)t.s[i]) * 0x100000001b3u;
	return mix(h, t.length);
}

static uint64_t code_hash(const struct defs *d, uint32_t i)
{
	const struct def_code *c = &d->code[i];

	return mix(
		mix_text(mix_text(mix_text(1, c->name), c->qualname), c->file), c->line);
}

static bool code_equal(const struct defs *d, uint32_t i, uint32_t j)
{
	const struct def_code *a = &d->code[i], *b = &d->code[j];

	return a->line == b->line && text_same(a->name, b->name) &&
		text_same(a->qualname, b->qualname) && text_same(a->file, b->file);
}

static uint32_t code_same(const struct defs *d, uint32_t id)
{
	return id < d->codes ? d->private->code_same[id] : id;
}

static uint64_t location_hash(const struct defs *d, uint32_t i)
{
	const struct def_location *l = &d->location[i];
	uint64_t h = mix(l->kind, l->flags);

	if (l->kind == LOCATION_NATIVE)
		return mix(mix(h, l->native.module), l->native.address);
	if (l->kind == LOCATION_LINE)
		return mix_text(mix(mix(h, code_same(d, l->line.code)), l->line.line),
			def_string(d, l->line.name));
	return mix(h, i);
}

static bool location_equal(const struct defs *d, uint32_t i, uint32_t j)
{
	const struct def_location *a = &d->location[i], *b = &d->location[j];

	if (a->kind != b->kind || a->flags != b->flags)
		return false;
	if (a->kind == LOCATION_NATIVE)
		return a->native.module == b->native.module &&
			a->native.address == b->native.address;
	if (a->kind == LOCATION_LINE)
		return a->line.line == b->line.line &&
			code_same(d, a->line.code) == code_same(d, b->line.code) &&
			text_same(
				def_string(d, a->line.name), def_string(d, b->line.name));
	return false;
}

static uint64_t type_hash(const struct defs *d, uint32_t i)
{
	return mix_text(mix(mix(2, d->type[i].address), d->type[i].runtime), d->type[i].name);
}

static bool type_equal(const struct defs *d, uint32_t i, uint32_t j)
{
	return d->type[i].address == d->type[j].address &&
		d->type[i].runtime == d->type[j].runtime &&
		text_same(d->type[i].name, d->type[j].name);
}

/* same[i], `step` bytes apart, becomes the first row that equals row i. */
static int find_same(const struct defs *d, uint32_t rows, uint32_t *same, size_t step,
	uint64_t (*hash)(const struct defs *, uint32_t),
	bool (*equal)(const struct defs *, uint32_t, uint32_t))
{
	uint64_t mask = 16;
	uint32_t *table;

	while (mask < 2 * (uint64_t)rows)
		mask *= 2;
	table = calloc(mask--, sizeof(*table));
	if (!table)
		return -ENOMEM;
	for (uint32_t i = 0; i < rows; i++) {
		uint64_t at = hash(d, i) & mask;

		while (table[at] && !equal(d, table[at] - 1, i))
			at = (at + 1) & mask;
		if (!table[at])
			table[at] = i + 1;
		*(uint32_t *)((char *)same + i * step) = table[at] - 1;
	}
	free(table);
	return 0;
}

static int find_all_same(struct defs *d)
{
	struct defs_private *p = d->private;
	int r;

	free(p->code_same);
	p->code_same = calloc(d->codes + 1, sizeof(*p->code_same));
	if (!p->code_same)
		return -ENOMEM;
	r = find_same(
		d, d->codes, p->code_same, sizeof(*p->code_same), code_hash, code_equal);
	if (!r && d->locations)
		r = find_same(d, d->locations, &d->location[0].same, sizeof(*d->location),
			location_hash, location_equal);
	if (!r && d->types)
		r = find_same(d, d->types, &d->type[0].same, sizeof(*d->type), type_hash,
			type_equal);
	return r;
}

/* --- all of it --------------------------------------------------------------------- */

static int load(struct defs *d, struct trace *t)
{
	int r;

	for (uint32_t i = 0; i < t->defs.count; i++) {
		r = read_chunk(d, &t->defs.chunk[i]);
		if (r)
			return r;
	}
	r = REACH(d->location, d->locations, OURO_LOC_LOST);
	if (r)
		return r;
	d->location[OURO_LOC_CUT].kind = LOCATION_MARK;
	d->location[OURO_LOC_LOST].kind = LOCATION_MARK;
	link_all(d);
	keep_latest_runtimes(d);
	mark_natives(d);
	return find_all_same(d);
}

int defs_load(struct defs *d, struct trace *t)
{
	uint64_t most;
	int r;

	*d = (struct defs){ 0 };
	d->executable.s = d->directory.s = "";
	d->private = calloc(1, sizeof(*d->private));
	if (!d->private)
		return -ENOMEM;
	d->trace = t;
	/*
	 * Numbers are given in a row, to things that take 16 bytes or more of
	 * some chunk, here or in a part of the file that is lost.  Packed, none takes
	 * less than half a byte: numbers and addresses differ.
	 */
	most = t->size / 16 < t->stored * 2 ? t->size / 16 : t->stored * 2;
	d->private->limit = most < UINT32_MAX / 4 ? (uint32_t)most + 65536 : UINT32_MAX / 4;
	r = load(d, t);
	if (r)
		defs_free(d);
	return r;
}

void defs_free(struct defs *d)
{
	if (d->private) {
		free(d->private->code_same);
		free(d->private->eval);
	}
	free(d->private);
	free(d->string);
	free(d->module);
	free(d->location);
	free(d->code);
	free(d->type);
	free(d->thread);
	free(d->runtime);
	free(d->note);
	free(d->snapshot);
	free(d->unload);
	free(d->argv);
	*d = (struct defs){ 0 };
}

/* --- of another trace -------------------------------------------------------------- */

/* Row of a module in d, added when it is not there; 0: there is no such module; -ENOMEM. */
static int64_t module_of(struct defs *d, const struct def_module *m)
{
	if (!m)
		return 0;
	for (uint32_t i = 1; i < d->modules; i++)
		if (d->module[i].id && d->module[i].start == m->start &&
		    d->module[i].end == m->end && text_same(d->module[i].path, m->path))
			return i;
	if (REACH(d->module, d->modules, d->modules ? d->modules : 1))
		return -ENOMEM;
	d->module[d->modules - 1] = *m;
	d->module[d->modules - 1].id = d->modules - 1;
	return d->modules - 1;
}

/* Rows of both tables, the other's last. */
static int append(void **table, uint32_t *rows, const void *from, uint32_t n, size_t row_size)
{
	uint32_t base = *rows;
	int e = n ? reach(table, rows, row_size, base + n - 1) : 0;

	if (!e && n)
		memcpy((char *)*table + base * row_size, from, n * row_size);
	return e;
}

#define APPEND_ALL(d, from, table, count) \
	append((void **)&(d)->table, &(d)->count, (from)->table, (from)->count, sizeof(*(d)->table))

/* Where a location leads, by the numbers it has here. */
static void renumber(struct def_location *l, const struct defs *from, const uint32_t *module,
	uint32_t code, uint32_t string)
{
	if (l->kind == LOCATION_NATIVE) {
		l->native.module = l->native.module < from->modules ? module[l->native.module] : 0;
	} else if (l->kind == LOCATION_LINE) {
		l->line.code += code;
		l->line.name += string;
	}
}

int defs_add(struct defs *d, const struct defs *from, struct defs_added *ret)
{
	uint32_t code = d->codes, string = d->strings;
	uint32_t *module = calloc(from->modules + 1, sizeof(*module));
	int e = module ? 0 : -ENOMEM;

	*ret = (struct defs_added){ .location = d->locations, .type = d->types };
	for (uint32_t i = 1; i < from->modules && !e; i++) {
		int64_t row = module_of(d, def_module(from, i));

		e = row < 0 ? -ENOMEM : 0;
		module[i] = (uint32_t)row;
	}
	if (!e)
		e = APPEND_ALL(d, from, string, strings);
	if (!e)
		e = APPEND_ALL(d, from, code, codes);
	if (!e)
		e = APPEND_ALL(d, from, type, types);
	if (!e)
		e = APPEND_ALL(d, from, location, locations);
	for (uint32_t i = ret->location; i < d->locations && !e; i++)
		renumber(&d->location[i], from, module, code, string);
	free(module);
	return e ? e : find_all_same(d);
}

/* --- lookups ----------------------------------------------------------------------- */

struct text def_string(const struct defs *d, uint32_t id)
{
	if (id >= d->strings || !d->string[id].s)
		return (struct text){ "", 0 };
	return d->string[id];
}

const struct def_module *def_module(const struct defs *d, uint32_t id)
{
	return id && id < d->modules && d->module[id].id ? &d->module[id] : NULL;
}

const struct def_location *def_location(const struct defs *d, uint32_t id)
{
	static const struct def_location none;

	return id < d->locations ? &d->location[id] : &none;
}

const struct def_code *def_code(const struct defs *d, uint32_t id)
{
	return id && id < d->codes ? &d->code[id] : NULL;
}

const struct def_type *def_type(const struct defs *d, uint32_t id)
{
	return id && id < d->types ? &d->type[id] : NULL;
}

const struct def_thread *def_thread(const struct defs *d, uint32_t id)
{
	for (uint32_t i = d->threads; i-- > 0; )
		if (d->thread[i].id == id)
			return &d->thread[i];
	return NULL;
}

const struct def_snapshot *def_snapshot(const struct defs *d, uint32_t id)
{
	for (uint32_t i = 0; i < d->snapshots; i++)
		if (d->snapshot[i].id == id)
			return &d->snapshot[i];
	return NULL;
}

const struct def_runtime *def_runtime(const struct defs *d, const char *name)
{
	for (uint32_t i = 0; i < d->runtimes; i++)
		if (text_is(d->runtime[i].name, name))
			return &d->runtime[i];
	return NULL;
}

bool text_is(struct text t, const char *s)
{
	return strlen(s) == t.length && !memcmp(t.s, s, t.length);
}
