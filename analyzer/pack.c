/*
 * pack.c - reads a packed trace, piece by piece
 */
#include "pack.h"

#include "columns.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#define FRAMES_BEFORE 2			/* what this is, and the trace's header          */
#define SECTION_MAX   (256u << 20)	/* bytes of one, unpacked                        */

struct unpacker {
	struct unpacker *next;
	ZSTD_DCtx *zstd;
	uint8_t *columns;		/* room for a chunk as columns; NULL until needed */
};

struct pack {
	const uint8_t *bytes;
	struct pack_info info;
	uint64_t chunks;
	uint32_t frames;
	struct pack_entry *entry;	/* of each frame                                 */
	uint64_t *at;			/* where it starts                               */
	uint8_t *index;			/* chunks heads, then as many enum pack_form     */
	pthread_mutex_t lock;		/* of `idle`                                     */
	struct unpacker *idle;
};

__attribute__((format(printf, 2, 3)))
static int refuse(char error[200], const char *what, ...)
{
	va_list args;

	va_start(args, what);
	vsnprintf(error, 200, what, args);
	va_end(args);
	return -ENODATA;
}

/* --- the table --------------------------------------------------------------------- */

bool pack_begins(const void *bytes, size_t size)
{
	const struct pack_info *i = bytes;
	uint32_t skipped;

	if (size < sizeof(*i))
		return false;
	memcpy(&skipped, bytes, sizeof(skipped));
	return skipped == PACK_SKIPPED && !memcmp(i->magic, PACK_MAGIC, sizeof(i->magic));
}

static int read_info(struct pack *p, char error[200])
{
	struct pack_info *i = &p->info;

	memcpy(i, p->bytes, sizeof(*i));
	if (i->format != PACK_FORMAT) {
		refuse(error, "packed in format %" PRIu32 ", this ouro reads %d", i->format,
			PACK_FORMAT);
		return -EPROTONOSUPPORT;
	}
	if (i->follow != sizeof(*i) - 8)
		return refuse(error, "damaged: its first part says it has %" PRIu32 " bytes",
			i->follow);
	if (i->header_size < sizeof(struct ouro_file) || i->header_size > 1 << 20 ||
	    i->chunk_size < 2 * sizeof(struct ouro_chunk) || i->chunk_size > 1 << 24)
		return refuse(error, "damaged: a header of %" PRIu32 " bytes, chunks of %" PRIu32,
			i->header_size, i->chunk_size);
	if (i->size < sizeof(struct ouro_file) || i->size > INT64_MAX)
		return refuse(error, "damaged: a trace of %" PRIu64 " bytes", i->size);
	if (i->size > i->header_size)
		p->chunks = (i->size - i->header_size + i->chunk_size - 1) / i->chunk_size;
	return 0;
}

/* The table's entries lie at the end, and their sizes lead from the first byte to them. */
static int read_table(struct pack *p, size_t size, char error[200])
{
	static const char cut[] = "cut off: a packed trace ends with a table, and this does not";
	const uint8_t *end = p->bytes + size;
	struct pack_footer footer;
	uint64_t table, at = 0;
	uint32_t head[2];

	if (size < sizeof(struct pack_info) + sizeof(head) + sizeof(footer))
		return refuse(error, cut);
	memcpy(&footer, end - sizeof(footer), sizeof(footer));
	if (footer.seekable != PACK_SEEKABLE)
		return refuse(error, cut);
	table = (uint64_t)footer.frames * sizeof(*p->entry) + sizeof(footer);
	if (footer.descriptor || table + sizeof(head) > size - sizeof(struct pack_info) ||
	    p->chunks + FRAMES_BEFORE + 1 > footer.frames)
		return refuse(error, "damaged: its table cannot have %" PRIu32 " parts",
			footer.frames);
	memcpy(head, end - table - sizeof(head), sizeof(head));
	if (head[0] != PACK_TABLE || head[1] != table)
		return refuse(error, "damaged: its table does not begin where it should");
	p->frames = footer.frames;
	p->entry = malloc(p->frames * sizeof(*p->entry));
	p->at = malloc(p->frames * sizeof(*p->at));
	if (!p->entry || !p->at)
		return -ENOMEM;
	memcpy(p->entry, end - table, p->frames * sizeof(*p->entry));
	for (uint32_t i = 0; i < p->frames; at += p->entry[i++].packed)
		p->at[i] = at;
	if (at != size - table - sizeof(head) || p->entry[0].packed != sizeof(struct pack_info))
		return refuse(error, "damaged: the sizes in its table do not add up");
	return 0;
}

/* --- unpacking --------------------------------------------------------------------- */

static void unpacker_free(struct unpacker *u)
{
	if (u) {
		ZSTD_freeDCtx(u->zstd);
		free(u->columns);
	}
	free(u);
}

static struct unpacker *take_unpacker(struct pack *p)
{
	struct unpacker *u;

	pthread_mutex_lock(&p->lock);
	u = p->idle;
	if (u)
		p->idle = u->next;
	pthread_mutex_unlock(&p->lock);
	if (u)
		return u;
	u = calloc(1, sizeof(*u));
	if (u)
		u->zstd = ZSTD_createDCtx();
	if (u && !u->zstd) {
		free(u);
		return NULL;
	}
	return u;
}

static void give_unpacker(struct pack *p, struct unpacker *u)
{
	pthread_mutex_lock(&p->lock);
	u->next = p->idle;
	p->idle = u;
	pthread_mutex_unlock(&p->lock);
}

/* A frame has exactly so many bytes, or it is damaged. */
static int read_frame(struct pack *p, struct unpacker *u, uint64_t frame, uint8_t *ret,
	size_t size)
{
	size_t n = ZSTD_decompressDCtx(u->zstd, ret, size, p->bytes + p->at[frame],
		p->entry[frame].packed);

	if (!ZSTD_isError(n))
		return n == size ? 0 : -ENODATA;
	return ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation ? -ENOMEM : -ENODATA;
}

int pack_read_header(struct pack *p, uint8_t *ret)
{
	struct unpacker *u = take_unpacker(p);
	int r = u ? read_frame(p, u, FRAMES_BEFORE - 1, ret, pack_header_size(p)) : -ENOMEM;

	if (u)
		give_unpacker(p, u);
	return r;
}

static int read_columns(struct pack *p, struct unpacker *u, uint64_t chunk, uint8_t *ret)
{
	uint64_t frame = chunk + FRAMES_BEFORE;
	size_t size = p->entry[frame].unpacked, room = columns_room(p->info.chunk_size);
	int r;

	if (size > room)
		return -ENODATA;
	if (!u->columns)
		u->columns = malloc(room);
	if (!u->columns)
		return -ENOMEM;
	r = read_frame(p, u, frame, u->columns, size);
	return r ? r : columns_join(u->columns, size, ret, pack_chunk_size(p, chunk));
}

int pack_read_chunk(struct pack *p, uint64_t chunk, uint8_t *ret)
{
	const uint8_t *form = p->index + p->chunks * sizeof(struct ouro_chunk);
	size_t size = pack_chunk_size(p, chunk), head = sizeof(struct ouro_chunk);
	struct unpacker *u = take_unpacker(p);
	int r;

	if (!u)
		return -ENOMEM;
	r = form[chunk] == PACK_COLUMNS ? read_columns(p, u, chunk, ret)
		: read_frame(p, u, chunk + FRAMES_BEFORE, ret, size);
	give_unpacker(p, u);
	if (r)
		return r;
	return memcmp(ret, pack_head(p, chunk), size < head ? size : head) ? -ENODATA : 0;
}

/* --- sections ---------------------------------------------------------------------- */

static int unpack_section(struct pack *p, uint32_t frame, const struct pack_section *s,
	uint8_t **ret, size_t *ret_size)
{
	struct unpacker *u;
	uint8_t *bytes;
	size_t n;

	if (s->size > SECTION_MAX)
		return -ENODATA;
	bytes = malloc(s->size + 1);
	u = take_unpacker(p);
	if (!bytes || !u) {
		free(bytes);
		unpacker_free(u);
		return -ENOMEM;
	}
	n = ZSTD_decompressDCtx(u->zstd, bytes, s->size, p->bytes + p->at[frame] + sizeof(*s),
		p->entry[frame].packed - sizeof(*s));
	give_unpacker(p, u);
	if (ZSTD_isError(n) || n != s->size) {
		free(bytes);
		return -ENODATA;
	}
	*ret = bytes;
	*ret_size = n;
	return 0;
}

int pack_read_section(struct pack *p, const char *tag, uint8_t **ret, size_t *ret_size)
{
	struct pack_section s;

	for (uint32_t i = (uint32_t)p->chunks + FRAMES_BEFORE; i < p->frames; i++) {
		if (p->entry[i].packed < sizeof(s))
			continue;
		memcpy(&s, p->bytes + p->at[i], sizeof(s));
		if (s.skipped == PACK_SKIPPED && s.follow == p->entry[i].packed - 8 &&
		    !memcmp(s.tag, tag, sizeof(s.tag)))
			return unpack_section(p, i, &s, ret, ret_size);
	}
	return -ENOENT;
}

static int read_index(struct pack *p, char error[200])
{
	size_t size;
	const uint8_t *form;
	int r = pack_read_section(p, PACK_INDEX, &p->index, &size);

	if (r == -ENOMEM)
		return r;
	if (r || size != p->chunks * (sizeof(struct ouro_chunk) + 1))
		return refuse(error, "damaged: the index of its chunks cannot be read");
	form = p->index + p->chunks * sizeof(struct ouro_chunk);
	for (uint64_t i = 0; i < p->chunks; i++)
		if (form[i] >= PACK_FORMS)
			return refuse(error, "damaged: chunk %" PRIu64 " is packed in an unknown "
				"form (%u)", i, form[i]);
	return 0;
}

/* --- the door ---------------------------------------------------------------------- */

int pack_open(struct pack **ret, const void *bytes, size_t size, char error[200])
{
	struct pack *p = calloc(1, sizeof(*p));
	char unread[200];
	int r;

	if (!p)
		return -ENOMEM;
	if (!error)
		error = unread;
	p->bytes = bytes;
	pthread_mutex_init(&p->lock, NULL);
	r = pack_begins(bytes, size) ? read_info(p, error) : refuse(error, "not packed");
	if (!r)
		r = read_table(p, size, error);
	if (!r)
		r = read_index(p, error);
	if (r)
		pack_close(p);
	else
		*ret = p;
	return r;
}

void pack_close(struct pack *p)
{
	if (!p)
		return;
	while (p->idle) {
		struct unpacker *next = p->idle->next;

		unpacker_free(p->idle);
		p->idle = next;
	}
	pthread_mutex_destroy(&p->lock);
	free(p->entry);
	free(p->at);
	free(p->index);
	free(p);
}

const struct pack_info *pack_info(const struct pack *p)
{
	return &p->info;
}

uint64_t pack_chunks(const struct pack *p)
{
	return p->chunks;
}

const struct ouro_chunk *pack_head(const struct pack *p, uint64_t chunk)
{
	return (const struct ouro_chunk *)p->index + chunk;
}

uint32_t pack_header_size(const struct pack *p)
{
	return p->info.size < p->info.header_size ? (uint32_t)p->info.size : p->info.header_size;
}

uint32_t pack_chunk_size(const struct pack *p, uint64_t chunk)
{
	uint64_t left = p->info.size - p->info.header_size - chunk * p->info.chunk_size;

	return left < p->info.chunk_size ? (uint32_t)left : p->info.chunk_size;
}
