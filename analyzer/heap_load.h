/*
 * heap_load.h - joins a snapshot with what the events know
 *
 * The replay stands at the snapshot's moment: what lives there says when, where
 * and for which variable each of the snapshot's objects was made, and what the
 * memory is that C code keeps addresses in.
 */
#ifndef OURO_HEAP_LOAD_H
#define OURO_HEAP_LOAD_H

#include "heap.h"
#include "replay.h"
#include "snap.h"
#include "symbols.h"

struct blocks;

/* Numbers of the trace, as the heap has them; 0: not met yet. */
struct heap_loader {
	struct heap *h;
	struct replay *r;
	struct symbols *symbols;
	const struct snap *snap;
	uint32_t *site;			/* by site_id      */
	uint32_t *call;			/* by stack_id     */
	uint32_t *frame;		/* by location; heap.frame's index + 1 */
	uint32_t sites, calls, frames;	/* room            */
	uint32_t *path, path_cap;	/* scratch         */
	text_id *string;		/* by snapshot row */
	uint64_t (*guest)[2];		/* memory of the library itself: nothing there counts */
	uint32_t guests;
	struct blocks *blocks;		/* what C holds and is counted becomes part of the heap; NULL */
	uint64_t warm;			/* ticks: what was made before counts as the start-up's; 0 */
};

/* snap may be NULL: then only sites can be asked for.  -ENOMEM. */
int heap_loader_init(struct heap_loader *l, struct heap *h, struct replay *r,
		     struct symbols *symbols, const struct snap *snap);
void heap_loader_fini(struct heap_loader *l);

/* The whole snapshot, built.  -ENOMEM, or -EINVAL when it contradicts itself. */
int heap_load(struct heap_loader *l);

/* A birth site's number in the heap; 0: not known.  -ENOMEM. */
int64_t heap_load_site(struct heap_loader *l, site_id id);

/* By the program, or before it? */
enum heap_born heap_load_born(const struct heap_loader *l, uint64_t born, uint32_t site);

/* Native frames are named only when they are shown: this names those of one site. */
void heap_load_symbols(struct heap *h, struct symbols *symbols, uint32_t site);

#endif
