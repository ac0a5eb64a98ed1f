#include "cycles.h"

#include <errno.h>
#include <string.h>

#include "base.h"
#include "mem.h"

struct grouping {
	const struct graph *g;
	const struct dead *d;
	struct scc scc;		/* of the dead                                         */
	uint32_t *owner;	/* by component: its group; before that, what holds it */
	struct groups s;
	uint32_t cap;		/* of s.group                                          */
};

/* --- the forest of groups -------------------------------------------------------- */

/*
 * Jump pointers after Myers, "An applicative random-access stack" (1983): each
 * group knows its parent and one ancestor further up, so placed that climbing
 * to any height takes a logarithm of steps.
 */
static void hang(struct group *group, uint32_t i, uint32_t parent)
{
	struct group *p;
	uint32_t jump;

	group[i].parent = parent;
	if (parent == GROUP_NONE) {
		group[i].top = group[i].jump = i;
		return;
	}
	p = &group[parent];
	jump = p->jump;
	group[i].top = p->top;
	group[i].depth = p->depth + 1;
	group[i].jump = p->depth - group[jump].depth ==
			group[jump].depth - group[group[jump].jump].depth ?
			group[jump].jump : parent;
}

static uint32_t climb(const struct group *group, uint32_t i, uint32_t depth)
{
	while (group[i].depth > depth)
		i = group[group[i].jump].depth >= depth ? group[i].jump : group[i].parent;
	return i;
}

/* The innermost group that is above both, or is one of them; they are of one tree. */
static uint32_t common(const struct group *group, uint32_t a, uint32_t b)
{
	a = climb(group, a, group[b].depth);
	b = climb(group, b, group[a].depth);
	while (a != b) {
		bool far = group[a].jump != group[b].jump;

		a = far ? group[a].jump : group[a].parent;
		b = far ? group[b].jump : group[b].parent;
	}
	return a;
}

/* Whom something belongs to that both groups hold: the rule at the head of cycles.h. */
static uint32_t joint(const struct group *group, uint32_t a, uint32_t b)
{
	if (a == GROUP_NONE)
		return b;
	if (group[a].top != group[b].top)
		return group[a].top < group[b].top ? a : b;
	return common(group, a, b);
}

/* --- from components to groups --------------------------------------------------- */

static int new_group(struct grouping *w, uint32_t c)
{
	struct groups *s = &w->s;
	struct group *new;

	if (mem_room(&s->group, s->n, &w->cap, sizeof(*s->group)))
		return -ENOMEM;
	new = &s->group[s->n];
	memset(new, 0, sizeof(*new));
	new->cyclic = bits_has(&w->scc.cyclic, c);
	new->blocker = NODE_NONE;
	hang(s->group, s->n, w->owner[c]);
	w->owner[c] = s->n++;
	return 0;
}

/* Tells all components held by this one who holds them. */
static void hand_down(struct grouping *w, uint32_t c)
{
	const struct graph *g = w->g;
	uint32_t i, held;
	edge_id e;
	node_id v;

	for (i = w->scc.first[c]; i < w->scc.first[c + 1]; i++) {
		v = w->scc.member[i];
		for (e = g->out[v]; e < g->out[v + 1]; e++) {
			held = w->scc.of[g->to[e]];
			if (!edge_owns(g, e) || held == SCC_NONE || held == c)
				continue;
			w->owner[held] = joint(w->s.group, w->owner[held], w->owner[c]);
		}
	}
}

/* In topological order a component's holders have all spoken when its turn comes. */
static int assign_owners(struct grouping *w)
{
	uint32_t c;

	memset(w->owner, 0xff, w->scc.n * sizeof(*w->owner));
	for (c = 0; c < w->scc.n; c++) {
		if (bits_has(&w->scc.cyclic, c) || w->owner[c] == GROUP_NONE)
			if (new_group(w, c))
				return -ENOMEM;
		hand_down(w, c);
	}
	return 0;
}

/* --- what is in a group ---------------------------------------------------------- */

/* Does the component begin the group, rather than hang from its cycle? */
static bool heads(const struct grouping *w, uint32_t c)
{
	const struct group *group = &w->s.group[w->owner[c]];

	return bits_has(&w->scc.cyclic, c) || (!group->cyclic && !group->ncycle);
}

static void count_members(struct grouping *w)
{
	const struct scc *scc = &w->scc;
	struct group *group;
	uint32_t c, i;
	bool head;

	for (c = 0; c < scc->n; c++) {
		group = &w->s.group[w->owner[c]];
		head = heads(w, c);
		for (i = scc->first[c]; i < scc->first[c + 1]; i++) {
			node_id v = scc->member[i];

			if (head) {
				group->ncycle++;
				group->cycle_bytes += w->g->bytes[v];
			} else {
				group->ntail++;
				group->tail_bytes += w->g->bytes[v];
			}
			group->stuck += !bits_has(&w->d->freed, v);
			w->s.of[v] = w->owner[c];
		}
	}
}

/*
 * Topological order puts what begins a group before its tail, so one pass
 * over the components lists both in their places.
 */
static void list_members(struct grouping *w)
{
	const struct scc *scc = &w->scc;
	struct group *group;
	uint32_t c, i, at = 0, size;

	for (group = w->s.group; group < w->s.group + w->s.n; group++) {
		group->first = at;
		at += group->ncycle + group->ntail;
	}
	for (c = 0; c < scc->n; c++) {
		group = &w->s.group[w->owner[c]];
		size = scc->first[c + 1] - scc->first[c];
		memcpy(w->s.member + group->first, scc->member + scc->first[c],
		       size * sizeof(*scc->member));
		group->first += size;
	}
	for (i = 0; i < w->s.n; i++)
		w->s.group[i].first -= w->s.group[i].ncycle + w->s.group[i].ntail;
}

static void add_up_retained(struct groups *s)
{
	uint32_t i;

	for (i = s->n; i-- > 0;) {
		struct group *group = &s->group[i];

		group->retained += group->ncycle + group->ntail;
		group->retained_bytes += group->cycle_bytes + group->tail_bytes;
		if (group->parent == GROUP_NONE)
			continue;
		s->group[group->parent].retained += group->retained;
		s->group[group->parent].retained_bytes += group->retained_bytes;
	}
}

/* Does the collector fail to see that v holds another member of its component? */
static bool blocks(const struct grouping *w, node_id v)
{
	const struct graph *g = w->g;
	edge_id e;

	if (!(g->flags[v] & NODE_COLLECTABLE))
		return true;
	for (e = g->out[v]; e < g->out[v + 1]; e++)
		if (g->kind[e] == EDGE_HIDDEN && w->scc.of[g->to[e]] == w->scc.of[v])
			return true;
	return false;
}

static void name_blockers(struct grouping *w)
{
	struct group *group;
	uint32_t i;

	for (group = w->s.group; group < w->s.group + w->s.n; group++) {
		const node_id *cycle = w->s.member + group->first;

		/* Members hold each other: all of them are freed, or none. */
		group->uncollectable = group->cyclic && !bits_has(&w->d->freed, cycle[0]);
		if (!group->uncollectable)
			continue;
		for (i = 0; i < group->ncycle; i++)
			if (blocks(w, cycle[i]))
				break;
		if (i < group->ncycle)
			group->blocker = cycle[i];
	}
}

static int grouping_init(struct grouping *w)
{
	int err = scc_find(w->g, &w->d->dead, &w->scc);

	if (err)
		return err;
	w->owner = mem_array(w->scc.n, sizeof(*w->owner));
	w->s.member = mem_array(w->d->nodes, sizeof(*w->s.member));
	w->s.of = mem_array(w->g->n, sizeof(*w->s.of));
	if (!w->owner || !w->s.member || !w->s.of)
		return -ENOMEM;
	memset(w->s.of, 0xff, w->g->n * sizeof(*w->s.of));
	return 0;
}

int groups_find(const struct graph *g, const struct dead *d, struct groups *ret)
{
	struct grouping w = {.g = g, .d = d};
	int err;

	err = grouping_init(&w);
	if (!err)
		err = assign_owners(&w);
	if (!err) {
		count_members(&w);
		list_members(&w);
		add_up_retained(&w.s);
		name_blockers(&w);
		*ret = w.s;
		w.s = (struct groups){0};
	}
	groups_fini(&w.s);
	mem_free(w.owner);
	scc_fini(&w.scc);
	return err;
}

void groups_fini(struct groups *s)
{
	mem_free(s->group);
	mem_free(s->member);
	mem_free(s->of);
	*s = (struct groups){0};
}

/* --- the living ------------------------------------------------------------------ */

int cycles_live(const struct graph *g, const struct dead *d, const struct bits *skip,
		struct scc *ret)
{
	struct bits set;
	node_id v;
	int err;

	err = bits_init(&set, g->n);
	if (err)
		return err;
	for (v = 0; v < g->n; v++)
		if (!bits_has(&d->dead, v) && !(skip && bits_has(skip, v)))
			bits_add(&set, v);
	err = scc_find(g, &set, ret);
	bits_fini(&set);
	if (!err)
		scc_keep_cyclic(ret);
	return err;
}
