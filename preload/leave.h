/*
 * leave.h - how the process ends: exit, _exit, quick_exit, abort
 *
 * Detours in libc, since what ends most programs is libc's own call of exit
 * after main.  No exit handler is registered and none is moved: this runs
 * where the call is made, before any handler, and again in _exit, after all.
 */
#ifndef LEAVE_H
#define LEAVE_H

void leave_setup(void);

#endif
