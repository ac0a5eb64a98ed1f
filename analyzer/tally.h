/*
 * tally.h - of what types many objects are, and where they were made
 */
#ifndef OURO_TALLY_H
#define OURO_TALLY_H

#include "finding.h"

struct tally {
	const struct heap *h;
	uint64_t *by_type, *by_site;	/* objects; 0 outside of the touched rows */
	uint32_t *type, *site;		/* touched rows */
	uint32_t ntypes, nsites;
};

int tally_init(struct tally *t, const struct heap *h);	/* -ENOMEM */
void tally_fini(struct tally *t);

void tally_add(struct tally *t, node_id v);

/* Into the finding's types and sites, the most first; the tally is empty after.  -ENOMEM. */
int tally_take(struct tally *t, struct finding *f);

/* The place that names a birth site, with its variable. */
struct finding_site tally_site(const struct heap *h, uint32_t site);

#endif
