/*
 * witness.h - what the command saw of the program's end, which the program could not write
 *
 * SIGKILL leaves no word behind.  Who started the program knows by which signal it
 * ended, how much memory it had at the most, under what limit, and whether the kernel's
 * out-of-memory killer struck meanwhile; that goes into the trace's header.
 */
#ifndef OURO_WITNESS_H
#define OURO_WITNESS_H

#include <ouro/trace.h>
#include <sys/types.h>

struct witness {
	uint64_t kills_group, kills_system;	/* by the out-of-memory killer so far */
	uint64_t limit;				/* bytes; 0: none is known           */
	enum ouro_limit kind;
};

/* proc and sys stand for /proc and /sys. */
void witness_look(struct witness *w, const char *proc, const char *sys);

/* Of a program that a signal ended; of others nothing is written. */
void witness_write(const struct witness *before, const struct witness *after, const char *trace,
	pid_t pid, int status, uint64_t most_bytes);

#endif
