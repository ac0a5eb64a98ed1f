/*
 * pack_write.h - a trace into a packed one, and back
 *
 * Both write to a file that has its name only when it is whole: what stood there before
 * stays until then.
 */
#ifndef OURO_PACK_WRITE_H
#define OURO_PACK_WRITE_H

#include "trace.h"

struct pack_options {
	int level;			/* zstd's; 0: PACK_LEVEL                     */
	const void *names;		/* what PACK_NAMES shall hold; NULL: nothing */
	size_t names_size;
};

#define PACK_LEVEL 6			/* 9 takes twice the time for 2 % less       */

/*
 * 0 or -errno, with a line in `error`.  A trace that is packed may be packed again; one
 * that is being written is packed as it was when it was opened, and says so.
 * `ret_size` (may be NULL): bytes of the file.
 */
int pack_write(struct trace *t, const char *path, const struct pack_options *o,
	uint64_t *ret_size, char error[200]);

/* The bytes of a trace as they were before it was packed. */
int pack_restore(struct trace *t, const char *path, char error[200]);

#endif
