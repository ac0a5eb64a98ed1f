/*
 * process.h - start, fork, exec and end of the process that is recorded
 */
#ifndef PROCESS_H
#define PROCESS_H

#include "thr.h"

#include <ouro/define.h>
#include <ouro/trace.h>
#include <stdbool.h>

/* Make the trace of this process.  0 or -errno: then nothing is recorded. */
int process_start(int argc, char **argv, enum ouro_origin origin, uint64_t parent_id);

/* What process_epoch is 0 for: a new trace, or inert.  True: recording goes on. */
bool process_noticed_fork(void);

void process_forked_child(struct guard *g, uint32_t pid);	/* in the parent */

/*
 * Is this the process that the trace is about?  No in a child that shares its
 * memory, and in one that has not recorded anything yet.
 */
bool process_is_ours(void);

/*
 * Snapshot before what is about to happen, when wanted, possible, and not done already.
 * stack: where the program's begins; 0: at our caller's.
 */
void exit_snapshot(enum ouro_snapshot_reason reason, uintptr_t stack);

void process_state(enum ouro_state state, int status);

/* Ticks at which the next snapshot is to be taken by the thread that comes first; UINT64_MAX: never. */
extern uint64_t process_snapshot_due;
void process_snapshot_interval(struct guard *g, uint64_t now);

void process_snapshot_on_signal(void);	/* a handler, if the user asked for one      */

/* The names that a program exec'd from here is to be told; see exec.c. */
uint32_t process_first(void);
uint64_t process_id(void);
const char *process_program(void);

#endif
