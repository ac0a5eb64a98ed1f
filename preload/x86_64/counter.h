/*
 * counter.h - the processor's time stamp counter (x86-64)
 */
#ifndef COUNTER_H
#define COUNTER_H

#include <stdint.h>

static inline uint64_t counter_read(void)
{
	return __builtin_ia32_rdtsc();
}

/* Waits until what stands before it in the program has been executed. */
static inline uint64_t counter_read_ordered(void)
{
	unsigned cpu;

	return __builtin_ia32_rdtscp(&cpu);
}

#endif
