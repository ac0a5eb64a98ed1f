/*
 * text.h - changing code in memory, with no page ever writable and executable at once
 *
 * New content is made ready in fresh memory, which then takes the place of the old pages
 * in one system call.  So a write is all or nothing, whatever the other threads execute:
 * one that needs the page meanwhile waits for the kernel and finds the new one.  And a
 * system that will not have code made at run time (SELinux, MemoryDenyWriteExecute, a
 * seccomp filter) says so while nothing has been touched.  The price is that the page is
 * no longer the file's in /proc/self/maps.
 *
 * All of these are system calls, some read /proc: for start-up and the loading of
 * libraries.  errno may change.
 */
#ifndef OURO_TEXT_H
#define OURO_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How far apart the two ends of a 32-bit jump may be, less room for what a module refers
 * to on its far side.
 */
#define TEXT_REACH ((intptr_t)(2048 - 128) << 20)

/*
 * 0 when [begin, end) is wholly readable, executable, private and not writable: -EACCES
 * when it is not, another -errno when /proc/self/maps can't be read.
 */
int text_check(const void *begin, const void *end);

/* Replaces n bytes, at most a page, of what text_check likes.  Or -errno, no change. */
int text_write(void *at, const void *bytes, size_t n);

/*
 * A new page of executable zeroes within TEXT_REACH of `at`.  -EACCES: the system doesn't
 * let it be executable; -ENOMEM: nothing is free there.
 */
int text_page_near(const void *at, void **ret);

/* Whether the process has one thread.  Not knowing is false. */
bool text_alone(void);

enum { TEXT_PAGE = 4096 };

#endif
