/*
 * confine.h - the program gives up system calls (seccomp)
 *
 * A filter may kill for any call it does not expect, and there is no way to
 * ask.  So room for more events is reserved before the filter is set, and
 * afterwards nothing is asked of the kernel: no stacks (their bounds are
 * proven by the kernel), no new threads, no snapshots; when the room is used
 * up, recording ends.  A filter set without libc is not seen.
 */
#ifndef CONFINE_H
#define CONFINE_H

#include <stdbool.h>

extern bool confined;

void confine_setup(void);

#endif
