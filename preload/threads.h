/*
 * threads.h - where the other threads stand, without stopping them
 *
 * A forked child has the memory of all threads and the registers of one.  What
 * the kernel says of the others is asked before the fork: of one that waits in
 * a system call its stack pointer and the call's arguments; of one that runs,
 * nothing.  The child asks once more whether those that waited had been
 * waiting all the time.
 */
#ifndef THREADS_H
#define THREADS_H

#include <stdbool.h>
#include <stdint.h>

#define THREADS_MAX	1024		/* more are not looked at, and that is said  */
#define THREAD_WORDS	6		/* arguments of a system call                */

struct thread_seen {
	uint32_t tid;
	bool waits;			/* sp and word are what they were at the fork */
	bool has_slices;
	uintptr_t tcb;			/* in its struct pthread; 0: not known       */
	uintptr_t sp;
	uintptr_t word[THREAD_WORDS];
	uint64_t slices;		/* times it was given a processor            */
};

struct threads {
	uint32_t self;			/* who looks                                 */
	uint32_t n;			/* others                                    */
	bool all;			/* there are no more                         */
	bool unplaced;			/* of one the struct pthread is not known, as of one that begins */
	struct thread_seen thread[THREADS_MAX];
	char room[4096];		/* threads.c's                               */
};

/* Before the fork, on zeroed memory. */
void threads_look(struct threads *t);

/* In the child: those that ran in between no longer `wait`. */
void threads_look_again(struct threads *t, uint32_t parent);

#endif
