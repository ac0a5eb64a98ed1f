/*
 * trace.c - the file as streams of chunks
 */
#include "trace.h"

#include "chunks.h"
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

void damaged_at(struct trace *t, uint64_t offset, const char *what, ...)
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

void trace_damage_again(struct trace *t, const struct trace *copy, uint32_t i)
{
	t->truncated = true;
	if (t->damages < TRACE_DAMAGE_MAX && i < TRACE_DAMAGE_MAX)
		t->damage[t->damages] = copy->damage[i];
	t->damages++;
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

/* What was packed says how long header and chunks are; the header has to agree. */
static int read_packed_header(struct trace *t, char error[200])
{
	const struct pack_info *i = pack_info(t->memory->pack);
	uint8_t *page = calloc(1, i->header_size);
	int r = page ? pack_read_header(t->memory->pack, page) : -ENOMEM;

	if (!r)
		memcpy(&t->head, page, sizeof(t->head));
	free(page);
	if (r == -ENODATA || (!r && (t->head.header_size != i->header_size ||
				     t->head.chunk_size != i->chunk_size)))
		return refuse(error, -ENODATA, "damaged: its header cannot be unpacked");
	return r;
}

static int read_header(struct trace *t, char error[200])
{
	const struct ouro_file *h = &t->head;

	if (t->memory->size < sizeof(t->head))
		return refuse(error, -ENODATA,
			"not a trace: %" PRIu64 " bytes are too few", t->memory->size);
	if (t->memory->pack) {
		int r = read_packed_header(t, error);

		if (r)
			return r;
	} else {
		memcpy(&t->head, t->memory->bytes, sizeof(t->head));
	}
	if (memcmp(h->magic, OURO_MAGIC, sizeof(h->magic)))
		return refuse(
			error, -ENODATA, "not a trace: it does not begin with OUROTRC");
	if (h->format != OURO_FORMAT)
		return refuse(error, -EPROTONOSUPPORT,
			"format %" PRIu32 ", this ouro reads %d", h->format, OURO_FORMAT);
	if (h->header_size < sizeof(*h) || h->header_size > 1 << 20 || h->header_size % 8)
		return refuse(error, -ENODATA, "damaged: a header of %" PRIu32 " bytes",
			h->header_size);
	if (h->chunk_size < 2 * sizeof(struct ouro_chunk) || h->chunk_size > 1 << 24 ||
	    h->chunk_size % 8)
		return refuse(error, -ENODATA, "damaged: chunks of %" PRIu32 " bytes",
			h->chunk_size);
	t->size = t->memory->size;
	t->stored = t->memory->stored;
	for (size_t i = 0; i < OURO_LOST_MAX; i++)
		if (i != OURO_LOST_RING &&
		    __builtin_add_overflow(t->lost, h->lost[i], &t->lost))
			t->lost = UINT64_MAX;
	return 0;
}

/* Does the process have this very file mapped?  Its number may belong to another one now.
 */
static bool maps_file(pid_t pid, const struct stat *st)
{
	char path[64], want[64], line[4096];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return errno == EACCES || errno == EPERM;
	snprintf(want, sizeof(want), " %02x:%02x %ju ", major(st->st_dev),
		minor(st->st_dev), (uintmax_t)st->st_ino);
	while (!found && fgets(line, sizeof(line), f))
		found = strstr(line, want);
	fclose(f);
	return found;
}

static bool process_lives(uint32_t number, const struct stat *st)
{
	pid_t pid = (pid_t)number;

	if (pid <= 0 || (kill(pid, 0) && errno == ESRCH))
		return false;
	return maps_file(pid, st);
}

/* --- streams ----------------------------------------------------------------------- */

static void add_missing(struct trace *t, struct trace_stream *s,
	const struct chunk_entry *e, uint64_t expected)
{
	uint64_t gap = e->head.seq - expected;
	uint64_t possible =
		t->head.end / t->head.chunk_size + t->size / t->head.chunk_size + 1;

	if (gap > possible)		/* its number is damaged, not the file short */
		gap = 1;
	s->missing += gap;
	damaged_at(t, e->offset,
		"%" PRIu64 " chunk%s missing before it of stream %" PRIu32, gap,
		gap == 1 ? " is" : "s are", s->number);
}

static void add_chunk(
	struct trace *t, struct trace_stream *s, const struct chunk_entry *e)
{
	const bool ring = t->head.flags & OURO_FILE_RING;
	uint64_t expected = s->count ? s->chunk[s->count - 1].seq + 1 : 0;

	if (s->count && s->chunk[s->count - 1].seq == e->head.seq && s != &t->defs)
		return;			/* the same content, not yet emptied */
	if (e->head.seq > expected && s != &t->defs &&
	    !(ring && e->head.kind == OURO_CHUNK_EVENTS))
		add_missing(t, s, e, expected);
	s->chunk[s->count++] = (struct trace_chunk){
		.in_place = e->data, .offset = e->offset, .used = e->used, .cut = e->cut,
		.seq = e->head.seq, .ticks = e->head.ticks, .ns = e->head.ns,
		.thread = e->head.thread, .lost = e->head.lost,
		.applied = e->applied < e->used ? e->applied : e->used,
	};
}

static int make_streams(struct trace *t, const struct chunk_list *l)
{
	struct trace_memory *m = t->memory;
	struct trace_stream *s = NULL;

	m->chunk = calloc(l->count + 1, sizeof(*m->chunk));
	m->stream = calloc(l->count + 1, sizeof(*m->stream));
	if (!m->chunk || !m->stream)
		return -ENOMEM;
	t->event = t->snapshot = m->stream;
	for (size_t i = 0; i < l->count; i++) {
		const struct chunk_entry *e = &l->entry[i];

		if (!i || !chunks_same_stream(e, e - 1)) {
			s = e->head.kind == OURO_CHUNK_DEFS ? &t->defs :
				e->head.kind == OURO_CHUNK_LIVING ? &t->living :
				e->head.kind == OURO_CHUNK_STACKS ? &t->nodes :
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

/*
 * Chunks are handed out before they are written: a writer that did not finish leaves some
 * open.
 */
static uint64_t begun(const struct trace *t)
{
	return t->running || t->killed || t->snapping
		? ((uint64_t)t->head.threads + 2) * t->head.chunk_size
		: 0;
}

static void look_at_state(struct trace *t, bool lives, bool snapping)
{
	const struct ouro_file *h = &t->head;
	const bool over = h->state >= OURO_STATE_EXITED && h->state <= OURO_STATE_INERT;

	t->running = lives && !over;
	t->snapping = snapping;
	t->killed = !t->running && !over;
	if (t->killed)
		t->truncated = true;
	if (h->end < h->header_size || (h->end - h->header_size) % h->chunk_size)
		damaged_at(t, h->header_size,
			"the header says that chunks end at byte %" PRIu64, h->end);
	else if (h->end > t->size && h->end - t->size > begun(t))
		damaged_at(t, h->end - h->chunk_size, "the file should have %" PRIu64
			" bytes and has %" PRIu64, h->end, t->size);
}

static int load(struct trace *t)
{
	struct chunk_list l;
	int r = chunks_list(t, &l);

	if (!r && !t->packed && (t->running || t->snapping))
		chunks_drop_newborn(t->memory, &l);
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
	pack_close(m->pack);
	if (m->mapped)
		munmap((void *)m->bytes, m->stored);
	m->pack = NULL;
	m->mapped = false;
}

/* The bytes are the trace, or what it was packed into. */
static int take_bytes(struct trace *t, const void *bytes, size_t size, char error[200])
{
	struct trace_memory *m = t->memory;
	int r;

	m->bytes = bytes;
	m->stored = m->size = size;
	if (!pack_begins(bytes, size))
		return 0;
	r = pack_open(&m->pack, bytes, size, error);
	if (r)
		return r;
	t->packed = true;
	m->size = pack_info(m->pack)->size;
	return 0;
}

static int map(struct trace *t, int fd, struct stat *st, char error[200])
{
	struct trace_memory *m = t->memory;
	void *p;

	unmap(m);
	if (fstat(fd, st))
		return refuse(error, -errno, "%s", strerror(errno));
	if (S_ISDIR(st->st_mode))
		return refuse(error, -EISDIR, "a folder: name one of the traces in it");
	if (!S_ISREG(st->st_mode))
		return refuse(error, -ENODATA, "not a trace: this is no regular file");
	if (!st->st_size)
		return refuse(error, -ENODATA, "empty: its program ended before anything was recorded");
	p = mmap(NULL, (size_t)st->st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return refuse(error, -errno, "%s", strerror(errno));
	m->mapped = true;
	return take_bytes(t, p, (size_t)st->st_size, error);
}

static bool was(const struct trace *t, enum pack_flags flag)
{
	return pack_info(t->memory->pack)->flags & flag;
}

/* The first look at a file in use: no more is wanted of it than what must be copied. */
static int look_twice(struct trace *t, int fd, struct stat *st, char error[200])
{
	struct chunk_list l;
	int r = chunks_list(t, &l);

	if (!r)
		r = chunks_copy(t, &l);
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
	bool lives, snapping;
	int r, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return refuse(error, -errno, "%s", strerror(errno));
	r = map(t, fd, &st, error);
	if (!r)
		r = read_header(t, error);
	if (!r && t->packed) {
		look_at_state(t, was(t, PACK_RUNNING), was(t, PACK_SNAPPING));
	} else if (!r) {
		lives = process_lives(t->head.pid, &st);
		snapping = t->head.snapshots_done < t->head.snapshots_begun &&
			process_lives(t->head.snapshot_pid, &st);
		look_at_state(t, lives, snapping);
		if (t->running || snapping) {
			r = look_twice(t, fd, &st, error);
			if (!r)
				look_at_state(t, lives, snapping);
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
	if (!r)
		r = take_bytes(t, bytes, size, error);
	if (!r)
		r = read_header(t, error);
	if (!r) {
		look_at_state(t, t->packed && was(t, PACK_RUNNING),
			t->packed && was(t, PACK_SNAPPING));
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
		while (m->kept) {
			struct trace_kept *next = m->kept->next;

			trace_let_go(&m->kept->bytes);
			free(m->kept);
			m->kept = next;
		}
		unmap(m);
		for (size_t i = 0; i < m->copies; i++)
			free(m->copy[i].data);
		free(m->copy);
		free(m->read);
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
