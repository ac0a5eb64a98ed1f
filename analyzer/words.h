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
		SPOKEN_CALL,		/* it is the frame of the generator in text  */
	} as;
	node_id of;			/* DICT, CLOSURE, CALL: the owner in text    */
};

void spoken_fini(struct spoken *s);

/* The object itself in words: "x.__dict__" for a SPOKEN_DICT. */
void spoken_label(const struct spoken *s, struct buf *out);

/* From how the holder is spoken of to how the held one is.  `to` is overwritten. */
void words_step(const struct heap *h, const struct spoken *holder, const struct heap_edge *e,
		struct spoken *to);

/* "Node" for "__main__.Node" and for "app.make.<locals>.Node". */
const char *words_type(const char *name);

/* The same, of a very long name the beginning and "...". */
void words_put_type(struct buf *out, const char *type);

/* "list", "2 lists", "3 Node objects"; `type` as in the snapshot. */
void words_objects(struct buf *out, const char *type, uint64_t n);

/* "entangle()", or "<module>" as it is. */
void words_function(struct buf *out, const char *function);

/* "make.<locals>.on_click" is on_click. */
const char *words_last(const char *qualname);

/* "entangle() (cycle.py:8)" */
void words_place(struct buf *out, const char *function, const char *file, uint32_t line);

/* The file's own name, without folders; with that of its package where it is __init__.py. */
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

/* The instance whose __dict__ this is; NODE_NONE when it is none. */
node_id words_dict_owner(const struct heap *h, node_id v);

/* What an object is called without regard to others; false: nothing, *s is empty. */
bool words_own_name(const struct heap *h, node_id v, struct spoken *s);

#endif
