/*
 * mark.h - the program names a moment
 *
 * "From here on": caches are filled, the first request was served.  An audit
 * with --skip-until NAME leaves out what was allocated before.  The loader sees
 * this function; a program that also runs without ouro asks for it weakly, or by
 * dlsym (from Python: ctypes.CDLL(None).ouro_mark(b"warm")).
 */
#ifndef MARK_H
#define MARK_H

/* Any thread, any number of times.  NULL, and a process that is not recorded: nothing. */
void ouro_mark(const char *name);

#endif
