/*
 * snap.h - one snapshot as plain arrays
 *
 * Addresses are replaced by row numbers; edges and words that lead to an address where
 * no node is are left out and counted.  The edges of a node are in a row.
 */
#ifndef SNAP_H
#define SNAP_H

#include "defs.h"

#include <ouro/snapshot.h>

struct snap_type {
	uint64_t addr;
	struct text name;
	uint32_t flags;			/* enum ouro_snap_type                       */
	uint64_t basic, item;		/* bytes                                     */
};

struct snap_node {
	uint64_t addr;
	uint64_t size;			/* bytes                                     */
	uint64_t count;			/* references, as the runtime says           */
	uint32_t type;			/* row of type; 0: none                      */
	uint32_t label;			/* row of string; 0: none                    */
	uint32_t flags;			/* enum ouro_snap_node                       */
	uint32_t generation;		/* see ouro/snapshot.h                       */
	uint32_t edge, edges;		/* first one, and how many                   */
};

struct snap_edge {
	uint32_t to;			/* row of node                               */
	uint8_t name;			/* enum ouro_edge_name                       */
	uint8_t flags;			/* enum ouro_edge_flags                      */
	uint64_t operand;		/* number, or row of string: ouro_edge_name  */
};

struct snap_root {
	uint32_t to;
	uint8_t kind;			/* enum ouro_root                            */
	uint8_t flags;			/* enum ouro_edge_flags                      */
	uint32_t what, function, file;	/* rows of string                            */
	uint32_t line, thread, number;
};

struct snap_word {
	uint32_t to;
	uint8_t region;			/* enum ouro_region                          */
	uint64_t where;			/* address of the word                       */
};

/* Words that memory was searched for: one record, which found.h reads. */
struct snap_run {
	const uint8_t *p, *end;
};

struct snap_thread {
	uint32_t tid;
	uint64_t sp, tcb;		/* 0: not known; tcb: its struct pthread     */
};

/* Memory was searched, whatever it holds: the snapshot has no nodes of its own. */
struct snap_scan {
	bool there;
	uint32_t flags;			/* enum ouro_scan                            */
	uint64_t waiting, running;	/* other threads                             */
	uint64_t bytes, words;		/* searched, found                           */
};

struct snap {
	uint32_t number;
	const struct def_snapshot *def;	/* NULL: not defined                         */
	bool complete;			/* its END is here and no chunk is missing   */

	struct text *string;		/* row 0: ""                                 */
	struct snap_type *type;		/* row 0: no name                            */
	struct snap_node *node;		/* as they came                              */
	struct snap_edge *edge;
	struct snap_root *root;
	struct snap_word *word;
	uint32_t *note;			/* rows of string                            */
	struct trace_bytes *bytes;	/* chunks that strings and runs are in       */
	uint32_t held;			/* so many of them                           */
	struct snap_run *run;
	uint32_t runs;
	struct snap_thread *thread;
	uint32_t threads;
	struct snap_scan scan;
	bool core;			/* of a core file: objects are not in it, but in the events */
	uint8_t *made;			/* ... what its runs point into              */
	uint32_t strings, types, nodes, edges, roots, words, notes;

	uint64_t dropped_edges, dropped_roots, dropped_words;	/* to no node        */
	uint64_t double_nodes;		/* at an address that had one: left out      */
	uint64_t microseconds;		/* it took                                   */
	struct snap_index *index;	/* snap.c's: address -> row                  */
};

#define SNAP_NONE UINT32_MAX

/* 0, -ENOENT: the trace has no chunk of it, -ENOMEM. */
int snap_load(struct snap *s, struct trace *t, const struct defs *d, uint32_t number);
void snap_free(struct snap *s);

/* The newest complete one, of those before a collection only when there is no other; 0: none. */
uint32_t snap_newest(struct trace *t, const struct defs *d);

uint32_t snap_find(const struct snap *s, uint64_t addr);	/* row, or SNAP_NONE */
struct text snap_string(const struct snap *s, uint32_t row);

/* Is the operand of this edge a string? */
bool snap_named(enum ouro_edge_name name);

#endif
