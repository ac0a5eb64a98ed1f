#include "garbage.h"

#include "mem.h"

#include <errno.h>
#include <string.h>

static void look_free(struct garbage_look *l)
{
	if (!l)
		return;
	analysis_fini(&l->analysis);
	heap_fini(&l->heap);
	mem_free(l);
}

/* The replay stands at the moment of the snapshot. */
static int analyse(struct garbage_look *l, struct replay *r, struct symbols *symbols,
		   const struct snap *s)
{
	struct heap_loader loader;
	int e = heap_loader_init(&loader, &l->heap, r, symbols, s);

	if (e)
		return e;
	e = heap_load(&loader);
	heap_loader_fini(&loader);
	if (!e)
		e = analysis_init(&l->analysis, &l->heap);
	if (!e)
		e = find_dead_cycles(&l->analysis);
	for (uint32_t i = 0; i < l->analysis.findings.n; i++)
		l->analysis.findings.f[i].heap = &l->heap;
	return e;
}

static int look(struct garbage *g, struct replay *r, struct symbols *symbols,
		const struct snap *s)
{
	struct garbage_look *l = mem_array(1, sizeof(*l));
	int e = l ? replay_to_ticks(r, s->def->ticks) : -ENOMEM;

	if (e >= 0)
		e = analyse(l, r, symbols, s);
	if (e || mem_room(&g->look, g->n, &g->cap, sizeof(*g->look))) {
		look_free(l);
		return e == -EINVAL ? 0 : -ENOMEM;
	}
	g->look[g->n++] = l;
	return 0;
}

int garbage_gather(struct garbage *g, struct replay *r, struct symbols *symbols, uint64_t until)
{
	for (; g->next < r->trace->snapshots; g->next++) {
		uint32_t number = r->trace->snapshot[g->next].number;
		const struct def_snapshot *def = def_snapshot(r->defs, number);
		struct snap s;
		int e;

		if (!def || def->reason != OURO_SNAPSHOT_COLLECTION)
			continue;
		if (def->ticks >= until)
			return 0;
		if (def->ticks < r->now)
			continue;
		e = snap_load(&s, r->trace, r->defs, number);
		if (e == -ENOMEM)
			return e;
		if (e)
			continue;
		e = s.complete && !s.scan.there ? look(g, r, symbols, &s) : 0;
		snap_free(&s);
		if (e)
			return e;
	}
	return 0;
}

void garbage_fini(struct garbage *g)
{
	for (uint32_t i = 0; i < g->n; i++)
		look_free(g->look[i]);
	mem_free(g->look);
	*g = (struct garbage){0};
}

struct finding *garbage_like(const struct garbage *g, const char *function, const char *file,
			     uint32_t line)
{
	struct finding *best = NULL;
	int nearest = 0;

	for (uint32_t i = 0; i < g->n; i++) {
		const struct findings *s = &g->look[i]->analysis.findings;

		for (uint32_t k = 0; k < s->n; k++) {
			int near = finding_nearness(&s->f[k], function, file, line);

			if (near > nearest || (near && near == nearest &&
					       s->f[k].objects > best->objects)) {
				best = &s->f[k];
				nearest = near;
			}
		}
	}
	return best;
}
