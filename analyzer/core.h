/*
 * core.h - a core file: memory, threads, and what ended the process
 *
 * Read with libelf; of x86-64 Linux.  What the kernel left out (pages of files that were
 * never written to, holes) is not there to be read: such a page cannot hold an
 * address that the process made.
 */
#ifndef OURO_ANALYZER_CORE_H
#define OURO_ANALYZER_CORE_H

#include "defs.h"

#include <ouro/core.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CORE_REGISTERS 27		/* of struct user_regs_struct                */

struct core_part {
	uint64_t start, end;
	const uint8_t *data;		/* of the first `bytes` bytes                */
	uint64_t bytes;
	bool readable, writable, executable;
	bool file;			/* of a mapped file                          */
	const char *path;		/* ... its name, as it was; NULL: not known  */
	uint64_t file_at;		/* ... where in it this begins               */
};

struct core_thread {
	uint32_t tid;
	uint64_t sp, pc, fs;		/* fs: its struct pthread                    */
	uint64_t word[CORE_REGISTERS];
};

struct core {
	const char *path;
	int fd;
	void *elf;			/* Elf *                                     */
	const uint8_t *bytes;
	size_t size;
	struct core_part *part;		/* by address                                */
	uint32_t nparts, parts_cap;
	struct core_thread *thread;	/* [0] is the one that got the signal        */
	uint32_t nthreads, threads_cap;
	uint32_t pid;
	int signal, code;		/* 0: not known                              */
	uint64_t fault;			/* address it was about                      */
	bool faulted;			/* ... if it was about one                   */
	bool cut;			/* the file ends before its memory does      */
};

/* 0 or -errno; error has a line for the user then. */
int core_open(struct core *c, const char *path, char error[200]);
void core_close(struct core *c);	/* any half-open one, and one of zeroes      */

/* All of [address, address + bytes), or NULL. */
const void *core_at(const struct core *c, uint64_t address, uint64_t bytes);

/* The library's variables, found by their magic in what of files was written to; false: not there. */
bool core_mark(const struct core *c, struct ouro_core *ret);

/* Is it of the process that was recorded?  0, or -EINVAL and why not. */
int core_check(const struct core *c, uint32_t pid, const struct defs *d, char error[200]);

/* "SIGSEGV, reading or writing at 0x1"; NULL: not known.  In room. */
const char *core_ending(const struct core *c, char room[100]);

#endif
