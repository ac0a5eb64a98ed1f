#include "overview.h"

#include "mem.h"
#include "tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int most_bytes_first(const void *a, const void *b)
{
	const struct overview_row *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	if (x->objects != y->objects)
		return x->objects > y->objects ? -1 : 1;
	return strcmp(x->type, y->type);
}

/* From sums to whole numbers. */
static void settle(struct overview *o)
{
	uint32_t i;

	o->objects = weighed_whole(o->sum.n);
	o->bytes = weighed_whole(o->sum.bytes);
	o->objects_error = weighed_error(o->sum.n_variance);
	o->bytes_error = weighed_error(o->sum.bytes_variance);
	o->early_objects = weighed_whole(o->early.n);
	o->early_bytes = weighed_whole(o->early.bytes);
	for (i = 0; i < o->n; i++) {
		o->row[i].objects = weighed_whole(o->row[i].sum.n);
		o->row[i].bytes = weighed_whole(o->row[i].sum.bytes);
	}
}

static void rank(struct overview *o)
{
	settle(o);
	if (o->n)
		qsort(o->row, o->n, sizeof(*o->row), most_bytes_first);
}

/* ------------------------------------------------------------------------- a snapshot */

static double weight(const struct heap_node *n)
{
	return n->weight > 0 ? n->weight : 1;
}

struct from_heap {
	struct overview *o;
	const struct heap *h;
};

static int add_run(void *arg, const struct shaped *run, uint32_t n)
{
	const struct from_heap *x = arg;
	struct overview *o = x->o;
	const struct heap_node *first = &x->h->node[run[0].at];
	struct overview_row row = { .type = heap_type_name(x->h, run[0].at),
		.site = tally_site(x->h, first->site), .at = first->site };
	uint32_t i;

	for (i = 0; i < n; i++)
		weigh(&row.sum, weight(&x->h->node[run[i].at]), x->h->node[run[i].at].bytes);
	if (mem_room(&o->row, o->n, &o->cap, sizeof(*o->row)))
		return -ENOMEM;
	o->row[o->n++] = row;
	return 0;
}

int overview_of_heap(struct overview *o, const struct shapes *s)
{
	const struct heap *h = s->h;
	struct shaped *made = mem_array(h->nnodes, sizeof(*made));
	uint32_t i, n = 0;
	int r;

	*o = (struct overview){0};
	if (!made)
		return -ENOMEM;
	for (i = 0; i < h->nnodes; i++) {
		const struct heap_node *x = &h->node[i];

		if (x->flags & OURO_NODE_STATIC || x->foreign)
			continue;
		if (x->born == HEAP_BORN_AFTER) {
			made[n++] = (struct shaped){ shape_mix(h->type[x->type].name,
						     s->place[x->site]), i };
			weigh(&o->sum, weight(x), x->bytes);
		} else if (x->born == HEAP_BORN_BEFORE) {
			weigh(&o->early, weight(x), x->bytes);
		} else if (x->born == HEAP_BORN_PARENT) {
			o->parent_objects++;
			o->parent_bytes += x->bytes;
		} else {
			o->other_objects++;
			o->other_bytes += x->bytes;
		}
	}
	r = shape_runs(made, n, add_run, &(struct from_heap){ o, h });
	mem_free(made);
	rank(o);
	return r;
}

/* --------------------------------------------------------------------- the events alone */

struct living {
	uint64_t key;			/* type and place                          */
	uint32_t type;			/* as by type_same(); 0: a block without an object */
	uint32_t site;
	struct weighed sum;		/* of those that live next to one another in the table */
};

static int by_key(const void *a, const void *b)
{
	const struct living *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->site < y->site ? -1 : x->site > y->site;
}

struct collecting {
	struct overview *o;
	struct heap_loader *l;
	struct living *living;
	uint32_t n, cap;
	uint32_t *last;			/* by site of the heap: its newest row, counted from 1 */
	uint32_t lasts;
};

/* Sites come up as blocks are asked about.  NULL: no memory. */
static uint32_t *last_of(struct collecting *c, uint32_t site)
{
	if (site >= c->lasts) {
		uint32_t room = site * 2 + 64, *last = mem_array(room, sizeof(*last));

		if (!last)
			return NULL;
		if (c->lasts)
			memcpy(last, c->last, c->lasts * sizeof(*last));
		mem_free(c->last);
		c->last = last;
		c->lasts = room;
	}
	return &c->last[site];
}

static int add_living(struct collecting *c, uint64_t born, uint32_t type, site_id site,
		      uint64_t bytes, double weight)
{
	uint32_t *last;
	int64_t place;

	place = heap_load_site(c->l, site);
	if (place < 0)
		return (int)place;
	switch (heap_load_born(c->l, born, (uint32_t)place)) {
	case HEAP_BORN_BEFORE:
		weigh(&c->o->early, weight, bytes);
		return 0;
	case HEAP_BORN_PARENT:
		c->o->parent_objects++;
		c->o->parent_bytes += bytes;
		return 0;
	default:
		break;
	}
	weigh(&c->o->sum, weight, bytes);
	last = last_of(c, (uint32_t)place);
	if (!last)
		return -ENOMEM;
	if (!*last || c->living[*last - 1].type != type) {
		if (mem_room(&c->living, c->n, &c->cap, sizeof(*c->living)))
			return -ENOMEM;
		c->living[c->n++] = (struct living){ .type = type, .site = (uint32_t)place };
		*last = c->n;
	}
	weigh(&c->living[*last - 1].sum, weight, bytes);
	return 0;
}

/* A block counts for the first object in it; other objects in it have no bytes of their own. */
static int collect(struct collecting *c)
{
	const struct replay *r = c->l->r;
	const struct object *o;
	const struct block *b;
	size_t at = 0;
	int e = 0;

	while (!e && (o = replay_each_object(r, &at))) {
		if (!o->alive)
			continue;
		b = o->block ? replay_block(r, o->block) : NULL;
		e = add_living(c, o->born, o->type, o->site, b ? b->size : 0,
			       replay_weight(r, b));
	}
	for (at = 0; !e && (b = replay_each_block(r, &at));)
		if (!b->object)
			e = add_living(c, b->born, 0, block_site(r, b), b->size,
				       replay_weight(r, b));
	return e;
}

/* Sites differ by their whole stack; what is told is the place, or for native code the site. */
static int make_keys(struct collecting *c)
{
	struct shapes shapes;
	uint32_t i;

	if (shapes_init(&shapes, c->l->h))
		return -ENOMEM;
	for (i = 0; i < c->n; i++) {
		struct living *x = &c->living[i];
		uint64_t place = shapes.place[x->site];

		x->key = shape_mix(x->type, place ? place : x->site);
	}
	shapes_fini(&shapes);
	return 0;
}

static int add_rows(struct collecting *c)
{
	struct overview *o = c->o;
	struct heap *h = c->l->h;
	uint32_t i;

	if (make_keys(c))
		return -ENOMEM;
	if (c->n)
		qsort(c->living, c->n, sizeof(*c->living), by_key);
	for (i = 0; i < c->n; i++) {
		const struct living *x = &c->living[i];
		const struct def_type *t = def_type(c->l->r->defs, x->type);
		text_id name = t && x->type ? texts_add(&h->texts, t->name.s, t->name.length) : 0;

		if (i && x->key == c->living[i - 1].key) {
			weighed_add(&o->row[o->n - 1].sum, &x->sum);
			continue;
		}
		if (mem_room(&o->row, o->n, &o->cap, sizeof(*o->row)))
			return -ENOMEM;
		o->row[o->n++] = (struct overview_row){
			.type = name ? heap_text(h, name) : "memory block",
			.site = tally_site(h, x->site), .at = x->site, .sum = x->sum };
	}
	return 0;
}

int overview_of_events(struct overview *o, struct heap_loader *l)
{
	struct collecting c = { .o = o, .l = l };
	int r;

	*o = (struct overview){0};
	r = collect(&c);
	if (!r)
		r = add_rows(&c);
	mem_free(c.living);
	mem_free(c.last);
	rank(o);
	return r;
}

void overview_fini(struct overview *o)
{
	mem_free(o->row);
	*o = (struct overview){0};
}
