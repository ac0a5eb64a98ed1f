/*
 * pack.h - a packed trace: chunks by themselves, compressed, to be had in any order
 *
 * The file is in zstd's seekable format (docs/trace-format.md draws it): one frame
 * for the header, one for each chunk, and frames that a decompressor skips: what this is, an
 * index of the chunks' heads, names of code.  So a chunk is unpacked when
 * somebody reads it, and the heads are known without unpacking any.
 *
 * Packed files come from strangers too: each length in them is checked here, and
 * what is unpacked is checked against the index.
 */
#ifndef OURO_PACK_H
#define OURO_PACK_H

#include <ouro/trace.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACK_MAGIC	"OUROPACK"
#define PACK_FORMAT	1
#define PACK_SKIPPED	0x184d2a50u	/* magic of our frames that a decompressor skips */
#define PACK_TABLE	0x184d2a5eu	/* ... of the seek table                         */
#define PACK_SEEKABLE	0x8f92eab1u	/* the last word of a seekable file              */

enum pack_flags {
	PACK_RUNNING  = 1 << 0,		/* the program still ran when it was packed      */
	PACK_SNAPPING = 1 << 1,		/* ... or a snapshot of it was being written     */
};

/* How a chunk stands in its frame: one byte for each, after the heads of the index. */
enum pack_form {
	PACK_AS_IS   = 0,
	PACK_COLUMNS = 1,		/* columns.h                                     */
	PACK_FORMS
};

/* What the file begins with, in a frame that is skipped. */
struct pack_info {
	uint32_t skipped;		/* PACK_SKIPPED                              */
	uint32_t follow;		/* bytes that follow this word               */
	char     magic[8];		/* PACK_MAGIC                                */
	uint32_t format;		/* PACK_FORMAT                               */
	uint32_t flags;			/* enum pack_flags                           */
	uint64_t size;			/* of the trace, unpacked                    */
	uint32_t header_size;		/* of the trace                              */
	uint32_t chunk_size;
};
static_assert(sizeof(struct pack_info) == 40, "layout is a contract");

/* A part that is no part of the trace: compressed, in a frame that is skipped. */
struct pack_section {
	uint32_t skipped;		/* PACK_SKIPPED                              */
	uint32_t follow;
	char     tag[8];		/* one of the next two                       */
	uint64_t size;			/* unpacked                                  */
};
static_assert(sizeof(struct pack_section) == 24, "layout is a contract");

#define PACK_INDEX	"OUROHEAD"
#define PACK_NAMES	"OURONAME"

struct pack_entry {			/* the seek table has one for each frame         */
	uint32_t packed, unpacked;	/* bytes; 0 unpacked: a frame that is skipped    */
};

struct pack_footer {
	uint32_t frames;
	uint8_t descriptor;		/* 0: no checksums in the table; the frames have their own */
	uint32_t seekable;		/* PACK_SEEKABLE                             */
} __attribute__((packed));
static_assert(sizeof(struct pack_footer) == 9, "as the public format has it");

struct pack;

/* Does it begin as a packed trace does? */
bool pack_begins(const void *bytes, size_t size);

/*
 * 0, -ENOMEM, -ENODATA or -EPROTONOSUPPORT, with a line in `error`.  The bytes stay the
 * caller's and must outlive the pack.
 */
int pack_open(struct pack **ret, const void *bytes, size_t size, char error[200]);
void pack_close(struct pack *p);	/* NULL is fine */

const struct pack_info *pack_info(const struct pack *p);
uint64_t pack_chunks(const struct pack *p);

/* By number; of the last one, when the file is cut inside of it, filled up with zeroes. */
const struct ouro_chunk *pack_head(const struct pack *p, uint64_t chunk);

/*
 * The trace's header, and a chunk with its head: as many bytes as the trace has of it, which
 * is what pack_chunk_size() says.  -ENOMEM; -ENODATA when it cannot be unpacked or is not what the
 * index says.  Several threads may ask at once.
 */
int pack_read_header(struct pack *p, uint8_t *ret);
int pack_read_chunk(struct pack *p, uint64_t chunk, uint8_t *ret);
uint32_t pack_chunk_size(const struct pack *p, uint64_t chunk);
uint32_t pack_header_size(const struct pack *p);

/*
 * A section, the caller's to free; 0, -ENOENT when there is none, -ENOMEM, -ENODATA
 * when it is damaged.
 */
int pack_read_section(
	struct pack *p, const char *tag, uint8_t **ret, size_t *ret_size);

#endif
