/*
 * pool.h - which memory is pools of CPython's own allocator
 *
 * What it has free is full of addresses that mean nothing any more; what it
 * has given out are blocks that the events know.
 */
#ifndef CPYTHON_POOL_H
#define CPYTHON_POOL_H

#include <stdbool.h>
#include <stdint.h>

/* Does this address lie in a pool?  Memory from `start` on, up to it, can be read. */
bool pool_is(uintptr_t address, uintptr_t start);

#endif
