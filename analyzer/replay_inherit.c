/*
 * replay_inherit.c - a fork begins with what its parent had
 */
#include "replay_private.h"

#include "mem.h"

#include <errno.h>
#include <string.h>

struct heir {
	struct replay *r;
	const struct replay *parent;
	const struct defs_added *at;
	stack_id *stack;		/* by the parent's: ours                     */
	uint32_t *row;			/* by the parent's row of an object: ours    */
	uint32_t *path, path_cap;	/* scratch                                   */
	uint32_t *chain, chain_cap;
};

/* Our number of a stack: from the outermost frame that we lack to its innermost. */
static int stack_of(struct heir *h, stack_id id, stack_id *ret)
{
	const struct stacks *s = &h->parent->stacks;
	uint32_t n = 0;

	for (stack_id at = id; at && !h->stack[at]; at = stack_parent(s, at)) {
		if (mem_room(&h->path, n, &h->path_cap, sizeof(*h->path)))
			return -ENOMEM;
		h->path[n++] = at;
	}
	while (n-- > 0) {
		stack_id at = h->path[n];

		h->stack[at] = stacks_push(&h->r->stacks, h->stack[stack_parent(s, at)],
			location_same(h->r->defs, h->at->location + s->node[at].location));
		if (!h->stack[at])
			return -ENOMEM;
	}
	*ret = h->stack[id];
	return 0;
}

/* As the parent's trace told it, in our numbers; who of its threads did it is gone. */
static int event_of(struct heir *h, struct event *e, site_id site, uint32_t type, uint64_t born)
{
	stack_id stack = site < h->parent->sites ? h->parent->site[site].stack : 0;

	*e = (struct event){ .ticks = born,
		.type = type ? type_same(h->r->defs, h->at->type + type) : 0 };
	return stack_of(h, stack, &e->stack);
}

static int take_object(struct heir *h, uint32_t row)
{
	const struct object *o = &h->parent->live.object[row];
	struct event e;
	int result = event_of(h, &e, o->site, o->type, o->born);
	uint32_t mine;

	if (result)
		return result;
	e.kind = OURO_BIRTH;
	e.addr = e.object = o->addr;
	result = replay_birth(h->r, &e);
	mine = live_object(&h->r->live, o->addr);
	if (result || !mine)
		return result;
	h->row[row] = mine;
	h->r->live.object[mine].nth = 0;	/* ages in births count from the fork */
	h->r->live.object[mine].collections = 0;
	if (!o->alive) {		/* its memory waits for the next one */
		e.addr = o->addr;
		replay_death(h->r, &e);
	}
	return 0;
}

static int take_block(struct heir *h, const struct block *b)
{
	const struct replay *p = h->parent;
	uint32_t n = 0;
	struct event e;
	int result = event_of(h, &e, block_site(p, b), b->part < p->parts ? p->part[b->part].type : 0,
			      b->born);

	e.kind = b->pool ? OURO_POOL_ALLOC : OURO_ALLOC;
	e.addr = b->addr;
	e.arg = b->size;
	if (!result)
		result = replay_alloc(h->r, &e);
	for (uint32_t row = b->object; row && !result; row = p->live.object[row].next)
		if (mem_room(&h->chain, n, &h->chain_cap, sizeof(*h->chain)))
			result = -ENOMEM;
		else
			h->chain[n++] = row;
	while (n-- > 0 && !result)	/* the one that came last stands first */
		result = take_object(h, h->chain[n]);
	return result;
}

static int take_all(struct heir *h)
{
	const struct live *l = &h->parent->live;
	const struct block *b;
	size_t at = 0;
	int result = 0;

	while (!result && (b = replay_each_block(h->parent, &at)))
		result = take_block(h, b);
	for (uint32_t row = 1; row < l->rows && !result; row++)
		if (l->object[row].addr && !l->object[row].block)
			result = take_object(h, row);
	return result;
}

int replay_inherit(struct replay *r, const struct replay *parent, const struct defs_added *at,
	uint32_t **ret)
{
	struct heir h = { .r = r, .parent = parent, .at = at,
		.stack = mem_array(parent->stacks.count, sizeof(*h.stack)),
		.row = mem_array(parent->live.rows + 1, sizeof(*h.row)) };
	const struct replay_observer *observer = r->observer;
	struct refs *refs = r->refs;
	int result = h.stack && h.row ? 0 : -ENOMEM;

	/* Nothing of this happens now: nobody is told. */
	r->observer = NULL;
	r->refs = NULL;

	if (r->stacks.limit < UINT32_MAX - parent->stacks.count)
		r->stacks.limit += parent->stacks.count;
	if (!result)
		result = take_all(&h);
	memset(&r->private->stream[0], 0, sizeof(r->private->stream[0]));
	r->observer = observer;
	r->refs = refs;
	r->now = r->trace->head.start_ticks - 1;
	replay_start_counting(r);
	mem_free(h.stack);
	mem_free(h.path);
	mem_free(h.chain);
	if (result)
		mem_free(h.row);
	else
		*ret = h.row;
	return result;
}
