/*
 * heap.h - the program's objects at one moment, with all we know about each
 *
 * A snapshot says what there is and who holds whom; the events say where each
 * object was made.  A heap is the two joined: objects, edges, roots and birth
 * sites in plain arrays, and a struct graph under the same node numbers for
 * whoever counts.  An edge's name in the graph is its index in heap.edge, a
 * root's id its index in heap.root.
 *
 * It is filled (heap_add_*), then built once.  Building decides about the
 * references a snapshot was not sure of: they count as far as the count of what they
 * point to needs them, the roots' first, so that doubt keeps alive.
 */
#ifndef OURO_HEAP_H
#define OURO_HEAP_H

#include "graph.h"
#include "texts.h"

#include <ouro/define.h>
#include <ouro/snapshot.h>
#include <stdbool.h>
#include <stdint.h>

enum heap_born {
	HEAP_BORN_UNKNOWN = 0,	/* the events do not know it            */
	HEAP_BORN_BEFORE  = 1,	/* while the runtime started up         */
	HEAP_BORN_AFTER   = 2,	/* by the program                       */
	HEAP_BORN_PARENT  = 3,	/* before the fork, by the process that forked */
};

struct heap_type {
	uint64_t address;
	text_id name;		/* as the snapshot has it: module.qualname, built-in ones bare */
	uint32_t flags;		/* enum ouro_snap_type                  */
};

struct heap_node {
	uint64_t address;
	uint64_t bytes;
	uint64_t count;		/* references, as the runtime has it    */
	uint64_t when;		/* it was made: ticks; 0: not known      */
	double weight;		/* so many like it a sampled one stands for; 0: itself */
	uint32_t type;		/* index into heap.type                 */
	uint32_t site;		/* index into heap.site; 0: not known   */
	text_id label;		/* own name of a function, class, module; 0: none */
	uint16_t flags;		/* enum ouro_snap_node                  */
	uint8_t generation;
	uint8_t born;		/* enum heap_born                       */
	bool foreign;		/* no object of the interpreter: see across.h */
};

struct heap_edge {
	node_id from, to;
	uint32_t operand;	/* number, or a text_id where the name is one */
	uint8_t name;		/* enum ouro_edge_name                  */
	uint8_t flags;		/* enum ouro_edge_flags                 */
	bool owned;		/* one reference of the target's count  */
};

struct heap_root {
	node_id node;
	text_id what, function, file;
	uint32_t line, thread, number;
	uint8_t kind;		/* enum ouro_root                       */
	uint8_t flags;		/* enum ouro_edge_flags                 */
	bool owned;
};

/* Memory outside all objects that has the address of one whose count is not explained. */
struct heap_word {
	node_id node;
	uint64_t where;
	text_id what;		/* "_json.so+0x2040", "a block of 64 bytes"; 0: not known */
	uint8_t region;		/* enum ouro_region                     */
	bool plausible;		/* in memory that is in use             */
};

/* One level of a stack. */
struct heap_frame {
	text_id function, file, module;
	uint32_t line;
	uint32_t location;	/* of the trace: machine code; named when function is there */
	bool inlined;		/* named: into the next one, and of the same location */
	bool interpreted;	/* a line of the program, not machine code */
};

/* A frame and those outside of it: stacks that came from one place share them. */
struct heap_call {
	uint32_t frame;
	uint32_t outer;		/* index into heap.call; 0: there is none */
	uint32_t here;		/* the innermost interpreted one, from this on; 0: none */
	bool startup;		/* below the runtime's own import of what it begins with */
};

/* Where objects were made. */
struct heap_site {
	uint32_t calls;		/* heap.call[calls] is the innermost; 0: none */
	uint32_t here;		/* heap.call[here] is the innermost interpreted one; 0: none */
	text_id name;		/* the variable that got the object; 0: not known */
	bool startup;		/* below the runtime's own import of what it begins with */
};

struct heap {
	struct texts texts;
	struct heap_type *type;		/* [0] is "object", for what has none */
	struct heap_node *node;
	struct heap_edge *edge;
	struct heap_root *root;
	struct heap_word *word;
	struct heap_site *site;		/* [0] is "not known"           */
	struct heap_frame *frame;	/* each once                    */
	struct heap_call *call;		/* [0] is the outside of all    */
	uint32_t ntypes, nnodes, nedges, nroots, nwords, nsites, nframes, ncalls;
	uint32_t cap[8];
	bool sampled;		/* births that are not known were not sampled */
	bool complete;		/* the snapshot's writer came to its end */
	enum ouro_snapshot_reason reason;
	struct graph graph;	/* after heap_build                     */
};

/* A zeroed heap is empty; this gives it its rows 0, as adding anything does.  -ENOMEM. */
int heap_init(struct heap *h);

/* All return an index, or -ENOMEM; the heap is then as it was. */
int64_t heap_add_type(struct heap *h, const struct heap_type *t);
int64_t heap_add_node(struct heap *h, const struct heap_node *n);
int64_t heap_add_edge(struct heap *h, const struct heap_edge *e);
int64_t heap_add_root(struct heap *h, const struct heap_root *r);
int64_t heap_add_word(struct heap *h, const struct heap_word *w);
int64_t heap_add_frame(struct heap *h, const struct heap_frame *f);
/* A call of `frame` from `outer`, a call or 0. */
int64_t heap_add_call(struct heap *h, uint32_t frame, uint32_t outer, bool startup);
/* `calls` is the innermost call. */
int64_t heap_add_site(struct heap *h, uint32_t calls, text_id name);

/* Other frames for a site, innermost first: one in machine code can be several.  -ENOMEM. */
int heap_set_frames(struct heap *h, uint32_t site, const struct heap_frame *frames, uint32_t n);

/* Decides what is owned and builds the graph with its reverse; -ENOMEM. */
int heap_build(struct heap *h);
void heap_fini(struct heap *h);

static inline const char *heap_text(const struct heap *h, text_id id)
{
	return texts_get(&h->texts, id);
}

static inline const char *heap_type_name(const struct heap *h, node_id v)
{
	return heap_text(h, h->type[h->node[v].type].name);
}

static inline bool heap_is(const struct heap *h, node_id v, const char *type)
{
	const char *name = heap_type_name(h, v);

	while (*name && *name == *type)
		name++, type++;
	return *name == *type;
}

/*
 * All calls of a site, innermost first:
 *
 *	for (c = h->site[site].calls; c; c = h->call[c].outer)
 *		f = heap_frame(h, c);
 */
static inline struct heap_frame *heap_frame(const struct heap *h, uint32_t call)
{
	return &h->frame[h->call[call].frame];
}

/* The frame that names where v was made; NULL when that is not known. */
const struct heap_frame *heap_place(const struct heap *h, uint32_t site);

/* The first place on the way out that is not the language's own library; may be the same. */
const struct heap_frame *heap_caller(const struct heap *h, uint32_t site);

/* Made by a library while somebody imported it: what a program hardly has a say in. */
bool heap_is_import(const struct heap *h, uint32_t site);

/* Part of the program's code rather than of its data: modules, classes, functions. */
static inline bool heap_is_infra(const struct heap *h, node_id v)
{
	return h->node[v].flags & (OURO_NODE_NAMESPACE | OURO_NODE_CODE_INFRA);
}

#endif
