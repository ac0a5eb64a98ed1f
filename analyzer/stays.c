#include "stays.h"

#include "cycles.h"
#include "mem.h"

#include <errno.h>
#include <string.h>

#define THIN 3			/* frames from a call of the program's to a count   */
#define OWNER_MANY (NODE_NONE - 1)	/* several hold it, or what is no object     */

static struct book *book_of(const struct stays *s, node_id v)
{
	return blocks_book(s->b, v);
}

/* Its count, as it was last told, is the sum of what was told: code that counts in place was not met. */
static bool is_all_told(const struct book *l)
{
	return l->count == OURO_COUNT_UNKNOWN || (uint32_t)l->count == (uint32_t)(l->retains - l->releases);
}

/* One of whose references all is known. */
static bool is_judged(const struct stays *s, node_id v)
{
	const struct book *l = book_of(s, v);

	return l && !(l->flags & (BOOK_STATIC | BOOK_UNTOLD | BOOK_PARTIAL)) &&
		is_all_told(l) && book_balance(l) > 0;
}

/* --- private memory ------------------------------------------------------------------------ */

/* Who has the blocks that only one object holds: that object, directly or through others. */
static void give(struct stays *s, node_id v, node_id by, node_id *todo, uint32_t *n)
{
	node_id owner = s->owner[v];

	if (book_of(s, v) || owner == OWNER_MANY || owner == by)
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

		s->owner[v] = book_of(s, v) ? v : held && !s->b->row[v].outside ? NODE_NONE :
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

/*
 * Words that are no references: they lead into an object rather than to it, or stand
 * in its own memory.  What is alive was decided with them; they are taken out of the dead.
 */
static void drop_own_words(struct stays *s)
{
	struct graph *g = &s->b->graph;

	for (node_id v = 0; v < g->n; v++) {
		if (!bits_has(&s->dead->dead, v))
			continue;
		for (edge_id e = g->out[v]; e < g->out[v + 1]; e++) {
			node_id u = g->to[e];

			if (!edge_owns(g, e) || g->name[e] & BLOCKS_TIE || !book_of(s, u) ||
			    (!(g->name[e] & BLOCKS_INSIDE) && s->owner[v] != u))
				continue;
			g->kind[e] = EDGE_BORROWED;
			g->nin[u]--;
		}
	}
}

/* --- words against references --------------------------------------------------------------- */

static bool is_tied(const struct stays *s, node_id v, const node_id *member, uint32_t n)
{
	const struct graph *g = &s->b->graph;

	for (uint32_t i = 0; i < n; i++)
		for (edge_id e = g->out[member[i]]; e < g->out[member[i] + 1]; e++)
			if (g->to[e] == v && g->name[e] & BLOCKS_TIE && edge_owns(g, e))
				return true;
	return false;
}

struct way {
	struct caller path[CALLERS_DEPTH];
	uint32_t n;
	const struct caller *blame;
};

/* The library by which interpreters call functions of C. */
static bool is_bridge(const struct stays *s, uint32_t module)
{
	const struct def_module *m = def_module(s->refs->r->defs, module);
	const char *name = m && m->path.length ? memrchr(m->path.s, '/', m->path.length) : NULL;

	return name && (size_t)(m->path.s + m->path.length - name) > 10 && !memcmp(name, "/libffi.so", 10);
}

/* A call that the program's Python made: what stands between it and the function of C is left out. */
static void way_of(const struct stays *s, site_id site, struct way *w)
{
	const struct replay *r = s->refs->r;
	uint32_t n;

	w->n = site && site < r->sites ?
		callers_path(&s->refs->callers, r->site[site].stack, w->path) : 0;
	for (n = w->n; n && is_bridge(s, w->path[n - 1].module); n--)
		;
	while (n && n < w->n && w->path[n - 1].module && !w->path[n - 1].program)
		n--;		/* ctypes, PyGObject */
	if (n && n < w->n && w->path[n - 1].program)
		w->n = n;
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
static bool is_makers(const struct stays *s, const struct book *l, const struct ref_row *row)
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
static const struct ref_row *suspect_of(const struct stays *s, const struct book *l)
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

/* Does a library function that the program called bear the type's name? "gtk_box_new" */
static bool is_named(const struct stays *s, node_id v)
{
	const struct book *l = book_of(s, v);
	const struct def_type *t = def_type(s->refs->r->defs, l->type);
	char name[128];
	struct way w;

	way_of(s, l->born, &w);
	if (!t || !w.blame || t->name.length >= sizeof(name))
		return false;
	memcpy(name, t->name.s, t->name.length);
	name[t->name.length] = 0;
	for (const struct caller *c = w.blame; c < w.path + w.n && c <= w.blame + 1; c++)
		if (callers_is_of(callers_name(&s->refs->callers, c), name))
			return true;
	return false;
}

/*
 * Could u hold v by a reference that the program's own code took?  Not when a library made
 * u for itself: what that has of v it got from the library.
 */
static bool may_hold(const struct stays *s, node_id u)
{
	struct way w;

	if (!book_of(s, u))
		return true;
	way_of(s, book_of(s, u)->born, &w);
	return is_direct(&w, &w);
}

/* Words that may be references: not those in its own memory, nor those that lead into it. */
static int count_words(struct stays *s)
{
	const struct graph *g = &s->b->graph;

	s->words = mem_array(g->n, sizeof(*s->words));
	if (!s->words || bits_init(&s->plausible, g->n))
		return -ENOMEM;
	for (node_id v = 0; v < g->n; v++) {
		s->words[v] += s->b->row[v].outside;
		for (edge_id e = g->out[v]; e < g->out[v + 1]; e++) {
			node_id u = g->to[e];
			bool counts = edge_owns(g, e) && (g->name[e] & BLOCKS_TIE ||
				(!(g->name[e] & BLOCKS_INSIDE) && s->owner[v] != u));

			s->words[u] += counts;
			if (counts && book_of(s, u) && !bits_has(&s->plausible, u) &&
			    (g->name[e] & BLOCKS_TIE || may_hold(s, v)))
				bits_add(&s->plausible, u);
		}
	}
	return 0;
}

/* A reference that the program's own code took and nothing has that could have it from there. */
static const struct ref_row *unheld_row(const struct stays *s, node_id v)
{
	const struct book *l = book_of(s, v);
	struct way born, w;

	if (bits_has(&s->plausible, v))
		return NULL;
	way_of(s, l->born, &born);
	for (uint32_t i = 0; i < l->n; i++) {
		if (l->row[i].n <= 0 || is_makers(s, l, &l->row[i]))
			continue;
		way_of(s, l->row[i].site, &w);
		if (is_direct(&w, &born))
			return &l->row[i];
	}
	return NULL;
}

/*
 * Of what is in reach only a reference that the program's own code took is worth a word:
 * libraries have their ways to keep two with one address (GObject's classes their properties).
 */
static bool asked_for(const struct stays *s, const struct book *l)
{
	const struct ref_row *row = suspect_of(s, l);
	struct way born, w;

	if (!row)
		return false;
	way_of(s, l->born, &born);
	way_of(s, row->site, &w);
	return is_direct(&w, &born) && w.blame && (row->site == l->born ||
		w.path + w.n - w.blame <= THIN);
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
	const struct book *l = book_of(s, v);
	const struct ref_row *row = suspect_of(s, l);

	if (mem_room(&s->stay, s->n, &s->cap, sizeof(*s->stay)))
		return NULL;
	s->stay[s->n] = (struct stay){ .node = v, .why = why,
		.suspect = row ? row->site : l->born };
	return &s->stay[s->n++];
}

/* --- unbalanced ------------------------------------------------------------------------------ */

static enum stays_why why_of(const struct book *l)
{
	return l->flags & BOOK_FLOATING ? STAYS_FLOATING : STAYS_UNBALANCED;
}

/* Two passes: what is to blame for itself is not what another one holds. */
static int find_unbalanced(struct stays *s, uint32_t *ret_from)
{
	*ret_from = s->n;
	for (node_id v = 0; v < s->b->n; v++) {
		bool dead = bits_has(&s->dead->dead, v);
		const struct book *l = book_of(s, v);
		const struct ref_row *row;
		uint64_t words, count;
		struct stay *x;

		if (!is_judged(s, v))
			continue;
		words = s->words[v];
		count = (uint64_t)book_balance(l);
		row = dead && count <= words ? unheld_row(s, v) : NULL;
		if (count <= words && !row && !(dead && l->flags & BOOK_FLOATING))
			continue;
		if (!dead && !asked_for(s, l))
			continue;
		x = add_stay(s, v, dead ? why_of(l) : STAYS_KEPT);
		if (!x)
			return -ENOMEM;
		x->references = count > words ? (uint32_t)(count - words) : 1;
		if (row)
			x->suspect = row->site;
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

/* The reference that its maker never let go, if there is one. */
static const struct ref_row *makers_row(const struct stays *s, node_id v)
{
	const struct book *l = book_of(s, v);

	const struct ref_row *found = NULL;

	for (uint32_t i = 0; i < l->n; i++)
		if (l->row[i].n > 0 && is_makers(s, l, &l->row[i]) &&
		    (!found || l->row[i].site == l->born))
			found = &l->row[i];
	return found;
}

/*
 * Of those that their maker never let go the one that he asked for by name, else the
 * eldest: what points back at it only knows it, what else was made with it is its own.  Who is told to be held by another of them is held.
 */
static node_id kept_by_maker(const struct stays *s, const node_id *member, uint32_t n)
{
	node_id found = NODE_NONE;
	bool named = false;

	for (uint32_t i = 0; i < n; i++) {
		node_id v = member[i];

		if (!is_judged(s, v) || !makers_row(s, v) || is_tied(s, v, member, n) ||
		    !(is_named(s, v) || may_hold(s, v)))
			continue;	/* a library made it, for what holds it */
		if (found == NODE_NONE || is_named(s, v) > named || (is_named(s, v) == named &&
		    book_of(s, v)->nth < book_of(s, found)->nth)) {
			found = v;
			named = is_named(s, v);
		}
	}
	return found;
}

static int tell_cycle(struct stays *s, const node_id *member, uint32_t n)
{
	node_id first = NODE_NONE, kept = kept_by_maker(s, member, n);
	struct stay *x;

	for (uint32_t i = 0; i < n; i++)
		if (is_judged(s, member[i]) && (first == NODE_NONE ||
		    book_of(s, member[i])->nth < book_of(s, first)->nth))
			first = member[i];
	if (first == NODE_NONE)
		return 0;
	if (kept == NODE_NONE) {
		x = add_stay(s, first, STAYS_CYCLE);
		return x ? claim(s, x, member, n) : -ENOMEM;
	}
	x = add_stay(s, kept, why_of(book_of(s, kept)));
	if (!x)
		return -ENOMEM;
	x->references = 1;
	x->suspect = makers_row(s, kept)->site;
	return claim(s, x, &kept, 1);
}

/* Groups of what is dead and was not claimed yet, and is not held by any of that. */
static int find_cycles(struct stays *s)
{
	struct dead rest = { 0 };
	struct groups groups;
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
	return r;
}

static int settle(struct stays *s)
{
	for (node_id v = 0; v < s->b->n; v++) {
		struct book *l = book_of(s, v);
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
	r = settle(s);
	if (!r)
		r = find_owners(s);
	if (!r)
		r = count_words(s);
	if (!r) {
		drop_own_words(s);
		r = find_unbalanced(s, &from);
	}
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
	mem_free(s->words);
	bits_fini(&s->claimed);
	bits_fini(&s->plausible);
	*s = (struct stays){ 0 };
}
