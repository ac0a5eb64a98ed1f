/*
 * hooks.h - the names that the program's calls reach ouro by
 */
#ifndef HOOKS_H
#define HOOKS_H

#include "events.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* With pool_depth > 0: was the end of p what this thread wrote just before? */
bool hooks_ended_already(struct thr *t, const void *p);

void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void free(void *p);
void *realloc(void *p, size_t size);
void *reallocarray(void *p, size_t n, size_t size);
int posix_memalign(void **ret, size_t align, size_t size);
void *aligned_alloc(size_t align, size_t size);
void *memalign(size_t align, size_t size);
void *valloc(size_t size);
void *pvalloc(size_t size);
size_t malloc_usable_size(void *p);

#endif
