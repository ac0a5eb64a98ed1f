/*
 * trace.c - the file as streams of chunks
 *
 * While its process lives, a chunk in use changes under our eyes, and what it
 * held moves to a chunk of its own.  So the chunks in use are copied first and
 * the file is listed after that: whatever left a live chunk before it was
 * copied was appended before the file was listed.
 */
#include "trace.h"

#include "clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct trace_clock {
	struct clock clock;
};

/* A chunk that may still be written to, as it was when we looked. */
struct copy {
	uint64_t offset;
	struct ouro_chunk head;
	uint8_t *data;
};

struct trace_memory {
	const uint8_t *bytes;
	uint64_t size;
	bool mapped;
	struct copy *copy;		/* by offset */
	size_t copies;
	struct trace_chunk *chunk;	/* of all streams */
	struct trace_stream *stream;
};

/* One chunk of the file, while they are being sorted. */
struct entry {
	struct ouro_chunk head;
	uint64_t offset;
	const uint8_t *data;
	uint32_t used;
	bool cut;
};

struct listing {
	struct entry *entry;
	size_t count;
};

static uint64_t chunk_number(const struct trace *t, uint64_t offset)
{
	return (offset - t->head.header_size) / t->head.chunk_size;
}

static void note(struct trace *t, uint64_t offset, const char *what, va_list args)
{
	struct trace_damage *d;
	int n;

	t->truncated = true;
	if (t->damages++ >= TRACE_DAMAGE_MAX)
		return;
	d = &t->damage[t->damages - 1];
	n = snprintf(d->text, sizeof(d->text), "chunk %" PRIu64 " (byte %" PRIu64 "): ",
		chunk_number(t, offset), offset);
	vsnprintf(d->text + n, sizeof(d->text) - n, what, args);
}

__attribute__((format(printf, 3, 4)))
static void damaged_at(struct trace *t, uint64_t offset, const char *what, ...)
{
	va_list args;

	va_start(args, what);
	note(t, offset, what, args);
	va_end(args);
}

void trace_damaged(struct trace *t, const struct trace_chunk *at, const char *what, ...)
{
	va_list args;

	va_start(args, what);
	note(t, at->offset, what, args);
	va_end(args);
}

__attribute__((format(printf, 3, 4)))
static int refuse(char error[200], int result, const char *what, ...)
{
	va_list args;

	if (!error)
		return result;
	va_start(args, what);
	vsnprintf(error, 200, what, args);
	va_end(args);
	return result;
}

/* --- the header -------------------------------------------------------------------- */

static int read_header(struct trace *t, char error[200])
{
	const struct ouro_file *h = &t->head;

	if (t->memory->size < sizeof(t->head))
		return refuse(error, -ENODATA, "not a trace: %" PRIu64 " bytes are too few",
			t->memory->size);
	memcpy(&t->head, t->memory->bytes, sizeof(t->head));
	if (memcmp(h->magic, OURO_MAGIC, sizeof(h->magic)))
		return refuse(error, -ENODATA, "not a trace: it does not begin with OUROTRC");
	if (h->format != OURO_FORMAT)
		return refuse(error, -EPROTONOSUPPORT, "format %" PRIu32 ", this ouro reads %d",
			h->format, OURO_FORMAT);
	if (h->header_size < sizeof(*h) || h->header_size > 1 << 20 || h->header_size % 8)
		return refuse(error, -ENODATA, "damaged: a header of %" PRIu32 " bytes",
			h->header_size);
	if (h->chunk_size < 2 * sizeof(struct ouro_chunk) || h->chunk_size > 1 << 24 ||
	    h->chunk_size % 8)
		return refuse(error, -ENODATA, "damaged: chunks of %" PRIu32 " bytes", h->chunk_size);
	t->size = t->memory->size;
	for (size_t i = 0; i < OURO_LOST_MAX; i++)
		if (i != OURO_LOST_RING && __builtin_add_overflow(t->lost, h->lost[i], &t->lost))
			t->lost = UINT64_MAX;
	return 0;
}

/* Does the process have this very file mapped?  Its number may belong to another one now. */
static bool maps_file(pid_t pid, const struct stat *st)
{
	char path[64], want[64], line[4096];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return errno == EACCES || errno == EPERM;
	snprintf(want, sizeof(want), " %02x:%02x %ju ", major(st->st_dev), minor(st->st_dev),
		(uintmax_t)st->st_ino);
	while (!found && fgets(line, sizeof(line), f))
		found = strstr(line, want);
	fclose(f);
	return found;
}

static bool process_lives(const struct trace *t, const struct stat *st)
{
	pid_t pid = (pid_t)t->head.pid;

	if (pid <= 0 || (kill(pid, 0) && errno == ESRCH))
		return false;
	return maps_file(pid, st);
}

/* --- chunks ------------------------------------------------------------------------ */

static const struct copy *find_copy(const struct trace_memory *m, uint64_t offset)
{
	size_t low = 0, high = m->copies;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->copy[mid].offset < offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low < m->copies && m->copy[low].offset == offset ? &m->copy[low] : NULL;
}

static bool is_zero(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	while (n && !*p)
		p++, n--;
	return !n;
}

/* False: there is no chunk here that could be read. */
static bool read_entry(struct trace *t, uint64_t offset, struct entry *e)
{
	const struct trace_memory *m = t->memory;
	const uint32_t room = t->head.chunk_size - sizeof(struct ouro_chunk);
	const struct copy *copy = find_copy(m, offset);
	uint64_t left = m->size - offset;

	if (left < sizeof(e->head)) {
		if (!is_zero(m->bytes + offset, left))
			damaged_at(t, offset, "the file ends inside its head");
		return false;
	}
	*e = (struct entry){ .offset = offset };
	memcpy(&e->head, copy ? (const void *)&copy->head : m->bytes + offset, sizeof(e->head));
	e->data = copy ? copy->data : m->bytes + offset + sizeof(e->head);
	if (!e->head.magic)
		return false;
	if (e->head.magic != OURO_CHUNK_MAGIC) {
		damaged_at(t, offset, "this is no chunk: it begins with %08" PRIx32, e->head.magic);
		return false;
	}
	if (e->head.kind < OURO_CHUNK_EVENTS || e->head.kind > OURO_CHUNK_SNAPSHOT) {
		damaged_at(t, offset, "kind %u of chunk is unknown", e->head.kind);
		return false;
	}
	e->used = e->head.used;
	if (e->head.kind == OURO_CHUNK_DEFS) {	/* they say themselves where they end */
		e->used = room;
		e->head.stream = 0;
	} else if (e->used > room) {
		damaged_at(t, offset, "says that it uses %" PRIu32 " bytes of %" PRIu32, e->used, room);
		e->used = room;
	}
	if (!copy && e->used > left - sizeof(e->head)) {
		e->cut = e->head.kind != OURO_CHUNK_DEFS;
		e->used = (uint32_t)(left - sizeof(e->head));
		if (e->cut)
			damaged_at(t, offset, "the file ends after %" PRIu32 " of its %" PRIu32 " bytes",
				e->used, e->head.used);
	}
	return true;
}

/* What is read first of a stream comes first; of chunks with one number the fuller. */
static int by_place(const void *a, const void *b)
{
	const struct entry *p = a, *q = b;

	if (p->head.kind != q->head.kind)
		return p->head.kind < q->head.kind ? -1 : 1;
	if (p->head.stream != q->head.stream)
		return p->head.stream < q->head.stream ? -1 : 1;
	if (p->head.seq != q->head.seq)
		return p->head.seq < q->head.seq ? -1 : 1;
	if (p->used != q->used)
		return p->used > q->used ? -1 : 1;
	return p->offset < q->offset ? -1 : p->offset > q->offset;
}

static bool same_stream(const struct entry *a, const struct entry *b)
{
	return a->head.kind == b->head.kind && a->head.stream == b->head.stream;
}

static int list_chunks(struct trace *t, struct listing *l)
{
	const struct trace_memory *m = t->memory;
	uint64_t room, offset;

	l->count = 0;
	l->entry = NULL;
	if (m->size <= t->head.header_size)
		return 0;
	room = (m->size - t->head.header_size) / t->head.chunk_size + 1;
	l->entry = calloc(room, sizeof(*l->entry));
	if (!l->entry)
		return -ENOMEM;
	for (offset = t->head.header_size; offset < m->size; offset += t->head.chunk_size)
		if (read_entry(t, offset, &l->entry[l->count]))
			l->count++;
	qsort(l->entry, l->count, sizeof(*l->entry), by_place);
	return 0;
}

/* --- chunks in use ----------------------------------------------------------------- */

/*
 * The writer empties a chunk, gives it its next number, then fills it; so a
 * copy is whole when the number is the same before and after.
 */
static int copy_chunk(struct trace_memory *m, uint32_t room, uint64_t offset)
{
	const struct ouro_chunk *live = (const void *)(m->bytes + offset);
	struct copy *c = &m->copy[m->copies];

	if (m->size - offset < sizeof(*live) + room)
		return 0;		/* not handed out in full: nobody writes here */
	c->offset = offset;
	c->data = malloc(room);
	if (!c->data)
		return -ENOMEM;
	m->copies++;
	for (int tries = 0; tries < 1000; tries++) {
		uint64_t seq = __atomic_load_n(&live->seq, __ATOMIC_ACQUIRE);
		uint32_t used = __atomic_load_n(&live->used, __ATOMIC_ACQUIRE);

		memcpy(&c->head, live, sizeof(c->head));
		c->head.used = used;
		memcpy(c->data, live + 1, used < room ? used : room);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&live->seq, __ATOMIC_RELAXED) == seq && c->head.seq == seq &&
		    __atomic_load_n(&live->used, __ATOMIC_RELAXED) >= used)
			return 0;
	}
	c->head.used = 0;		/* a writer that laps us a thousand times: take none of it */
	return 0;
}

static int copy_by_offset(const void *a, const void *b)
{
	const struct copy *p = a, *q = b;

	return p->offset < q->offset ? -1 : p->offset > q->offset;
}

/* All chunks with the highest number of their stream; in a ring any may be used again. */
static int copy_live(struct trace *t, const struct listing *l)
{
	struct trace_memory *m = t->memory;
	const uint32_t room = t->head.chunk_size - sizeof(struct ouro_chunk);
	const bool ring = t->head.flags & OURO_FILE_RING;
	int r;

	m->copy = calloc(l->count + 1, sizeof(*m->copy));
	if (!m->copy)
		return -ENOMEM;
	for (size_t i = l->count; i-- > 0; ) {
		const struct entry *e = &l->entry[i];
		bool last = i + 1 == l->count || !same_stream(e, e + 1) ||
			(e->head.seq == e[1].head.seq && find_copy(m, e[1].offset));

		if (e->head.kind == OURO_CHUNK_DEFS || (!last && !ring))
			continue;
		r = copy_chunk(m, room, e->offset);
		if (r < 0)
			return r;
		qsort(m->copy, m->copies, sizeof(*m->copy), copy_by_offset);
	}
	return 0;
}

/* A stream that was not there when the chunks in use were copied: born since. */
static bool was_copied(const struct trace_memory *m, const struct entry *e)
{
	for (size_t i = 0; i < m->copies; i++)
		if (m->copy[i].head.kind == e->head.kind && m->copy[i].head.stream == e->head.stream)
			return true;
	return false;
}

static void drop_newborn(const struct trace_memory *m, struct listing *l)
{
	size_t n = 0;
	bool keep = false;

	for (size_t i = 0; i < l->count; i++) {
		struct entry *e = &l->entry[i];

		if (!i || !same_stream(e, &l->entry[n ? n - 1 : 0]) || !keep)
			keep = e->head.kind == OURO_CHUNK_DEFS || was_copied(m, e);
		if (keep)
			l->entry[n++] = *e;
	}
	l->count = n;
}

/* --- streams ----------------------------------------------------------------------- */

static void add_missing(struct trace *t, struct trace_stream *s, const struct entry *e,
	uint64_t expected)
{
	uint64_t gap = e->head.seq - expected;
	uint64_t possible = t->head.end / t->head.chunk_size + t->size / t->head.chunk_size + 1;

	if (gap > possible)		/* its number is damaged, not the file short */
		gap = 1;
	s->missing += gap;
	damaged_at(t, e->offset, "%" PRIu64 " chunk%s missing before it of stream %" PRIu32, gap,
		gap == 1 ? " is" : "s are", s->number);
}

static void add_chunk(struct trace *t, struct trace_stream *s, const struct entry *e)
{
	const bool ring = t->head.flags & OURO_FILE_RING;
	uint64_t expected = s->count ? s->chunk[s->count - 1].seq + 1 : 0;

	if (s->count && s->chunk[s->count - 1].seq == e->head.seq && s != &t->defs)
		return;			/* the same content, not yet emptied */
	if (e->head.seq > expected && s != &t->defs && !(ring && e->head.kind == OURO_CHUNK_EVENTS))
		add_missing(t, s, e, expected);
	s->chunk[s->count++] = (struct trace_chunk){
		.data = e->data, .offset = e->offset, .used = e->used, .cut = e->cut,
		.seq = e->head.seq, .ticks = e->head.ticks, .ns = e->head.ns,
		.thread = e->head.thread, .lost = e->head.lost,
	};
}

static int make_streams(struct trace *t, const struct listing *l)
{
	struct trace_memory *m = t->memory;
	struct trace_stream *s = NULL;

	m->chunk = calloc(l->count + 1, sizeof(*m->chunk));
	m->stream = calloc(l->count + 1, sizeof(*m->stream));
	if (!m->chunk || !m->stream)
		return -ENOMEM;
	t->event = t->snapshot = m->stream;
	for (size_t i = 0; i < l->count; i++) {
		const struct entry *e = &l->entry[i];

		if (!i || !same_stream(e, e - 1)) {
			s = e->head.kind == OURO_CHUNK_DEFS ? &t->defs :
				&m->stream[t->events + t->snapshots];
			s->number = e->head.stream;
			s->chunk = &m->chunk[i];
			if (e->head.kind == OURO_CHUNK_EVENTS)
				t->events++;
			if (e->head.kind == OURO_CHUNK_SNAPSHOT && !t->snapshots++)
				t->snapshot = s;
		}
		add_chunk(t, s, e);
	}
	return 0;
}

/* --- the clock --------------------------------------------------------------------- */

static int make_clock(struct trace *t)
{
	const struct ouro_file *h = &t->head;
	const bool exact = h->clock == OURO_CLOCK_MONOTONIC;
	const double scale = h->tick_shift < 32 ? (double)(1ull << h->tick_shift) : 1;
	struct clock_pair *pair;
	size_t n = 1, room = 1;

	for (uint32_t i = 0; i < t->events; i++)
		room += t->event[i].count;
	t->clock = calloc(1, sizeof(*t->clock));
	pair = calloc(room, sizeof(*pair));
	if (!t->clock || !pair) {
		free(pair);
		return -ENOMEM;
	}
	pair[0] = (struct clock_pair){ h->start_ticks, h->start_ns };
	for (uint32_t i = 0; i < t->events; i++)
		for (uint32_t j = 0; j < t->event[i].count; j++)
			pair[n++] = (struct clock_pair){ t->event[i].chunk[j].ticks,
				t->event[i].chunk[j].ns };
	/* A trace of less than a millisecond: 3 GHz is as good a guess as any. */
	clock_init(&t->clock->clock, pair, n, exact ? scale : scale / 3, exact);
	return 0;
}

uint64_t trace_ns(const struct trace *t, uint64_t ticks)
{
	return clock_ns(&t->clock->clock, ticks);
}

uint64_t trace_elapsed(const struct trace *t, uint64_t ticks)
{
	uint64_t ns = trace_ns(t, ticks), start = trace_ns(t, t->head.start_ticks);

	return ns > start ? ns - start : 0;
}

/* --- opening ----------------------------------------------------------------------- */

/* Chunks are handed out before they are written: a writer that did not finish leaves some open. */
static uint64_t begun(const struct trace *t)
{
	return t->running || t->killed ? ((uint64_t)t->head.threads + 2) * t->head.chunk_size : 0;
}

static void look_at_state(struct trace *t, bool lives)
{
	const struct ouro_file *h = &t->head;
	const bool over = h->state >= OURO_STATE_EXITED && h->state <= OURO_STATE_INERT;

	t->running = lives && !over;
	t->killed = !t->running && !over;
	if (t->killed)
		t->truncated = true;
	if (h->end < h->header_size || (h->end - h->header_size) % h->chunk_size)
		damaged_at(t, h->header_size, "the header says that chunks end at byte %" PRIu64,
			h->end);
	else if (h->end > t->size && h->end - t->size > begun(t))
		damaged_at(t, h->end - h->chunk_size, "the file should have %" PRIu64
			" bytes and has %" PRIu64, h->end, t->size);
}

static int load(struct trace *t)
{
	struct listing l;
	int r = list_chunks(t, &l);

	if (!r && t->running)
		drop_newborn(t->memory, &l);
	if (!r)
		r = make_streams(t, &l);
	if (!r)
		r = make_clock(t);
	free(l.entry);
	return r;
}

static int new_trace(struct trace *t, const char *name)
{
	*t = (struct trace){ 0 };
	t->name = strdup(name);
	t->memory = calloc(1, sizeof(*t->memory));
	return t->name && t->memory ? 0 : -ENOMEM;
}

static void unmap(struct trace_memory *m)
{
	if (m->mapped)
		munmap((void *)m->bytes, m->size);
	m->mapped = false;
}

static int map(struct trace *t, int fd, struct stat *st, char error[200])
{
	struct trace_memory *m = t->memory;
	void *p;

	unmap(m);
	if (fstat(fd, st))
		return refuse(error, -errno, "%s", strerror(errno));
	if (!S_ISREG(st->st_mode))
		return refuse(error, -ENODATA, "not a trace: this is no regular file");
	if (!st->st_size)
		return refuse(error, -ENODATA, "not a trace: the file is empty");
	p = mmap(NULL, (size_t)st->st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return refuse(error, -errno, "%s", strerror(errno));
	m->bytes = p;
	m->size = (uint64_t)st->st_size;
	m->mapped = true;
	return 0;
}

/* The first look at a file in use: no more is wanted of it than what must be copied. */
static int look_twice(struct trace *t, int fd, struct stat *st, char error[200])
{
	struct listing l;
	int r = list_chunks(t, &l);

	if (!r)
		r = copy_live(t, &l);
	free(l.entry);
	if (!r)
		r = map(t, fd, st, error);
	t->size = t->memory->size;
	t->damages = 0;
	t->truncated = false;
	return r;
}

static int open_file(struct trace *t, const char *path, char error[200])
{
	struct stat st;
	bool lives;
	int r, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return refuse(error, -errno, "%s", strerror(errno));
	r = map(t, fd, &st, error);
	if (!r)
		r = read_header(t, error);
	if (!r) {
		lives = process_lives(t, &st);
		look_at_state(t, lives);
		if (t->running) {
			r = look_twice(t, fd, &st, error);
			if (!r)
				look_at_state(t, lives);
		}
	}
	close(fd);
	return r ? r : load(t);
}

int trace_open(struct trace *t, const char *path, char error[200])
{
	int r = new_trace(t, path);

	if (error)
		*error = 0;
	if (!r)
		r = open_file(t, path, error);
	if (r == -ENOMEM)
		refuse(error, r, "out of memory");
	if (r < 0)
		trace_close(t);
	return r;
}

int trace_open_memory(struct trace *t, const void *bytes, size_t size, char error[200])
{
	int r = new_trace(t, "memory");

	if (error)
		*error = 0;
	if (!r) {
		t->memory->bytes = bytes;
		t->memory->size = size;
		r = read_header(t, error);
	}
	if (!r) {
		look_at_state(t, false);
		r = load(t);
	}
	if (r == -ENOMEM)
		refuse(error, r, "out of memory");
	if (r < 0)
		trace_close(t);
	return r;
}

void trace_close(struct trace *t)
{
	struct trace_memory *m = t->memory;

	if (m) {
		unmap(m);
		for (size_t i = 0; i < m->copies; i++)
			free(m->copy[i].data);
		free(m->copy);
		free(m->chunk);
		free(m->stream);
	}
	if (t->clock)
		clock_fini(&t->clock->clock);
	free(t->clock);
	free(m);
	free(t->name);
	*t = (struct trace){ 0 };
}
