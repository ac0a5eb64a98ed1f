/*
 * mem.h - arrays from the heap, and a way to see them refused
 *
 * Analyses need a few large arrays each and no small ones.  They ask here
 * rather than calloc itself, so that large arrays come in huge pages, and so
 * that tests can refuse the n-th request, for every n: what a module does when
 * memory ends is then as tested as what it does otherwise.
 */
#ifndef OURO_MEM_H
#define OURO_MEM_H

#include <stddef.h>
#include <stdint.h>

/* n zeroed elements; NULL when there is no memory.  Never NULL for n = 0. */
void *mem_array(size_t n, size_t size);

/*
 * Makes room for one element more than used in *array of *cap elements, by
 * growing it when it is full; new elements are not zeroed.  -ENOMEM leaves both
 * as they were.
 */
int mem_room(void *array, uint32_t used, uint32_t *cap, size_t size);

/* NULL is fine. */
void mem_free(void *array);

/*
 * For tests: the n-th request from now is refused, and all after it; 0 refuses
 * none.  What is left of n says how many were asked for in between.
 */
extern uint64_t mem_refuse_at;

#endif
