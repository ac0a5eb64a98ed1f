/*
 * keep.h - small memory of ouro's own that is never given back
 *
 * Zeroed, 16-byte aligned, from any thread, without a lock; NULL: none.
 */
#ifndef KEEP_H
#define KEEP_H

#include <stddef.h>

#define KEEP_MAX 4096

void *keep(size_t bytes);

#endif
