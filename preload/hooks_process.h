/*
 * hooks_process.h - fork and dlclose, interposed to take note of them
 */
#ifndef HOOKS_PROCESS_H
#define HOOKS_PROCESS_H

#include <sys/types.h>

void hooks_process_setup(void);		/* find what is to be called in the end */

pid_t fork(void);
int dlclose(void *handle);

#endif
