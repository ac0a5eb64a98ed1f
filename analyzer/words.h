/*
 * words.h - objects and references as a Python programmer says them
 *
 *   first[0]                          item of the list that was made for `first`
 *   self.parent                       attribute; the instance's dict is not mentioned
 *   cell of on_click (button)         free variable `button` of a function
 *   local x of gen()                  variable of a suspended generator
 *   exc.__traceback__.tb_frame local exc
 *   module global `single` of __main__
 *
 * An object is spoken of by its own name (function, class, module), else by the
 * variable it was made for, else by the way that leads to it, else by its
 * type and a number.
 */
#ifndef OURO_WORDS_H
#define OURO_WORDS_H

#include "buf.h"
#include "heap.h"

/* How an object is spoken of. */
struct spoken {
	struct buf text;
	bool compound;		/* needs parentheses before ".x" or "[0]" can follow */
	enum spoken_as {
		SPOKEN_SELF = 0,	/* text is the object                        */
		SPOKEN_DICT,		/* it is the __dict__ of what text is        */
		SPOKEN_CLOSURE,		/* it is the __closure__ of the function in text */
		SPOKEN_CELL,		/* text is the cell, and what it holds       */
	} as;
	node_id of;			/* DICT, CLOSURE: the owner in text          */
};

void spoken_fini(struct spoken *s);

/* The object itself in words: "x.__dict__" for a SPOKEN_DICT. */
void spoken_label(const struct spoken *s, struct buf *out);

/* From how the holder is spoken of to how the held one is.  `to` is overwritten. */
void words_step(const struct heap *h, const struct spoken *holder, const struct heap_edge *e,
		struct spoken *to);

/* "Node" for "__main__.Node". */
const char *words_type(const char *name);

/* "list", "2 lists", "3 Node objects"; `type` as in the snapshot. */
void words_objects(struct buf *out, const char *type, uint64_t n);

/* "entangle()", or "<module>" as it is; the last part of a qualified name is enough for `brief`. */
void words_function(struct buf *out, const char *function);

/* The file's own name, without folders. */
const char *words_file(const char *path);

/* "local variable `x` of f() (app.py:12)" */
void words_root(struct buf *out, const struct heap *h, const struct heap_root *r);

/* "module global `single` of __main__", "rows[3]", "[3] of a list made in f() (app.py:4)" */
void words_holder(struct buf *out, const struct heap *h, const struct heap_edge *e);

/* "app.registry['x'].children[0]"; edges lead from the root's node to the object. */
void words_path(struct buf *out, const struct heap *h, const struct heap_root *r,
		const uint32_t *edges, uint32_t n);

/* A module's name by its namespace, "" when not known. */
const char *words_module(const struct heap *h, node_id space);

/* The variable an object was made for, when that is a plain name; else "". */
const char *words_variable(const struct heap *h, node_id v);

/* ------------------------------------------------------------ several objects together */

struct words_member {
	node_id node;
	struct spoken spoken;
	bool inner;		/* spoken of by the one way that leads to it: not worth a line of its own */
	bool named;		/* has a name of its own or of a variable */
};

struct words {
	const struct heap *h;
	struct words_member *member;	/* in the order given; [0] is where one begins to read */
	uint32_t *sorted;		/* by node */
	uint32_t n;
};

/* Finds names that are unlike for unlike objects.  -ENOMEM.  Meant for some hundred at most. */
int words_init(struct words *w, const struct heap *h, const node_id *nodes, uint32_t n);
void words_fini(struct words *w);

/* Index of a node's member, or UINT32_MAX. */
uint32_t words_find(const struct words *w, node_id v);

/* "first[0]" for an edge that leaves a member. */
void words_edge(const struct words *w, const struct heap_edge *e, struct buf *out);

#endif
