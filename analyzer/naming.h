/*
 * naming.h - several objects shown together, and what each is called
 *
 * Unlike objects get unlike names.  One that has no name of its own and is held by
 * just one of the others is *inner*: it is spoken of by the way that leads to it
 * (`root.children`), and needs no line of its own.
 */
#ifndef OURO_NAMING_H
#define OURO_NAMING_H

#include "words.h"

struct named {
	node_id node;
	struct spoken spoken;
	const struct heap_edge *way;	/* inner: the edge that leads to it      */
	bool inner;
	bool known;		/* by a name of its own or of a variable         */
};

struct naming {
	const struct heap *h;
	struct named *member;	/* as given; [0] is where one begins to read     */
	uint32_t *sorted;	/* by node                                       */
	uint32_t n;
};

/* -ENOMEM.  The nodes are distinct; meant for some hundred at most. */
int naming_init(struct naming *w, const struct heap *h, const node_id *nodes, uint32_t n);
void naming_fini(struct naming *w);

/* Index of a node's member, or UINT32_MAX. */
uint32_t naming_find(const struct naming *w, node_id v);

/* "first[0]", for an edge that leaves a member. */
void naming_edge(const struct naming *w, const struct heap_edge *e, struct buf *out);

/* Of a class the program made, and no class or function itself. */
bool naming_is_instance(const struct heap *h, node_id v);

/* Made by the language around the program's objects: frames, cells, bound methods, instance dicts. */
bool naming_is_scaffold(const struct heap *h, node_id v);

#endif
