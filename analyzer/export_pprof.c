/*
 * export_pprof.c - a gzipped profile.proto, as `go tool pprof` reads it
 *
 * https://github.com/google/pprof/blob/main/proto/profile.proto.  The encoding is a
 * few lines (field number and wire type, then a varint or length and bytes), so
 * no library for it.  Values of a sample: EXPORT_*; a sample with the label "type" has
 * living objects of that type, the one without it the rest of the same stack.
 */
#include "export.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum profile {
	SAMPLE_TYPE = 1, SAMPLE = 2, MAPPING = 3, LOCATION = 4, FUNCTION = 5, STRING = 6,
	TIME = 9, DURATION = 10, PERIOD_TYPE = 11, PERIOD = 12, COMMENT = 13, DEFAULT_TYPE = 14,
};
enum value_type { VALUE_TYPE = 1, VALUE_UNIT = 2 };
enum sample { SAMPLE_LOCATION = 1, SAMPLE_VALUE = 2, SAMPLE_LABEL = 3 };
enum label { LABEL_KEY = 1, LABEL_TEXT = 2 };
enum mapping {
	MAPPING_ID = 1, MAPPING_START = 2, MAPPING_LIMIT = 3, MAPPING_FILE = 5,
	MAPPING_BUILD_ID = 6, MAPPING_FUNCTIONS = 7, MAPPING_FILES = 8, MAPPING_LINES = 9,
	MAPPING_INLINES = 10,
};
enum location { LOCATION_ID = 1, LOCATION_MAPPING = 2, LOCATION_ADDRESS = 3, LOCATION_LINES = 4 };
enum line { LINE_FUNCTION = 1, LINE_NUMBER = 2 };
enum function { FUNCTION_ID = 1, FUNCTION_NAME = 2, FUNCTION_SYSTEM = 3, FUNCTION_FILE = 4,
	FUNCTION_START = 5 };

/* What lives and has a type. */
struct typed {
	site_id site;
	uint32_t type;
	uint64_t objects, bytes;
};

struct writer {
	const struct export_job *job;
	struct export_frames x;
	struct texts texts;
	gzFile gz;
	struct buf message, inner;	/* being written                             */
	struct typed *typed;		/* by site, then type                        */
	uint32_t ntyped, typed_cap;
	bool failed;
};

/* --- the encoding --------------------------------------------------------------------- */

static void put_varint(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_putc(b, (char)(v | 0x80));
	buf_putc(b, (char)v);
}

static void put_number(struct buf *b, unsigned field, uint64_t v)
{
	if (!v)
		return;			/* as if it were there                       */
	put_varint(b, field << 3);
	put_varint(b, v);
}

static void put_bytes(struct buf *b, unsigned field, const char *s, size_t n)
{
	put_varint(b, field << 3 | 2);
	put_varint(b, n);
	buf_add(b, s, n);
}

static void put_message(struct buf *b, unsigned field, struct buf *inner)
{
	put_bytes(b, field, buf_text(inner), inner->n);
	b->failed |= inner->failed;
	buf_reset(inner);
}

static void flush(struct writer *w)
{
	struct buf *b = &w->message;

	w->failed |= b->failed;
	if (b->n && gzwrite(w->gz, b->s, (unsigned)b->n) != (int)b->n)
		w->failed = true;
	buf_reset(b);
}

/* The message in w->inner, as a field of the profile. */
static void finish(struct writer *w, unsigned field)
{
	put_message(&w->message, field, &w->inner);
	flush(w);
}

/* Numbers of texts begin with 1, and 0 is "": as the format has it. */
static uint64_t text(struct writer *w, const char *s)
{
	return texts_add0(&w->texts, s);
}

/* --- samples -------------------------------------------------------------------------- */

static int by_site_and_type(const void *a, const void *b)
{
	const struct typed *x = a, *y = b;

	if (x->site != y->site)
		return x->site < y->site ? -1 : 1;
	return x->type < y->type ? -1 : x->type > y->type;
}

static uint32_t type_of(const struct replay *r, const struct block *b)
{
	for (uint32_t row = b->object; row; row = r->live.object[row].next)
		if (r->live.object[row].alive)
			return r->live.object[row].type;
	return 0;
}

static int collect_types(struct writer *w, const struct replay *r)
{
	const struct block *b;
	uint32_t n = 0;
	size_t at = 0;

	while ((b = replay_each_block(r, &at))) {
		uint32_t type = type_of(r, b);

		if (!type)
			continue;
		if (mem_room(&w->typed, w->ntyped, &w->typed_cap, sizeof(*w->typed)))
			return -ENOMEM;
		w->typed[w->ntyped++] = (struct typed){ block_site(r, b), type, 1, b->size };
	}
	if (w->ntyped)
		qsort(w->typed, w->ntyped, sizeof(*w->typed), by_site_and_type);
	for (uint32_t i = 0; i < w->ntyped; i++) {
		struct typed *last = n ? &w->typed[n - 1] : NULL;

		if (last && !by_site_and_type(last, &w->typed[i])) {
			last->objects += w->typed[i].objects;
			last->bytes += w->typed[i].bytes;
		} else {
			w->typed[n++] = w->typed[i];
		}
	}
	w->ntyped = n;
	return 0;
}

/* Innermost first, and a location once for all that is inlined there. */
static void put_locations(struct writer *w)
{
	const struct export_frames *x = &w->x;
	struct buf list = { 0 };

	for (uint32_t i = x->depth; i-- > 0; ) {
		uint32_t first = x->frame[x->stack[i]].f ? x->first[x->frame[x->stack[i]].location] : 0;

		if (x->stack[i] == first)
			put_varint(&list, first + 1);
	}
	put_message(&w->inner, SAMPLE_LOCATION, &list);
	buf_fini(&list);
}

static void put_sample(struct writer *w, const uint64_t value[EXPORT_VALUES], uint32_t type)
{
	struct buf list = { 0 };
	bool any = false;

	for (int v = 0; v < EXPORT_VALUES; v++)
		any |= value[v] != 0;
	if (!any)
		return;
	put_locations(w);
	for (int v = 0; v < EXPORT_VALUES; v++)
		put_varint(&list, value[v]);
	put_message(&w->inner, SAMPLE_VALUE, &list);
	if (type) {
		const struct def_type *t = def_type(&w->job->r->defs, type);

		put_number(&list, LABEL_KEY, text(w, "type"));
		put_number(&list, LABEL_TEXT, t ? texts_add(&w->texts, t->name.s, t->name.length) : 0);
		put_message(&w->inner, SAMPLE_LABEL, &list);
	}
	finish(w, SAMPLE);
	buf_fini(&list);
}

static int put_samples(struct writer *w)
{
	const struct replay *r = &w->job->r->replay;
	uint32_t t = 0;

	for (site_id i = 0; i < r->sites; i++) {
		uint64_t rest[EXPORT_VALUES];

		if (export_frames_of(&w->x, r->site[i].stack))
			return -ENOMEM;
		for (int v = 0; v < EXPORT_VALUES; v++)
			rest[v] = export_site_value(&w->job->sums[i], v);
		for (; t < w->ntyped && w->typed[t].site == i; t++) {
			uint64_t part[EXPORT_VALUES] = {
				[EXPORT_INUSE_OBJECTS] = w->typed[t].objects,
				[EXPORT_INUSE_SPACE] = w->typed[t].bytes,
			};

			rest[EXPORT_INUSE_OBJECTS] -= w->typed[t].objects;
			rest[EXPORT_INUSE_SPACE] -= w->typed[t].bytes;
			put_sample(w, part, w->typed[t].type);
		}
		put_sample(w, rest, 0);
	}
	return 0;
}

/* --- what they stand on --------------------------------------------------------------- */

static bool is_program(const struct defs *d, const struct def_module *m)
{
	return m->path.length == d->executable.length &&
		!memcmp(m->path.s, d->executable.s, m->path.length);
}

static void put_mapping(struct writer *w, uint32_t i)
{
	const struct def_module *m = &w->job->r->defs.module[i];
	struct buf id = { 0 };

	for (uint32_t k = 0; k < m->build_id_length; k++)
		buf_printf(&id, "%02x", m->build_id[k]);
	put_number(&w->inner, MAPPING_ID, i);
	put_number(&w->inner, MAPPING_START, m->start);
	put_number(&w->inner, MAPPING_LIMIT, m->end);
	put_number(&w->inner, MAPPING_FILE, texts_add(&w->texts, m->path.s, m->path.length));
	put_number(&w->inner, MAPPING_BUILD_ID, text(w, buf_text(&id)));
	put_number(&w->inner, MAPPING_FUNCTIONS, 1);
	put_number(&w->inner, MAPPING_FILES, 1);
	put_number(&w->inner, MAPPING_LINES, 1);
	put_number(&w->inner, MAPPING_INLINES, 1);
	finish(w, MAPPING);
	buf_fini(&id);
}

/* The first is taken for the program's own. */
static void put_mappings(struct writer *w)
{
	const struct defs *d = &w->job->r->defs;

	for (int first = 1; first >= 0; first--)
		for (uint32_t i = 1; i < d->modules; i++)
			if (d->module[i].end && is_program(d, &d->module[i]) == first)
				put_mapping(w, i);
}

static void put_location(struct writer *w, uint32_t first, uint32_t end)
{
	const struct export_frame *x = &w->x.frame[first];
	const struct def_location *l = def_location(&w->job->r->defs, x->location);
	struct buf line = { 0 };

	put_number(&w->inner, LOCATION_ID, first + 1);
	if (x->f && l->kind == LOCATION_NATIVE) {
		put_number(&w->inner, LOCATION_MAPPING, l->native.module);
		/* where it returns to is behind the call */
		put_number(&w->inner, LOCATION_ADDRESS, l->native.address - 1);
	}
	for (uint32_t i = end; i-- > first; ) {
		put_number(&line, LINE_FUNCTION, i + 1);
		put_number(&line, LINE_NUMBER, x->f ? w->x.frame[i].f->line : 0);
		put_message(&w->inner, LOCATION_LINES, &line);
	}
	finish(w, LOCATION);
	buf_fini(&line);
}

static void put_function(struct writer *w, uint32_t i)
{
	const struct export_frame *x = &w->x.frame[i];
	struct buf name = { 0 };

	export_frame_name(x, &name);
	put_number(&w->inner, FUNCTION_ID, i + 1);
	put_number(&w->inner, FUNCTION_NAME, text(w, buf_text(&name)));
	put_number(&w->inner, FUNCTION_SYSTEM, text(w, x->f ? x->f->function : NULL));
	if (x->f) {
		put_number(&w->inner, FUNCTION_FILE, text(w, x->f->file));
		put_number(&w->inner, FUNCTION_START, x->f->first_line);
	}
	finish(w, FUNCTION);
	buf_fini(&name);
}

static void put_frames(struct writer *w)
{
	const struct export_frames *x = &w->x;
	uint32_t end;

	for (uint32_t first = 0; first < x->n; first = end) {
		for (end = first + 1; end < x->n && x->frame[first].f &&
		     x->frame[end].location == x->frame[first].location; end++)
			;
		put_location(w, first, end);
		for (uint32_t i = first; i < end; i++)
			put_function(w, i);
	}
}

static void put_value_type(struct writer *w, unsigned field, enum export_value v)
{
	put_number(&w->inner, VALUE_TYPE, text(w, export_value_name(v)));
	put_number(&w->inner, VALUE_UNIT, text(w, export_value_unit(v)));
	finish(w, field);
}

static void put_head(struct writer *w)
{
	const struct report *r = w->job->r;
	uint64_t sample = r->trace.head.sample_bytes;
	struct buf b = { 0 };

	for (int v = 0; v < EXPORT_VALUES; v++)
		put_value_type(w, SAMPLE_TYPE, v);
	put_value_type(w, PERIOD_TYPE, EXPORT_ALLOC_SPACE);
	buf_printf(&b, "ouro " OURO_VERSION ", %s, pid %u, %s", r->program, r->trace.head.pid,
		   r->state);
	put_number(&w->message, PERIOD, sample ? sample : 1);
	put_number(&w->message, TIME, r->trace.head.start_real_ns);
	put_number(&w->message, DURATION, (uint64_t)(r->seconds * 1e9));
	put_number(&w->message, COMMENT, text(w, buf_text(&b)));
	put_number(&w->message, DEFAULT_TYPE, text(w, export_value_name(r->replay.total.live_bytes ?
		EXPORT_INUSE_SPACE : EXPORT_PEAK_SPACE)));
	flush(w);
	buf_fini(&b);
}

/* Last: by then all are known. */
static void put_texts(struct writer *w)
{
	for (text_id i = 0; i <= w->texts.n; i++) {
		const char *s = texts_get(&w->texts, i);

		put_bytes(&w->message, STRING, s, strlen(s));
		flush(w);
	}
}

/* --- all of it ------------------------------------------------------------------------ */

static int write_all(struct writer *w)
{
	int e = export_frames_init(&w->x, w->job->r);

	if (!e)
		e = collect_types(w, &w->job->r->replay);
	if (!e) {
		put_head(w);
		put_mappings(w);
		e = put_samples(w);
	}
	if (!e) {
		put_frames(w);
		put_texts(w);
	}
	return e ? e : w->failed ? -EIO : 0;
}

static int write_pprof(const struct export_job *job)
{
	struct writer w = { .job = job };
	int fd, e;

	fflush(job->out);
	fd = dup(fileno(job->out));
	w.gz = fd < 0 ? NULL : gzdopen(fd, "wb6");
	if (!w.gz) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	e = write_all(&w);
	if (gzclose(w.gz) != Z_OK && !e)
		e = -EIO;
	mem_free(w.typed);
	texts_fini(&w.texts);
	export_frames_fini(&w.x);
	buf_fini(&w.message);
	buf_fini(&w.inner);
	return e;
}

const struct export export_pprof = {
	.name = "pprof",
	.help = "for `go tool pprof` and what else reads profile.proto (gzip)",
	.write = write_pprof,
};
