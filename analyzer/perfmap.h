/*
 * perfmap.h - names of code that was made at run time, where its maker left them
 *
 * Compilers of such code (V8, HotSpot's agents, Python's -X perf) write lines "START SIZE
 * NAME" into /tmp/perf-PID.map, for perf.  Anybody may write there, and numbers of processes come
 * again: the file must be ours or root's, and not older than the trace.
 */
#ifndef OURO_PERFMAP_H
#define OURO_PERFMAP_H

#include <stdint.h>

struct perfmap;

/* NULL: there is none that is to be believed.  since: nanoseconds of CLOCK_REALTIME. */
struct perfmap *perfmap_open(const char *sysroot, uint32_t pid, uint64_t since);
void perfmap_close(struct perfmap *m);	/* NULL is fine */

/* What the address lies in, as it was named last; NULL: nothing.  Good until perfmap_close. */
const char *perfmap_find(const struct perfmap *m, uint64_t address);

#endif
