#include "stays.h"

#include "cycles.h"
#include "mem.h"

#include <errno.h>

#define OWNER_MANY (NODE_NONE - 1)	/* several hold it, or what is no object     */

static struct ledger *ledger_of(const struct stays *s, node_id v)
{
	return s->b->row[v].ledger;
}

/* One of whose references all is known. */
static bool is_judged(const struct stays *s, node_id v)
{
	const struct ledger *l = ledger_of(s, v);

	return l && !(l->flags & (LEDGER_STATIC | LEDGER_UNTOLD | LEDGER_PARTIAL)) &&
		ledger_balance(l) > 0;
}

/* --- private memory ------------------------------------------------------------------------ */

/* Who has the blocks that only one object holds: that object, directly or through others. */
static void give(struct stays *s, node_id v, node_id by, node_id *todo, uint32_t *n)
{
	node_id owner = s->owner[v];

	if (ledger_of(s, v) || owner == OWNER_MANY || owner == by)
		return;
	s->owner[v] = owner == NODE_NONE ? by : OWNER_MANY;
	todo[(*n)++] = v;
}

static int find_owners(struct stays *s)
{
	const struct graph *g = &s->b->graph;
	node_id *todo = mem_array((size_t)g->n * 3 + 1, sizeof(*todo));
	uint32_t n = 0;

	s->owner = mem_array(g->n, sizeof(*s->owner));
	if (!todo || !s->owner) {
		mem_free(todo);
		return -ENOMEM;
	}
	for (node_id v = 0; v < g->n; v++) {
		bool held = s->b->row[v].outside || g->nin[v];

		s->owner[v] = ledger_of(s, v) ? v : held && !s->b->row[v].outside ? NODE_NONE :
			OWNER_MANY;
		if (s->owner[v] != NODE_NONE)
			todo[n++] = v;
	}
	while (n) {		/* each changes hands twice at most */
		node_id v = todo[--n];

		for (edge_id e = g->out[v]; e < g->out[v + 1]; e++)
			if (edge_owns(g, e))
				give(s, g->to[e], s->owner[v], todo, &n);
	}
	mem_free(todo);
	return 0;
}

/* --- words against references --------------------------------------------------------------- */

/* Words that may be references: not those in its own memory. */
static uint64_t words_to(const struct stays *s, node_id v)
{
	const struct graph *g = &s->b->graph;
	uint64_t n = s->b->row[v].outside;

	for (uint32_t i = g->in[v]; i < g->in[v + 1]; i++)
		n += s->owner[g->holder[i]] != v;
	for (edge_id e = g->out[v]; e < g->out[v + 1]; e++)
		n += g->to[e] == v && g->name[e] >= BLOCKS_TIE && edge_owns(g, e);
	return n;
}

struct way {
	struct caller path[CALLERS_DEPTH];
	uint32_t n;
	const struct caller *blame;
};

static void way_of(const struct stays *s, site_id site, struct way *w)
{
	const struct replay *r = s->refs->r;

	w->n = site && site < r->sites ?
		callers_path(&s->refs->callers, r->site[site].stack, w->path) : 0;
	w->blame = callers_blame(w->path, w->n);
}

/* Did the program itself ask for the reference, rather than a library for one of its objects? */
static bool is_direct(const struct way *w, const struct way *born)
{
	uint32_t n = w->n, home = born->n && !born->path[born->n - 1].program ?
		born->path[born->n - 1].module : 0;

	while (home && n && w->path[n - 1].module == home)
		n--;
	return n && w->path[n - 1].program;
}

/* The reference that its maker has, or took back: made by him, or sunk where it was made. */
static bool is_makers(const struct stays *s, const struct ledger *l, const struct ref_row *row)
{
	struct way w, born;

	if (row->site == l->born)
		return true;
	way_of(s, row->site, &w);
	way_of(s, l->born, &born);
	born.blame = callers_maker(&s->refs->callers, born.path, born.n);
	return w.blame && born.blame && w.blame->program && is_direct(&w, &born) &&
		w.blame->function == born.blame->function;
}

/*
 * Who took what is nobody's: of several the one who asked in the program's own
 * code is likelier than a container of a library, which keeps what it asked for.
 */
static const struct ref_row *suspect_of(const struct stays *s, const struct ledger *l)
{
	const struct ref_row *best = NULL;
	uint32_t best_rank = 0;
	struct way born, w;

	way_of(s, l->born, &born);
	for (uint32_t i = 0; i < l->n; i++) {
		const struct ref_row *row = &l->row[i];
		uint32_t rank = 1;

		if (row->n <= 0)
			continue;
		way_of(s, row->site, &w);
		if (row->site == l->born)
			rank = 2;
		else if (is_direct(&w, &born))
			rank = 3;
		if (!best || rank > best_rank || (rank == best_rank && row->n > best->n)) {
			best = row;
			best_rank = rank;
		}
	}
	return best;
}

/* --- claiming -------------------------------------------------------------------------------- */

static int add_member(struct stays *s, struct stay *x, node_id v)
{
	if (bits_has(&s->claimed, v))
		return 0;
	if (mem_room(&s->member, s->nmember, &s->member_cap, sizeof(*s->member)))
		return -ENOMEM;
	bits_add(&s->claimed, v);
	s->member[s->nmember++] = v;
	x->members++;
	x->bytes += s->b->row[v].size;
	return 0;
}

/* All that hangs from it and is dead is told with it. */
static int claim(struct stays *s, struct stay *x, const node_id *cycle, uint32_t n)
{
	const struct graph *g = &s->b->graph;
	int r = 0;

	x->first = s->nmember;
	for (uint32_t i = 0; i < n && !r; i++)
		r = add_member(s, x, cycle[i]);
	x->cycle = x->members;
	for (uint32_t i = x->first; i < s->nmember && !r; i++) {
		node_id v = s->member[i];

		for (edge_id e = g->out[v]; e < g->out[v + 1] && !r; e++)
			if (edge_owns(g, e) && bits_has(&s->dead->dead, g->to[e]))
				r = add_member(s, x, g->to[e]);
	}
	return r;
}

static struct stay *add_stay(struct stays *s, node_id v, enum stays_why why)
{
	const struct ledger *l = ledger_of(s, v);
	const struct ref_row *row = suspect_of(s, l);

	if (mem_room(&s->stay, s->n, &s->cap, sizeof(*s->stay)))
		return NULL;
	s->stay[s->n] = (struct stay){ .node = v, .why = why,
		.suspect = row ? row->site : l->born };
	return &s->stay[s->n++];
}

/* --- unbalanced ------------------------------------------------------------------------------ */

static enum stays_why why_of(const struct ledger *l)
{
	return l->flags & LEDGER_FLOATING ? STAYS_FLOATING : STAYS_UNBALANCED;
}

/* Two passes: what is to blame for itself is not what another one holds. */
static int find_unbalanced(struct stays *s, uint32_t *ret_from)
{
	*ret_from = s->n;
	for (node_id v = 0; v < s->b->n; v++) {
		bool dead = bits_has(&s->dead->dead, v);
		const struct ledger *l = ledger_of(s, v);
		uint64_t words, count;
		struct stay *x;

		if (!is_judged(s, v))
			continue;
		words = words_to(s, v);
		count = (uint64_t)ledger_balance(l);
		if (count <= words && !(dead && l->flags & LEDGER_FLOATING))
			continue;
		x = add_stay(s, v, dead ? why_of(l) : STAYS_KEPT);
		if (!x)
			return -ENOMEM;
		x->references = count > words ? (uint32_t)(count - words) : 1;
		if (dead)
			bits_add(&s->claimed, v);	/* not another one's member */
	}
	return 0;
}

static int claim_all(struct stays *s, uint32_t from)
{
	int r = 0;

	for (uint32_t i = from; i < s->n && !r; i++) {
		struct stay *x = &s->stay[i];

		x->first = s->nmember;
		if (x->why == STAYS_KEPT) {
			x->cycle = x->members = 0;
			continue;
		}
		bits_del(&s->claimed, x->node);
		r = claim(s, x, &x->node, 1);
	}
	return r;
}

/* --- cycles ---------------------------------------------------------------------------------- */

/* Its maker never let go, so that what points back at it only knows it. */
static bool has_makers_row(const struct stays *s, node_id v)
{
	const struct ledger *l = ledger_of(s, v);

	for (uint32_t i = 0; i < l->n; i++)
		if (l->row[i].n > 0 && is_makers(s, l, &l->row[i]))
			return true;
	return false;
}

static int tell_cycle(struct stays *s, const node_id *member, uint32_t n)
{
	uint32_t makers = 0, counted = 0;
	node_id first = NODE_NONE;
	struct stay *x;

	for (uint32_t i = 0; i < n; i++) {
		if (!is_judged(s, member[i]))
			continue;
		counted++;
		if (first == NODE_NONE)
			first = member[i];
		makers += has_makers_row(s, member[i]);
	}
	if (!counted)
		return 0;
	for (uint32_t i = 0; i < n && makers; i++) {
		if (!is_judged(s, member[i]) || !has_makers_row(s, member[i]))
			continue;
		x = add_stay(s, member[i], why_of(ledger_of(s, member[i])));
		if (!x)
			return -ENOMEM;
		x->references = 1;
		for (uint32_t k = 0; k < ledger_of(s, member[i])->n; k++) {
			const struct ref_row *row = &ledger_of(s, member[i])->row[k];

			if (row->n > 0 && is_makers(s, ledger_of(s, member[i]), row))
				x->suspect = row->site;
		}
		bits_add(&s->claimed, member[i]);
	}
	if (makers)
		return 0;
	x = add_stay(s, first, STAYS_CYCLE);
	return x ? claim(s, x, member, n) : -ENOMEM;
}

/* Groups of what is dead and was not claimed yet, and is not held by any of that. */
static int find_cycles(struct stays *s)
{
	struct dead rest = { 0 };
	struct groups groups;
	uint32_t from = s->n;
	int r;

	r = bits_init(&rest.dead, s->b->n);
	if (!r)
		r = bits_init(&rest.found, s->b->n);
	if (!r)
		r = bits_init(&rest.freed, s->b->n);
	for (node_id v = 0; v < s->b->n && !r; v++)
		if (bits_has(&s->dead->dead, v) && !bits_has(&s->claimed, v)) {
			bits_add(&rest.dead, v);
			rest.nodes++;
		}
	if (!r)
		r = groups_find(&s->b->graph, &rest, &groups);
	if (!r) {
		for (uint32_t i = 0; i < groups.n && !r; i++) {
			const struct group *g = &groups.group[i];

			if (g->parent == GROUP_NONE && g->cyclic)
				r = tell_cycle(s, &groups.member[g->first], g->ncycle);
		}
		groups_fini(&groups);
	}
	dead_fini(&rest);
	if (!r)
		for (uint32_t i = from; i < s->n && !r; i++)
			if (s->stay[i].why != STAYS_CYCLE) {
				bits_del(&s->claimed, s->stay[i].node);
				r = claim(s, &s->stay[i], &s->stay[i].node, 1);
			}
	return r;
}

static int settle(struct stays *s)
{
	for (node_id v = 0; v < s->b->n; v++) {
		struct ledger *l = ledger_of(s, v);
		int r = l ? refs_settle(s->refs, l) : 0;

		if (r)
			return r;
	}
	return 0;
}

int stays_find(struct stays *s, struct blocks *b, struct refs *refs, const struct dead *dead)
{
	uint32_t from;
	int r;

	*s = (struct stays){ .b = b, .refs = refs, .dead = dead };
	r = bits_init(&s->claimed, b->n);
	if (r || !b->counted)
		return r;
	r = graph_reverse(&b->graph);
	if (!r)
		r = settle(s);
	if (!r)
		r = find_owners(s);
	if (!r)
		r = find_unbalanced(s, &from);
	if (!r)
		r = claim_all(s, from);
	if (!r)
		r = find_cycles(s);
	return r;
}

void stays_fini(struct stays *s)
{
	mem_free(s->stay);
	mem_free(s->member);
	mem_free(s->owner);
	bits_fini(&s->claimed);
	*s = (struct stays){ 0 };
}
