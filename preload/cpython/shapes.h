/*
 * shapes.h - what the walk knows of a type, looked up once for all its objects
 */
#ifndef CPYTHON_SHAPES_H
#define CPYTHON_SHAPES_H

#include "heap.h"

enum shape {
	SHAPE_PLAIN,		/* known by traverse, members and instance dict       */
	SHAPE_LEAF,		/* holds nothing                                      */
	SHAPE_OPAQUE,		/* not the collector's: its words are scanned         */
	SHAPE_LIST, SHAPE_TUPLE, SHAPE_DICT, SHAPE_ODICT, SHAPE_SET, SHAPE_DEQUE,
	SHAPE_FUNCTION, SHAPE_CODE, SHAPE_FRAME, SHAPE_GENERATOR, SHAPE_TYPE, SHAPE_MODULE,
	SHAPE_CELL, SHAPE_LRU, SHAPE_LRU_LINK, SHAPE_WEAKREF, SHAPE_PARTIAL, SHAPE_BUILTIN, SHAPE_DESCRIPTOR,
};

/* A field that may hold a reference. */
struct field {
	int32_t offset;
	uint8_t name;			/* enum ouro_edge_name                        */
	bool unvisited;			/* owned although traverse leaves it out      */
	uint32_t operand;		/* string                                     */
};

typedef int visit_fn(void *op, void *arg);

struct type {
	struct type *next;		/* of the same hash */
	uintptr_t address;
	uint32_t id;			/* number in the snapshot */
	enum shape shape;
	uint64_t flags;			/* tp_flags               */
	int64_t basic, item;
	bool exact;			/* the shape's own type, no class derived from it */
	bool heap, gc, has_dict;
	bool hides;			/* of C, and may hold more than its traverse shows */
	int64_t weak_offset, dict_offset;
	int (*traverse)(void *op, visit_fn *visit, void *arg);
	int (*is_gc)(void *op);
	struct field *field;
	unsigned nfield;
	const char *base;		/* name of the type that gave the shape, or ""  */
};

struct type *type_of(struct walk *w, uintptr_t op);	/* NULL: no memory */
bool type_is_gc(const struct type *t, uintptr_t op);

/* sizes.c: as sys.getsizeof() says it */
uint64_t size_of(const struct walk *w, const struct type *t, uintptr_t op);
void extents_of(struct walk *w, const struct type *t, uintptr_t op);

/* edges.c: all edges of an object, after its node; what it is called, 0: nothing */
uint32_t label_of(struct walk *w, const struct type *t, uintptr_t op);
void edges_of(struct walk *w, const struct type *t, uintptr_t op);
void edges_guessed(struct walk *w, const struct type *t, uintptr_t op);	/* of one that is damaged */

#endif
