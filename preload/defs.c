#include "defs.h"

#include "clock.h"
#include "file.h"
#include "keep.h"
#include "modules.h"
#include "intern.h"

#include <string.h>

/* The chunks of stream 0 that this process mapped, newest first; they stay mapped. */
struct defs_chunk {
	struct defs_chunk *next;
	struct ouro_chunk *chunk;
	uint32_t at;			/* everything before is taken; a hint        */
};
static struct defs_chunk *newest, *inherited;
static uint64_t chunks;			/* seq of the next one                       */

static uint32_t last_string, last_module, last_location = OURO_LOC_FIRST - 1, last_code,
	last_type;

static uint32_t number(uint32_t *last)
{
	return __atomic_add_fetch(last, 1, __ATOMIC_RELAXED);
}

/* --- room ---------------------------------------------------------------------- */

static uint32_t *word_at(struct ouro_chunk *c, uint32_t at)
{
	return (uint32_t *)((char *)(c + 1) + at);
}

/* The next `size` bytes of the chunk, marked as open; NULL: full. */
static struct ouro_def *take_from(struct defs_chunk *d, uint32_t size)
{
	uint32_t at = __atomic_load_n(&d->at, __ATOMIC_RELAXED);

	while (at + size <= OURO_CHUNK_ROOM) {
		uint32_t *word = word_at(d->chunk, at), there = 0;

		if (__atomic_compare_exchange_n(word, &there, size | OURO_DEF_OPEN, false,
				__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			__atomic_store_n(&d->at, at + size, __ATOMIC_RELAXED);
			return (struct ouro_def *)word;
		}
		at += there & ~OURO_DEF_OPEN;
	}
	return NULL;
}

static struct defs_chunk *chunk_new(void)
{
	struct defs_chunk *d = keep(sizeof *d);

	if (!d)
		return NULL;
	d->chunk = file_map_chunk(OURO_CHUNK_DEFS, 0);
	if (!d->chunk)
		return NULL;
	d->chunk->seq = __atomic_fetch_add(&chunks, 1, __ATOMIC_RELAXED);
	d->chunk->used = OURO_CHUNK_ROOM;	/* the first word of 0 says where it ends */
	return d;
}

static struct ouro_def *take(uint32_t size)
{
	for (;;) {
		struct defs_chunk *d = __atomic_load_n(&newest, __ATOMIC_ACQUIRE), *fresh;
		struct ouro_def *def = d ? take_from(d, size) : NULL;

		if (def)
			return def;
		fresh = chunk_new();
		if (!fresh) {
			file_count(&file->lost[OURO_LOST_SPACE], 1);
			return NULL;
		}
		/*
		 * Another thread may have been faster; then this one is used next,
		 * and what is left of the other's room is not: it is no loss worth a
		 * second way through here.
		 */
		fresh->next = d;
		while (!__atomic_compare_exchange_n(&newest, &fresh->next, fresh, false,
				__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			;
	}
}

static uint32_t padded(size_t size)
{
	return (uint32_t)((size + 7) & ~(size_t)7);
}

static void finish(struct ouro_def *def, uint32_t size)
{
	__atomic_store_n(&def->size, size, __ATOMIC_RELEASE);
}

/* Everything but the first word, which the reservation fills. */
static bool put(const void *from, enum ouro_def_kind kind, size_t bytes)
{
	uint32_t size = padded(bytes);
	struct ouro_def *def = take(size);

	if (!def)
		return false;
	memcpy((char *)def + 4, (const char *)from + 4, bytes - 4);
	def->kind = (uint16_t)kind;
	finish(def, size);
	return true;
}

void define_whole(const struct ouro_def *def, size_t size)
{
	put(def, def->kind, size);
}

/* --- the kinds ----------------------------------------------------------------- */

uint32_t define_string(const char *text, size_t length)
{
	const size_t most = OURO_DEF_MAX - sizeof(struct ouro_def_string);
	struct ouro_def_string *s;
	struct intern_slot *slot;
	uint32_t id, size;

	if (length > most)
		length = most;
	id = intern_find(text, length, &slot);
	if (id)
		return id;
	size = padded(sizeof *s + length);
	s = (struct ouro_def_string *)take(size);
	if (!s)
		return 0;
	id = number(&last_string);
	s->def.kind = OURO_DEF_STRING;
	s->id = id;
	s->length = (uint32_t)length;
	memcpy(s->text, text, length);
	finish(&s->def, size);
	intern_publish(slot, id);
	return id;
}

uint32_t define_cstring(const char *text)
{
	return text ? define_string(text, strlen(text)) : 0;
}

uint32_t define_module(const struct ouro_def_module *m)
{
	struct ouro_def_module d = *m;

	d.id = number(&last_module);
	return put(&d, OURO_DEF_MODULE, sizeof d) ? d.id : 0;
}

uint32_t define_native(uintptr_t address)
{
	struct ouro_def_native d = { .module = modules_find(address), .address = address };

	d.id = number(&last_location);
	return put(&d, OURO_DEF_NATIVE, sizeof d) ? d.id : 0;
}

uint32_t define_code(uint32_t name, uint32_t qualname, uint32_t at_file, uint32_t line)
{
	struct ouro_def_code d = { .name = name, .qualname = qualname, .file = at_file,
		.line = line };

	d.id = number(&last_code);
	return put(&d, OURO_DEF_CODE, sizeof d) ? d.id : 0;
}

uint32_t define_line(uint32_t code, uint32_t line, uint32_t name, unsigned flags)
{
	struct ouro_def_line d = { .def.flags = (uint16_t)flags, .code = code, .line = line,
		.name = name };

	d.id = number(&last_location);
	return put(&d, OURO_DEF_LINE, sizeof d) ? d.id : 0;
}

/* A bit for each type; those beyond are taken for the interpreter's. */
static uint8_t counted[8192];

bool define_is_counted(uint32_t type)
{
	return type / 8 < sizeof counted
		&& __atomic_load_n(&counted[type / 8], __ATOMIC_RELAXED) >> type % 8 & 1;
}

uint32_t define_type(unsigned runtime, uint32_t name, uintptr_t address)
{
	struct ouro_def_type d = { .def.flags = (uint16_t)runtime, .name = name,
		.address = address };

	d.id = number(&last_type);
	if (runtime & OURO_TYPE_RUNTIME && d.id / 8 < sizeof counted)
		__atomic_fetch_or(&counted[d.id / 8], 1 << d.id % 8, __ATOMIC_RELAXED);
	return put(&d, OURO_DEF_TYPE, sizeof d) ? d.id : 0;
}

uint32_t define_thread(uint32_t tid, uint32_t name, uint64_t ticks)
{
	struct ouro_def_thread d = { .tid = tid, .name = name, .ticks = ticks };

	d.id = number(&file->threads);
	return put(&d, OURO_DEF_THREAD, sizeof d) ? d.id : 0;
}

void define_snapshot(uint32_t number, unsigned reason, uint64_t ticks)
{
	struct ouro_def_snapshot d = { .id = number, .reason = reason, .ticks = ticks };

	put(&d, OURO_DEF_SNAPSHOT, sizeof d);
}

void define_process(uint32_t executable, uint32_t directory, int argc, char *const *argv)
{
	const unsigned most = (OURO_DEF_MAX - sizeof(struct ouro_def_process)) / 4;
	struct ouro_def_process *d;
	unsigned n = argc < 0 ? 0 : (unsigned)argc > most ? most : (unsigned)argc;
	uint32_t size = padded(sizeof *d + n * sizeof *d->argv);

	/* Strings first: a definition is complete before another uses it. */
	for (unsigned i = 0; i < n; i++)
		define_cstring(argv[i]);
	d = (struct ouro_def_process *)take(size);
	if (!d)
		return;
	d->def.kind = OURO_DEF_PROCESS;
	d->executable = executable;
	d->directory = directory;
	d->argc = n;
	for (unsigned i = 0; i < n; i++)
		d->argv[i] = define_cstring(argv[i]);
	finish(&d->def, size);
}

void define_runtime(unsigned number, const char *name, const char *version, unsigned state,
	const char *reason)
{
	struct ouro_def_runtime d = { .def.flags = (uint16_t)number, .name = define_cstring(name),
		.version = define_cstring(version), .state = state,
		.reason = define_cstring(reason) };

	put(&d, OURO_DEF_RUNTIME, sizeof d);
}

void define_eval(uintptr_t start, uintptr_t end)
{
	struct ouro_def_eval d = { .start = start, .end = end };

	put(&d, OURO_DEF_EVAL, sizeof d);
}

void define_note(unsigned severity, const char *text)
{
	struct ouro_def_note d = { .severity = severity, .text = define_cstring(text),
		.ticks = clock_now() };

	put(&d, OURO_DEF_NOTE, sizeof d);
}

/* --- after fork ---------------------------------------------------------------- */

void defs_forked(void)
{
	inherited = newest;
	newest = NULL;
	chunks = 0;
}

/*
 * The parent goes on defining in the chunks that both see.  What it numbered
 * after the fork means nothing here, and its numbers will be given anew.
 * Processes and threads are the child's own affair.
 */
static bool is_ours(const struct ouro_def *def)
{
	uint32_t id = *(const uint32_t *)(def + 1);

	switch (def->kind) {
	case OURO_DEF_STRING:	return id <= last_string;
	case OURO_DEF_MODULE:	return id <= last_module;
	case OURO_DEF_UNLOAD:	return id <= last_module;
	case OURO_DEF_NATIVE:
	case OURO_DEF_LINE:	return id <= last_location;
	case OURO_DEF_CODE:	return id <= last_code;
	case OURO_DEF_TYPE:	return id <= last_type;
	case OURO_DEF_RUNTIME:
	case OURO_DEF_EVAL:	return true;
	default:		return false;
	}
}

static void copy_chunk(struct ouro_chunk *c)
{
	uint32_t at = 0, size, open;

	for (; at + sizeof(struct ouro_def) <= OURO_CHUNK_ROOM; at += size) {
		struct ouro_def *def = (struct ouro_def *)word_at(c, at);

		open = __atomic_load_n(&def->size, __ATOMIC_ACQUIRE);
		size = open & ~OURO_DEF_OPEN;
		if (!size || size > OURO_CHUNK_ROOM - at)
			return;
		/* Open: its writer did not finish before the fork, so nobody has its number. */
		if (!(open & OURO_DEF_OPEN) && is_ours(def))
			put(def, def->kind, size);
	}
}

void defs_copy(void)
{
	struct defs_chunk *oldest_first = NULL, *d, *next;

	for (d = inherited; d; d = next) {
		next = d->next;
		d->next = oldest_first;
		oldest_first = d;
	}
	for (d = oldest_first; d; d = d->next) {
		copy_chunk(d->chunk);
		file_unmap_chunk(d->chunk);
	}
	inherited = NULL;
}
