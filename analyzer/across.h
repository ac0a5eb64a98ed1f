/*
 * across.h - an interpreter's objects and counted ones (GObjects) that hold each other
 *
 * The interpreter's walk ends where its objects hold memory of C, and begins again
 * where C holds its objects.  Between lie objects that are counted by calls, and
 * plain blocks: here those of them that lead back to the interpreter's objects become
 * nodes of the same heap ("foreign" ones), so that a circle through both is one circle.
 *
 *	wrapper --obj--> GObject --signal clicked--> GClosure --callback--> method --> wrapper
 *
 * A word is no reference for certain.  A foreign node is held by all that may
 * hold it; an object of the interpreter only as far as its count is not explained
 * otherwise, by words outside of all this last.  What a root of C reaches is left out, and so is
 * alive; one with more references than words that lead to it is alive, too.
 */
#ifndef OURO_ACROSS_H
#define OURO_ACROSS_H

#include "blocks.h"
#include "heap_load.h"

/* Adds foreign nodes and their edges to a heap that is loaded and not built yet.  -ENOMEM. */
int across_load(struct heap_loader *l, struct blocks *b);

#endif
