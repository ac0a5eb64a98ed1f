#include "growth_holder.h"

#include "buf.h"
#include "holders.h"
#include "mem.h"
#include "words.h"

#include <errno.h>
#include <stdlib.h>

#define WAY_TOLD	4		/* blocks of a way that are told             */

struct survivor {
	uint64_t when;
	node_id node;
};

static int by_time(const void *a, const void *b)
{
	const struct survivor *x = a, *y = b;

	if (x->when != y->when)
		return x->when < y->when ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

int growth_holder_init(struct growth_holder *x, const struct growth_world *w, uint64_t since)
{
	*x = (struct growth_holder){ .w = w, .since = since };
	return bits_init(&x->of, w->l->r->sites) || bits_init(&x->of_heap, w->l->h->nsites) ? -ENOMEM : 0;
}

static void close_ways(struct growth_ways *ways)
{
	if (ways->open)
		paths_fini(&ways->paths);
	bits_fini(&ways->rooted);
}

void growth_holder_fini(struct growth_holder *x)
{
	close_ways(&x->objects);
	close_ways(&x->blocks);
	bits_fini(&x->of);
	bits_fini(&x->of_heap);
}

void growth_holder_mark(struct growth_holder *x, site_id site, bool on)
{
	uint32_t row = x->w->graph && site < x->w->l->sites ? x->w->l->site[site] : 0;

	(on ? bits_add : bits_del)(&x->of, site);
	if (row && row < x->of_heap.n)	/* no node is of a newer one */
		(on ? bits_add : bits_del)(&x->of_heap, row);
}

static int open_ways(struct growth_ways *ways, struct graph *g)
{
	int e;

	if (ways->open)
		return 0;
	e = graph_rooted(g, &ways->rooted);
	if (!e)
		e = paths_init(&ways->paths, g, &ways->rooted, NULL);
	ways->open = !e;
	return e;
}

/* --- which are asked ------------------------------------------------------------------ */

struct survivors {
	struct survivor *s;		/* those that somebody holds                 */
	uint32_t n, all;		/* all: held or not                          */
};

static void add(struct survivors *s, const struct growth_ways *ways, uint64_t when, node_id node)
{
	s->all++;
	if (ways->paths.depth[node] != PATHS_FAR)
		s->s[s->n++] = (struct survivor){ when, node };
}

/* Objects and blocks of the place that were made since; the caller's to free.  -ENOMEM. */
static int survivors(struct growth_holder *x, bool objects, struct survivors *ret)
{
	const struct heap *h = x->w->l->h;
	const struct blocks *b = x->w->blocks;
	int e = open_ways(objects ? &x->objects : &x->blocks,
			  objects ? &x->w->l->h->graph : &x->w->blocks->graph);

	*ret = (struct survivors){ mem_array(objects ? h->nnodes : b->n, sizeof(*ret->s)), 0, 0 };
	if (e || !ret->s)
		return -ENOMEM;
	for (node_id v = 0; objects && v < h->nnodes; v++)
		if (bits_has(&x->of_heap, h->node[v].site) && h->node[v].when >= x->since)
			add(ret, &x->objects, h->node[v].when, v);
	for (uint32_t i = 0; !objects && i < b->n; i++)
		if (bits_has(&x->of, b->row[i].site) && b->row[i].born >= x->since &&
		    !(x->w->graph && b->row[i].object))
			add(ret, &x->blocks, b->row[i].born, i);
	qsort(ret->s, ret->n, sizeof(*ret->s), by_time);
	return 0;
}

/* --- in words ------------------------------------------------------------------------- */

/* *ret stays as it is when no way leads there. */
static int object_words(struct growth_holder *x, node_id v, char **ret)
{
	const struct heap *h = x->w->l->h;
	struct path_set way;
	int e = open_ways(&x->objects, &x->w->l->h->graph);

	if (!e)
		e = paths_to(&x->objects.paths, v, 1, &way);
	if (e)
		return e;
	if (way.n) {
		*ret = holders_way(h, &way, 0);
		e = *ret ? 0 : -ENOMEM;
	}
	path_set_fini(&way);
	return e;
}

static const char *region_words(uint32_t region)
{
	switch (region) {
	case OURO_REGION_DATA:
		return "data of the program or of a library";
	case OURO_REGION_STACK:
		return "a stack";
	case OURO_REGION_REGISTER:
		return "a register";
	case BLOCKS_OBJECT:
		return "an object of the runtime";
	default:
		return "memory that is no block";
	}
}

/* Is this block held as the next one is: at the same offset of one made at the same place? */
static bool alike(const struct growth_holder *x, const struct path_set *s, uint32_t i)
{
	const struct blocks *b = x->w->blocks;

	return b->row[s->node[i]].site == b->row[s->node[i + 1]].site &&
		b->graph.name[s->edge[i]] == b->graph.name[s->edge[i + 1]];
}

/* "at +8 of a block made in f() (a.c:3), that at +0 of ..., and that by data of the program" */
static char *blocks_way(struct growth_holder *x, const struct path_set *s)
{
	const struct places *p = x->w->places;
	const struct blocks *b = x->w->blocks;
	uint32_t n = s->first[1] - 1, told = 0, row = 0;
	struct buf out = { 0 };

	for (uint32_t i = n; i-- > 0; ) {
		struct place at = places_own(x->w->places, &x->w->l->r->stacks,
			x->w->l->r->site[b->row[s->node[i]].site].stack);

		row++;
		if (i && alike(x, s, i - 1))	/* a list: once for all */
			continue;
		if (told++ == WAY_TOLD) {
			buf_printf(&out, ", and so on for %u more blocks", i + 1);
			break;
		}
		buf_printf(&out, "%sat +%u of a block made in ", told > 1 ? ", that " : "",
			b->graph.name[s->edge[i]]);
		words_place(&out, places_text(p, at.function),
			places_text(p, at.file ? at.file : at.module), at.line);
		if (row > 1) {
			buf_puts(&out, ", ");
			buf_number(&out, row);
			buf_puts(&out, " of them in a row");
		}
		row = 0;
	}
	buf_printf(&out, "%s%s", n ? ", and that by " : "by ",
		region_words(b->graph.root[graph_root_of(&b->graph, s->node[0])].id));
	return buf_take(&out);
}

/* The object that lies in a block; NODE_NONE: none does. */
static node_id object_in(const struct heap *h, const struct blocks_row *b)
{
	for (node_id v = 0; v < h->nnodes; v++)
		if (h->node[v].address >= b->addr && h->node[v].address - b->addr < b->size)
			return v;
	return NODE_NONE;
}

/* What an object has in memory of C is held by that object, or by blocks that hang from it. */
static int block_words(struct growth_holder *x, node_id block, struct growth_held *ret)
{
	const struct blocks *b = x->w->blocks;
	node_id owner = NODE_NONE;
	struct path_set way;
	int e = paths_to(&x->blocks.paths, block, 1, &way);

	if (e)
		return e;
	if (way.n && x->w->graph && b->row[way.node[0]].object)
		owner = object_in(x->w->l->h, &b->row[way.node[0]]);
	if (owner != NODE_NONE) {
		ret->verb = "is held by";
		e = object_words(x, owner, &ret->words);
	} else if (way.n) {
		ret->verb = "is held";
		ret->words = blocks_way(x, &way);
		e = ret->words ? 0 : -ENOMEM;
	}
	path_set_fini(&way);
	return e;
}

int growth_holder_find(struct growth_holder *x, struct growth_held *ret)
{
	bool objects = x->w->graph;
	struct survivors s;
	int e = survivors(x, objects, &s);

	*ret = (struct growth_held){ .verb = "is" };
	if (!e && objects && !s.all && x->w->blocks) {
		mem_free(s.s);
		objects = false;
		e = survivors(x, false, &s);
	}
	ret->dead = !e && s.all - s.n > s.n;
	if (!e && s.n)
		e = objects ? object_words(x, s.s[s.n / 2].node, &ret->words) :
			block_words(x, s.s[s.n / 2].node, ret);
	mem_free(s.s);
	return e;
}
