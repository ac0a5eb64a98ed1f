#include "pack_write.h"

#include "columns.h"
#include "pack.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

/* --- a file that appears when it is whole ------------------------------------------- */

struct output {
	FILE *file;
	char *path, *temporary;
};

/* Where it shall be, with the rights that any new file there gets. */
static int output_open(struct output *o, const char *path)
{
	mode_t mask = umask(0);
	int fd, r;

	umask(mask);
	*o = (struct output){ .path = strdup(path) };
	if (!o->path || asprintf(&o->temporary, "%s.XXXXXX", path) < 0) {
		free(o->path);
		return -ENOMEM;
	}
	fd = mkstemp(o->temporary);
	o->file = fd < 0 ? NULL : fdopen(fd, "w");
	if (o->file && !fchmod(fd, 0666 & ~mask))
		return 0;
	r = -errno;
	if (fd >= 0)
		unlink(o->temporary);
	if (o->file)
		fclose(o->file);
	else if (fd >= 0)
		close(fd);
	free(o->path);
	free(o->temporary);
	return r;
}

/* `r`: how it went so far; below 0 the file is taken away again. */
static int output_close(struct output *o, int r)
{
	if (!r && (fflush(o->file) || ferror(o->file) || fsync(fileno(o->file))))
		r = errno ? -errno : -EIO;
	if (fclose(o->file) && !r)
		r = -errno;
	if (!r && rename(o->temporary, o->path))
		r = -errno;
	if (r)
		unlink(o->temporary);
	free(o->path);
	free(o->temporary);
	return r;
}

static int output_put(struct output *o, const void *p, size_t n)
{
	return fwrite(p, 1, n, o->file) == n ? 0 : errno ? -errno : -EIO;
}

/* --- packing ----------------------------------------------------------------------- */

struct packer {
	struct trace *trace;
	struct output out;
	ZSTD_CCtx *zstd;
	struct columns columns;
	bool use_columns;
	uint8_t *chunk, *split, *packed;
	size_t packed_room;
	struct pack_entry *entry;
	uint32_t frames;
	uint8_t *index;			/* heads, then forms                         */
	uint64_t chunks;
};

/* Chunks above this are packed as they are: columns take many times their size. */
#define COLUMNS_CHUNK_MAX (1u << 20)

static int packer_init(struct packer *p, struct trace *t, int level)
{
	const uint32_t size = t->head.chunk_size;
	size_t most = columns_room(size);

	p->trace = t;
	p->chunks = trace_slots(t);
	if (p->chunks > UINT32_MAX - 16)
		return -EFBIG;
	p->use_columns = size <= COLUMNS_CHUNK_MAX;
	if (most < t->head.header_size)
		most = t->head.header_size;
	p->packed_room = ZSTD_compressBound(most);
	p->chunk = malloc(most);
	p->split = malloc(most);
	p->packed = malloc(p->packed_room);
	p->entry = calloc(p->chunks + 8, sizeof(*p->entry));
	p->index = calloc(p->chunks + 1, sizeof(struct ouro_chunk) + 1);
	p->zstd = ZSTD_createCCtx();
	if (!p->chunk || !p->split || !p->packed || !p->entry || !p->index || !p->zstd ||
	    (p->use_columns && columns_init(&p->columns, size)))
		return -ENOMEM;
	if (ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_checksumFlag, 1)))
		return -EINVAL;
	return 0;
}

static void packer_fini(struct packer *p)
{
	columns_fini(&p->columns);
	ZSTD_freeCCtx(p->zstd);
	free(p->chunk);
	free(p->split);
	free(p->packed);
	free(p->entry);
	free(p->index);
}

static int put_info(struct packer *p)
{
	const struct trace *t = p->trace;
	struct pack_info i = { .skipped = PACK_SKIPPED, .follow = sizeof(i) - 8,
		.format = PACK_FORMAT, .size = t->size, .header_size = t->head.header_size,
		.chunk_size = t->head.chunk_size };

	memcpy(i.magic, PACK_MAGIC, sizeof(i.magic));
	i.flags = (t->running ? PACK_RUNNING : 0) | (t->snapping ? PACK_SNAPPING : 0);
	p->entry[p->frames++].packed = sizeof(i);
	return output_put(&p->out, &i, sizeof(i));
}

static int put_frame(struct packer *p, const uint8_t *bytes, size_t size)
{
	size_t n = ZSTD_compress2(p->zstd, p->packed, p->packed_room, bytes, size);

	if (ZSTD_isError(n))
		return -ENOMEM;
	p->entry[p->frames++] = (struct pack_entry){ (uint32_t)n, (uint32_t)size };
	return output_put(&p->out, p->packed, n);
}

static int put_chunk(struct packer *p, uint64_t number)
{
	const uint32_t head = sizeof(struct ouro_chunk);
	int64_t size = trace_slot(p->trace, number, p->chunk);
	size_t n = 0;

	if (size < 0)
		return (int)size;
	memcpy(p->index + number * head, p->chunk, size < head ? (size_t)size : head);
	if (p->use_columns)
		n = columns_split(&p->columns, p->chunk, (size_t)size, p->split);
	if (n) {		/* that it can be joined is a belief, and the only copy depends on it */
		uint8_t *again = p->packed;

		if (columns_join(p->split, n, again, (size_t)size) ||
		    memcmp(again, p->chunk, (size_t)size))
			n = 0;
	}
	p->index[p->chunks * head + number] = n ? PACK_COLUMNS : PACK_AS_IS;
	return put_frame(p, n ? p->split : p->chunk, n ? n : (size_t)size);
}

static int put_section(struct packer *p, const char *tag, const void *bytes, size_t size)
{
	struct pack_section s = { .skipped = PACK_SKIPPED, .size = size };
	size_t room = ZSTD_compressBound(size), n;
	uint8_t *packed = malloc(room);
	int r;

	if (!packed)
		return -ENOMEM;
	n = ZSTD_compress2(p->zstd, packed, room, bytes, size);
	if (ZSTD_isError(n) || n > UINT32_MAX - sizeof(s)) {
		free(packed);
		return ZSTD_isError(n) ? -ENOMEM : -EFBIG;
	}
	memcpy(s.tag, tag, sizeof(s.tag));
	s.follow = (uint32_t)(n + sizeof(s) - 8);
	p->entry[p->frames++].packed = (uint32_t)(n + sizeof(s));
	r = output_put(&p->out, &s, sizeof(s));
	if (!r)
		r = output_put(&p->out, packed, n);
	free(packed);
	return r;
}

static int put_table(struct packer *p)
{
	struct pack_footer f = { .frames = p->frames, .seekable = PACK_SEEKABLE };
	size_t size = p->frames * sizeof(*p->entry);
	uint32_t head[2] = { PACK_TABLE, (uint32_t)(size + sizeof(f)) };
	int r = output_put(&p->out, head, sizeof(head));

	if (!r)
		r = output_put(&p->out, p->entry, size);
	return r ? r : output_put(&p->out, &f, sizeof(f));
}

static int put_all(struct packer *p, const struct pack_options *o)
{
	int n = trace_header(p->trace, p->chunk);
	int r = n < 0 ? n : put_info(p);

	if (!r)
		r = put_frame(p, p->chunk, (size_t)n);
	for (uint64_t i = 0; i < p->chunks && !r; i++) {
		r = put_chunk(p, i);
		if (r == -ENODATA)	/* packed before, and damaged since */
			r = -EILSEQ;
	}
	if (!r)
		r = put_section(p, PACK_INDEX, p->index, p->chunks * (sizeof(struct ouro_chunk) + 1));
	if (!r && o->names)
		r = put_section(p, PACK_NAMES, o->names, o->names_size);
	return r ? r : put_table(p);
}

static int say(char error[200], int r)
{
	if (r == -EILSEQ)
		snprintf(error, 200, "it is damaged inside: `ouro report` says where");
	else if (r == -EFBIG)
		snprintf(error, 200, "it has more chunks than a packed trace can have");
	else if (r)
		snprintf(error, 200, "%s", strerror(-r));
	return r;
}

int pack_write(struct trace *t, const char *path, const struct pack_options *o,
	uint64_t *ret_size, char error[200])
{
	struct packer p = { 0 };
	int r = output_open(&p.out, path);

	if (r)
		return say(error, r);
	r = packer_init(&p, t, o->level ? o->level : PACK_LEVEL);
	if (!r)
		r = put_all(&p, o);
	if (!r && ret_size)
		*ret_size = (uint64_t)ftello(p.out.file);
	packer_fini(&p);
	return say(error, output_close(&p.out, r));
}

/* --- and back ---------------------------------------------------------------------- */

static int restore(struct trace *t, struct output *out)
{
	uint32_t size = t->head.header_size > t->head.chunk_size ? t->head.header_size
		: t->head.chunk_size;
	uint8_t *bytes = calloc(1, size);
	int64_t n = bytes ? trace_header(t, bytes) : -ENOMEM;
	int r = n < 0 ? (int)n : output_put(out, bytes, (size_t)n);

	for (uint64_t i = 0; i < trace_slots(t) && !r; i++) {
		n = trace_slot(t, i, bytes);
		r = n == -ENODATA ? -EILSEQ : n < 0 ? (int)n : output_put(out, bytes, (size_t)n);
	}
	free(bytes);
	return r;
}

int pack_restore(struct trace *t, const char *path, char error[200])
{
	struct output out;
	int r = output_open(&out, path);

	return say(error, r ? r : output_close(&out, restore(t, &out)));
}
