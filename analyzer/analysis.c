#include "analysis.h"

static int mark_cycles(struct analysis *a)
{
	uint32_t i, k;

	if (bits_init(&a->in_cycle, a->h->nnodes))
		return -ENOMEM;
	for (i = 0; i < a->groups.n; i++)
		for (k = 0; k < a->groups.group[i].ncycle; k++)
			bits_add(&a->in_cycle, a->groups.member[a->groups.group[i].first + k]);
	return 0;
}

int analysis_init(struct analysis *a, const struct heap *h)
{
	int r;

	*a = (struct analysis){ .h = h };
	r = dead_find(&h->graph, &a->dead);
	if (!r)
		r = groups_find(&h->graph, &a->dead, &a->groups);
	if (!r)
		r = mark_cycles(a);
	if (!r)
		r = shapes_init(&a->shapes, h);
	if (!r)
		r = tally_init(&a->tally, h);
	if (!r)
		r = describer_init(&a->describer, h);
	if (r)
		analysis_fini(a);
	return r;
}

void analysis_fini(struct analysis *a)
{
	describer_fini(&a->describer);
	tally_fini(&a->tally);
	shapes_fini(&a->shapes);
	bits_fini(&a->in_cycle);
	groups_fini(&a->groups);
	dead_fini(&a->dead);
	findings_fini(&a->findings);
	findings_fini(&a->live);
	*a = (struct analysis){0};
}

void analysis_rank(struct analysis *a)
{
	findings_rank(&a->findings);
	findings_rank(&a->live);
}

bool analysis_any_made(const struct analysis *a, const node_id *v, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (a->h->node[v[i]].born == HEAP_BORN_AFTER &&
		    !heap_is_import(a->h, a->h->node[v[i]].site))
			return true;
	return false;
}
