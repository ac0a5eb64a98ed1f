/*
 * watchpoint.h - the processor tells who changes a word of memory
 *
 * Hardware breakpoints by perf_event_open(2), whose hit is a SIGTRAP in the thread that
 * wrote, right after the writing instruction (sigtrap, Linux 5.13).  There are four of
 * them; a hit costs 10 to 20 microseconds, placing one about 2 for each thread.
 *
 * They are set for all threads the process has at the first use, and inherited by those
 * that come later.  Only for `ouro watch`: a signal handler is installed.
 */
#ifndef WATCHPOINT_H
#define WATCHPOINT_H

#include <stdbool.h>
#include <stdint.h>

enum { WATCHPOINTS = 4 };

/* Called in the thread that wrote, in a signal handler; ip: after the writing instruction. */
typedef void watchpoint_hit(unsigned slot, uintptr_t ip, uintptr_t sp, uintptr_t bp);

/* 0, or -errno: they are not to be had.  *ret_price: ticks that a hit takes here, tried out. */
int watchpoint_start(watchpoint_hit *hit, uint64_t *ret_price);

/* size: 4 or 8 bytes, aligned to that.  -errno. */
int watchpoint_place(unsigned slot, uintptr_t address, unsigned size);
void watchpoint_remove(unsigned slot);		/* signal-safe                       */

/* In a forked child: the events are the parent's. */
void watchpoint_forked(void);

#endif
