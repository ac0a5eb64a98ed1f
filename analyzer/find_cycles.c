#include "analysis.h"

#include "mem.h"

#include <errno.h>
#include <string.h>

/* ------------------------------------------------------------------------ dead cycles */

/*
 * Garbage that waits for the collector is untidy; what no collector frees is a
 * leak; what the start-up and imports left behind is nobody's mistake.
 */
static enum finding_severity severity_of(const struct analysis *a, const struct group *g)
{
	if (!analysis_any_made(a, &a->groups.member[g->first], g->ncycle))
		return FINDING_INFO;
	return g->uncollectable ? FINDING_ERROR : FINDING_WARNING;
}

/* Cycles that are alike in all but who sees them and when they were made are not alike. */
static uint64_t group_shape(struct analysis *a, uint32_t i)
{
	const struct group *g = &a->groups.group[i];
	uint64_t shape;

	if (a->each)
		return i + 1;
	shape = shape_of(&a->shapes, &a->groups.member[g->first], g->ncycle, a->groups.of, i,
			 &a->in_cycle);
	return shape ? shape_mix(shape, severity_of(a, g)) : 0;
}

static void add_group(struct analysis *a, struct finding *f, const struct group *g)
{
	const node_id *member = &a->groups.member[g->first];
	uint32_t i;

	f->count++;
	f->objects += g->ncycle + g->ntail;
	f->bytes += g->cycle_bytes + g->tail_bytes;
	f->tail_objects += g->ntail;
	f->tail_bytes += g->tail_bytes;
	f->retained_objects += g->retained;
	f->retained_bytes += g->retained_bytes;
	for (i = 0; i < g->ncycle; i++)
		tally_add(&a->tally, member[i]);
}

static int keep_all(struct finding *f, const node_id *v, uint32_t n)
{
	f->all = mem_array(n, sizeof(*f->all));
	if (!f->all)
		return -ENOMEM;
	memcpy(f->all, v, n * sizeof(*f->all));
	f->nall = n;
	return 0;
}

/* One finding from a run of alike groups; it shows the smallest. */
static int tell_groups(void *arg, const struct shaped *run, uint32_t n)
{
	struct analysis *a = arg;
	const struct groups *s = &a->groups;
	const struct group *shown = &s->group[run[0].at];
	struct finding *f = findings_add(&a->findings);
	uint32_t i;
	int r;

	if (!f)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		const struct group *g = &s->group[run[i].at];

		add_group(a, f, g);
		if (g->ncycle < shown->ncycle)
			shown = g;
	}
	f->kind = shown->uncollectable ? FINDING_UNCOLLECTABLE_CYCLE : FINDING_DEAD_CYCLE;
	f->severity = severity_of(a, shown);
	r = tally_take(&a->tally, f);
	if (!r)
		r = describe_cycle(&a->describer, f, &s->member[shown->first], shown->ncycle);
	if (!r && a->each)
		r = keep_all(f, &s->member[shown->first], shown->ncycle + shown->ntail);
	return r;
}

int find_dead_cycles(struct analysis *a)
{
	struct shaped *s = mem_array(a->groups.n, sizeof(*s));
	uint32_t i, n = 0;
	int r = s ? 0 : -ENOMEM;

	for (i = 0; i < a->groups.n && !r; i++) {
		if (!a->groups.group[i].cyclic)
			continue;
		s[n] = (struct shaped){ group_shape(a, i), i };
		if (!s[n++].shape)
			r = -ENOMEM;
	}
	if (!r)
		r = shape_runs(s, n, tell_groups, a);
	mem_free(s);
	return r;
}

/* ------------------------------------------------------------------------ live cycles */

/* tell_live needs the components, which are no part of an analysis. */
struct live {
	struct analysis *a;
	const struct scc *scc;
};

static int tell_live(void *arg, const struct shaped *run, uint32_t n)
{
	const struct live *l = arg;
	struct analysis *a = l->a;
	const struct scc *s = l->scc;
	struct finding *f = findings_add(&a->live);
	uint32_t i, k, shown = run[0].at;
	int r;

	if (!f)
		return -ENOMEM;
	f->kind = FINDING_LIVE_CYCLE;
	f->severity = FINDING_INFO;
	for (i = 0; i < n; i++) {
		uint32_t c = run[i].at;

		f->count++;
		f->objects += s->first[c + 1] - s->first[c];
		for (k = s->first[c]; k < s->first[c + 1]; k++) {
			f->bytes += a->h->node[s->member[k]].bytes;
			tally_add(&a->tally, s->member[k]);
		}
		if (s->first[c + 1] - s->first[c] < s->first[shown + 1] - s->first[shown])
			shown = c;
	}
	f->retained_objects = f->objects;
	f->retained_bytes = f->bytes;
	r = tally_take(&a->tally, f);
	if (r)
		return r;
	return describe_cycle(&a->describer, f, &s->member[s->first[shown]],
			      s->first[shown + 1] - s->first[shown]);
}

static int tell_all_live(struct analysis *a, const struct scc *scc)
{
	struct live l = { a, scc };
	struct shaped *s = mem_array(scc->n, sizeof(*s));
	uint32_t c, n = 0;
	int r = s ? 0 : -ENOMEM;

	for (c = 0; c < scc->n && !r; c++) {
		const node_id *member = &scc->member[scc->first[c]];
		uint32_t size = scc->first[c + 1] - scc->first[c];

		if (!analysis_any_made(a, member, size))
			continue;
		s[n] = (struct shaped){ shape_of(&a->shapes, member, size, scc->of, c, NULL), c };
		if (!s[n++].shape)
			r = -ENOMEM;
	}
	if (!r)
		r = shape_runs(s, n, tell_live, &l);
	mem_free(s);
	return r;
}

int find_live_cycles(struct analysis *a)
{
	struct bits skip;
	struct scc scc;
	uint32_t i;
	int r = bits_init(&skip, a->h->nnodes);

	if (r)
		return r;
	for (i = 0; i < a->h->nnodes; i++)
		if (heap_is_infra(a->h, i))
			bits_add(&skip, i);
	r = cycles_live(&a->h->graph, &a->dead, &skip, &scc);
	bits_fini(&skip);
	if (r)
		return r;
	r = tell_all_live(a, &scc);
	scc_fini(&scc);
	return r;
}
