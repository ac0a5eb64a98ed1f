/*
 * file.h - the trace file: its header, and chunks on request
 *
 * No descriptor is held between calls: growing opens the file by its absolute
 * path, and checks that it is still the same file.  Space is reserved
 * (fallocate) before it is mapped, so that no write to it can raise SIGBUS;
 * RLIMIT_FSIZE is looked at first.  Whatever fails here makes the
 * caller drop and count; after some failures in a row the library goes inert.
 */
#ifndef FILE_H
#define FILE_H

#include <ouro/trace.h>
#include <stdbool.h>
#include <stddef.h>

/* The mapped header; never NULL: before file_create and after file_close it is a private page. */
extern struct ouro_file *file;

int file_create(const char *path, const struct ouro_file *head);	/* 0 or -errno */
void file_close(void);			/* in a forked child: let go of the parent's file */
const char *file_path(void);

/* A new chunk: reserved, mapped, zeroed but for its head (magic, kind, stream); NULL: no room. */
struct ouro_chunk *file_map_chunk(enum ouro_chunk_kind kind, uint32_t stream);

/* A stretch of whole chunks, reserved, mapped, zeroed, their heads too; NULL: no room. */
void *file_map_region(uint64_t bytes);
void file_unmap_chunk(struct ouro_chunk *chunk);

/* Append a copy of a chunk's head and `used` bytes as a chunk of its own.  0 or -errno. */
int file_append(const struct ouro_chunk *chunk);

/*
 * For a forked child that writes while the program may exec, and its successor rename the
 * trace: a descriptor opened before the fork, which the child goes on with and the parent
 * closes.  -errno: the child opens the file by its name, as everybody.
 */
int file_open(void);
void file_use(int fd);

/*
 * Map room for so many chunks now: from here on chunks are taken from it, without a system
 * call, and when it is used up there is no more.
 */
void file_hold(unsigned chunks);

static inline void file_count(uint64_t *field, uint64_t n)
{
	__atomic_fetch_add(field, n, __ATOMIC_RELAXED);
}

static inline void file_count32(uint32_t *field, uint32_t n)
{
	__atomic_fetch_add(field, n, __ATOMIC_RELAXED);
}

#endif
