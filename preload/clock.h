/*
 * clock.h - the trace's clock
 *
 * Ticks of about 10 ns: the processor's counter where the kernel itself
 * trusts it, else CLOCK_MONOTONIC.  Neither needs a system call.
 */
#ifndef OURO_CLOCK_H
#define OURO_CLOCK_H

#include "x86_64/counter.h"

#include <ouro/trace.h>
#include <stdbool.h>
#include <time.h>

struct clock {
	uint32_t kind;			/* enum ouro_clock; 0: it was stopped      */
	uint32_t shift;
	uint64_t per_second;		/* ticks, to about one percent             */
};
extern struct clock ticking;

void clock_setup(void);
uint64_t clock_ns(clockid_t id);

/* The program is about to be denied all clocks: time stands still from here on. */
void clock_stop(void);
uint64_t clock_otherwise(void);		/* ticks without the processor's counter     */

/*
 * Now: not earlier than the loads before it.  Without that order a FREE may
 * be stamped while the load that got the block from another thread is still
 * under way, before that thread's ALLOC.
 */
static inline uint64_t clock_now(void)
{
	return __builtin_expect(ticking.kind == OURO_CLOCK_TSC, 1)
		? counter_read_ordered() >> ticking.shift : clock_otherwise();
}

/* Now, give or take what the processor has in flight, for a third of the price. */
static inline uint64_t clock_about_now(void)
{
	return __builtin_expect(ticking.kind == OURO_CLOCK_TSC, 1)
		? counter_read() >> ticking.shift : clock_otherwise();
}

#endif
