/*
 * words.h - where else in memory the address of an unexplained object stands
 *
 * An object whose count is above all known references is held by C code, or
 * was never given back.  C code that still holds it has its address
 * somewhere: all writable memory is read for it, but for what the objects
 * themselves fill.
 */
#ifndef CPYTHON_WORDS_H
#define CPYTHON_WORDS_H

#include "heap.h"

#define WORDS_PER_OBJECT	16
#define WORDS_ALL		200000

void words_write(struct walk *w);

#endif
