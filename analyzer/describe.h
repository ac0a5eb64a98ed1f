/*
 * describe.h - one finding's members, edges and words
 *
 * The caller has summed up what is alike; this shows one of them: who its members
 * are and what they are called, which references make it, how the counts are
 * explained, where it all was made, and what one can do about it.
 */
#ifndef OURO_DESCRIBE_H
#define OURO_DESCRIBE_H

#include "bits.h"
#include "finding.h"
#include "naming.h"

/* So many members of one are shown. */
#define DESCRIBE_MEMBERS 200

struct describer {
	const struct heap *h;
	struct bits seen, inside;	/* empty between calls */
};

int describer_init(struct describer *d, const struct heap *h);	/* -ENOMEM */
void describer_fini(struct describer *d);

/* Kind, severity, sites and the sums are set.  -ENOMEM. */
int describe_cycle(struct describer *d, struct finding *f, const node_id *cycle, uint32_t n);
int describe_object(struct describer *d, struct finding *f, node_id v);

/* "in entangle() (cycle.py:8, cycle.py:9) and <module> (app.py:3)", "" for no site. */
void describe_sites(struct buf *out, const struct finding *f);

/* "2 lists and 1 dict" */
void describe_types(struct buf *out, const struct finding_count *type, uint32_t n);

#endif
