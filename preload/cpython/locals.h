/*
 * locals.h - the variables of frames: their names, where they stand, the line
 *
 * Up to 3.10 a frame is an object with its variables in it; from 3.11 on it is
 * a struct on the thread's own stack or inside a generator, and an object only
 * once somebody asked.  Either is "frame" here; layout.h's frame_ offsets fit both.
 */
#ifndef CPYTHON_LOCALS_H
#define CPYTHON_LOCALS_H

#include "heap.h"

uintptr_t frame_code(uintptr_t frame);		/* 0: a frame of C code's own            */
int64_t code_nlocals(uintptr_t code);		/* variables, cells and free variables   */
uintptr_t code_local_name(uintptr_t code, int64_t i);	/* a str, or 0                   */

/* Values on the evaluation stack, as far as the frame says it; -1: it runs and does not say. */
int64_t frame_depth(uintptr_t frame, uintptr_t code);

uint32_t frame_line(uintptr_t frame, uintptr_t code);	/* 0: not known */

/* The edges of a suspended frame: variables and stack, and from 3.11 on what the struct holds. */
void frame_edges(struct walk *w, uintptr_t frame);

#endif
