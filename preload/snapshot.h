/*
 * snapshot.h - a forked child writes the heap into the trace (ouro/snapshot.h)
 *
 * The child owns a copy of the process at one moment, and nothing else: no
 * thread but itself, no descriptor, no lock it may wait for.  Its memory comes
 * from snapshot_memory.  It leaves by _exit, never by a destructor.
 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "thr.h"

#include <ouro/define.h>
#include <ouro/snapshot.h>
#include <stddef.h>

struct snapshot;
struct threads;

/*
 * Fork, and have the runtime write its heap, or search memory where there is none;
 * returns in the parent at once.  stack: from here on it is the program's; 0: from
 * our caller's frame.  0 or -errno.
 */
int snapshot_take(struct guard *g, enum ouro_snapshot_reason reason, uintptr_t stack);
bool snapshot_idle(void);	/* none is under way */
bool snapshot_can(void);	/* is there something to be written? */
bool snapshot_wanted(enum ouro_snapshot_reason reason);	/* as the user's options say */

/* In a process made from a core file: the runtime's heap, to its descriptor.  sp: as `stack`. */
void snapshot_revived(uintptr_t sp);

/* For the runtime, in the child. ------------------------------------------------- */

/* Memory that lives until the child ends: zeroed, 16-byte aligned.  NULL: none. */
void *snapshot_memory(struct snapshot *s, size_t bytes);
void snapshot_release(struct snapshot *s, void *p, size_t bytes);	/* large ones are given back */
bool snapshot_owns(const struct snapshot *s, uintptr_t start, uintptr_t end); /* memory of that kind */
enum ouro_snapshot_reason snapshot_reason(const struct snapshot *s);
uintptr_t snapshot_stack(const struct snapshot *s);	/* of who called snapshot_take */
uintptr_t snapshot_frames(const struct snapshot *s);	/* ... with the registers it saved below */
/* Looked at before the fork; NULL: memory is not to be searched. */
struct threads *snapshot_threads(struct snapshot *s);

uint32_t snapshot_string(struct snapshot *s, const char *text, size_t length); /* one number per text */
uint32_t snapshot_type(struct snapshot *s, uintptr_t address, uint32_t name, unsigned flags,
	uint64_t basic, uint64_t item);
struct snapshot_node {
	uintptr_t address;
	uint32_t type;
	uint64_t size, count;
	unsigned flags, generation;
	uint32_t label;
};
void snapshot_node(struct snapshot *s, const struct snapshot_node *n);
void snapshot_edge(struct snapshot *s, uintptr_t held, enum ouro_edge_name name, unsigned flags,
	uint64_t operand);
struct snapshot_root {
	uintptr_t held;
	enum ouro_root kind;
	unsigned flags;
	uint32_t what, function, file;	/* strings */
	uint32_t line, thread, number;
};
void snapshot_root(struct snapshot *s, const struct snapshot_root *r);
void snapshot_word(struct snapshot *s, uintptr_t held, enum ouro_region region, uintptr_t where);
/* At most OURO_SNAP_WORDS_MAX words; where: ascending. */
void snapshot_words(struct snapshot *s, enum ouro_region region, const uintptr_t *where,
	const uintptr_t *held, unsigned n);
void snapshot_scan(struct snapshot *s, unsigned flags, uint64_t waiting, uint64_t running,
	uint64_t bytes, uint64_t words);
void snapshot_thread(struct snapshot *s, uint32_t tid, uintptr_t sp, uintptr_t tcb);
void snapshot_note(struct snapshot *s, const char *text);

#endif
