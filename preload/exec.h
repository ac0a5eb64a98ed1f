/*
 * exec.h - follow the program into what it execs
 *
 * libc's three entries to the kernel's exec are replaced, so that its own
 * calls (execvp, posix_spawn, system, popen) come by as well.  What is exec'd
 * gets the environment it was given and two entries more, which ouro takes
 * out again there; nothing is added for a program that ouro can't be loaded into.
 */
#ifndef EXEC_H
#define EXEC_H

void exec_setup(void);

/* The trace has a new id: tell those who come after. */
void exec_prepare(void);

#endif
