/*
 * pack_fuzz.c - no packed file, whatever is in it, breaks the reader
 *
 *	pack_fuzz [N [FIRST]]		N inputs (100000), from number FIRST (0)
 *
 * Compressed parts have checksums, so a bit that is changed at random is seen to be before it
 * does harm.  Two inputs of three are therefore changed where they matter: a part is
 * unpacked, changed, and packed again with all sizes as they must be.
 */
#include "reading.h"

#include "pack_write.h"
#include "pack.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	read_everything(bytes, size);
	return 0;
}

#ifndef OURO_LIBFUZZER

/* A packed file in its parts: what a decompressor skips has `skip` bytes before the rest. */
#define PARTS_MAX 64

struct piece {
	uint8_t *bytes;			/* unpacked                                  */
	size_t size;
	bool compressed;
	uint8_t before[sizeof(struct pack_section)];
	size_t skip;
	uint8_t *packed;		/* as it is in the file                      */
	size_t packed_size;
};

struct packed {
	uint8_t *bytes;
	size_t size;
	struct piece part[PARTS_MAX];
	uint32_t parts;
};

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

static void read_part(struct piece *p, const uint8_t *at, struct pack_entry e)
{
	unsigned long long size;

	p->packed = must(malloc(e.packed));
	memcpy(p->packed, at, e.packed);
	p->packed_size = e.packed;
	if (!e.unpacked && e.packed > sizeof(p->before)) {
		p->skip = e.packed == sizeof(struct pack_info) ? 0 : sizeof(p->before);
		memcpy(p->before, at, p->skip);
	}
	p->compressed = e.unpacked || p->skip;
	size = p->compressed ? ZSTD_getFrameContentSize(at + p->skip, e.packed - p->skip)
		: e.packed;
	p->bytes = must(malloc(size + 1));
	p->size = size;
	if (!p->compressed)
		memcpy(p->bytes, at, size);
	else if (ZSTD_decompress(p->bytes, size, at + p->skip, e.packed - p->skip) != size)
		abort();
}

static void read_parts(struct packed *p)
{
	struct pack_footer f;
	struct pack_entry e;
	const uint8_t *at = p->bytes, *table;

	memcpy(&f, p->bytes + p->size - sizeof(f), sizeof(f));
	if (f.frames > PARTS_MAX)
		abort();
	table = p->bytes + p->size - sizeof(f) - f.frames * sizeof(e);
	for (; p->parts < f.frames; p->parts++, at += e.packed) {
		memcpy(&e, table + p->parts * sizeof(e), sizeof(e));
		read_part(&p->part[p->parts], at, e);
	}
}

/* Of locations that seeds have. */
static void make_names(struct buf *ret)
{
	static const struct native_frame frame[] = {
		{ .function = "_ZN4shop5innerEv", .file = "inner.cc", .line = 7, .inlined = true },
		{ .function = "main", .file = "main.cc", .line = 12 } };
	struct packnames_draft d = { .n = { 0 } };

	for (uint32_t i = 1; i < 4; i++) {
		packnames_add_module(&d, i, NATIVE_READ);
		packnames_add_datum(&d, "table", 0x40, 32);
		packnames_add_datum(&d, "flag", 0x80, 0);
	}
	for (uint32_t i = 16; i < 24; i++)
		packnames_add_location(&d, i, frame, 1 + i % 2);
	if (packnames_write(&d, ret))
		abort();
}

static void pack_seed(struct packed *p, size_t number)
{
	struct buf names = { 0 };
	struct pack_options o = { .level = 1 };
	char path[] = "/tmp/pack-fuzz-XXXXXX", error[200];
	struct trace_writer w;
	struct trace t;
	uint64_t size;
	FILE *f;
	int fd = mkstemp(path);

	write_seed(&w, number);
	make_names(&names);
	o.names = names.s;
	o.names_size = names.n;
	if (fd < 0 || trace_open_memory(&t, w.bytes, w.size, error) ||
	    pack_write(&t, path, &o, &size, error))
		abort();
	trace_close(&t);
	writer_fini(&w);
	buf_fini(&names);
	close(fd);
	*p = (struct packed){ .bytes = must(malloc(size)), .size = size };
	f = must(fopen(path, "r"));
	if (fread(p->bytes, 1, size, f) != size)
		abort();
	fclose(f);
	unlink(path);
	read_parts(p);
}

static void free_seed(struct packed *p)
{
	for (uint32_t i = 0; i < p->parts; i++) {
		free(p->part[i].bytes);
		free(p->part[i].packed);
	}
	free(p->bytes);
}

/* --- changes ----------------------------------------------------------------------- */

/* Sizes and heads are near the start of a part: half of the changes go there. */
static void spoil_part(uint8_t *bytes, size_t size)
{
	for (uint64_t n = 1 + roll(3); n && size; n--)
		spoil(bytes, size, roll(2) && size > 64 ? roll(64 + (size > 160 ? 96 : 0)) :
			roll(size));
}

static size_t compress_part(ZSTD_CCtx *zstd, const struct piece *p, uint8_t *ret, size_t room)
{
	uint8_t *bytes = must(malloc(p->size + 1));
	struct pack_section s;
	size_t n, size = p->size;

	memcpy(bytes, p->bytes, size);
	spoil_part(bytes, size);
	if (!roll(8))			/* too few, too many */
		size = roll(2) ? roll(size + 1) : size;
	if (!p->compressed) {
		memcpy(ret, bytes, size);
		free(bytes);
		return size;
	}
	n = ZSTD_compressCCtx(zstd, ret + p->skip, room - p->skip, bytes, size, 1);
	free(bytes);
	if (ZSTD_isError(n))
		abort();
	if (p->skip) {
		memcpy(&s, p->before, sizeof(s));
		s.follow = (uint32_t)(n + sizeof(s) - 8);
		s.size = size;
		memcpy(ret, &s, sizeof(s));
	}
	return n + p->skip;
}

/* One part is changed, the table is made anew. */
static size_t rebuild(const struct packed *seed, ZSTD_CCtx *zstd, uint8_t *ret, size_t room)
{
	uint32_t changed = (uint32_t)roll(seed->parts), head[2];
	struct pack_footer f = { .frames = seed->parts, .seekable = PACK_SEEKABLE };
	struct pack_entry entry[PARTS_MAX] = { { 0 } };
	uint8_t *out = ret;
	size_t n;

	for (uint32_t i = 0; i < seed->parts; i++, out += n) {
		const struct piece *p = &seed->part[i];

		n = p->packed_size;
		if (i == changed)
			n = compress_part(zstd, p, out, room - (size_t)(out - ret));
		else
			memcpy(out, p->packed, n);
		entry[i].packed = (uint32_t)n;
		if (p->compressed && !p->skip)
			entry[i].unpacked = (uint32_t)ZSTD_getFrameContentSize(out, n);
	}
	n = seed->parts * sizeof(*entry);
	head[0] = PACK_TABLE;
	head[1] = (uint32_t)(n + sizeof(f));
	memcpy(out, head, sizeof(head));
	memcpy(out + sizeof(head), entry, n);
	memcpy(out + sizeof(head) + n, &f, sizeof(f));
	return (size_t)(out - ret) + sizeof(head) + n + sizeof(f);
}

/* The file as it is, with bytes changed: most of them where its parts are described. */
static size_t scratch(const struct packed *seed, uint8_t *ret)
{
	size_t table = sizeof(struct pack_footer) + seed->parts * sizeof(struct pack_entry) + 8;

	memcpy(ret, seed->bytes, seed->size);
	for (uint64_t n = 1 + roll(4); n; n--)
		spoil(ret, seed->size, !roll(3) ? roll(seed->size) : roll(2) ?
			roll(sizeof(struct pack_info)) : seed->size - 1 - roll(table));
	return roll(8) ? seed->size : roll(seed->size);
}

static void run(uint64_t n, uint64_t first)
{
	struct packed *seed = must(calloc(SEEDS, sizeof(*seed)));
	ZSTD_CCtx *zstd = must(ZSTD_createCCtx());

	for (size_t i = 0; i < SEEDS; i++)
		pack_seed(&seed[i], i);
	for (uint64_t i = first; i < first + n; i++) {
		const struct packed *s = &seed[i % SEEDS];
		size_t room = s->size + 65536, size;
		uint8_t *bytes = must(malloc(room));

		state = (i + 1) * 0x9e3779b97f4a7c15u;
		size = roll(3) ? rebuild(s, zstd, bytes, room) : scratch(s, bytes);
		bytes = must(realloc(bytes, size + !size));
		LLVMFuzzerTestOneInput(bytes, size);
		free(bytes);
	}
	for (size_t i = 0; i < SEEDS; i++)
		free_seed(&seed[i]);
	ZSTD_freeCCtx(zstd);
	free(seed);
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 0) : 100000;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;

	run(n, first);
	printf("pack_fuzz: %" PRIu64 " inputs survived\n1 passed, 0 failed\n", n);
	return 0;
}

#endif
