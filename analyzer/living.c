#include "living.h"

#include <errno.h>
#include <ouro/living.h>
#include <stdlib.h>
#include <string.h>

static int add_nodes(struct living_rows *l, const struct trace_chunk *c, struct stacks *s)
{
	struct ouro_stack_node node;
	struct trace_bytes b;
	int r = trace_hold(l->trace, c, &b);

	for (uint32_t i = 0; !r && i < b.used / sizeof(node); i++, l->nodes++) {
		memcpy(&node, b.data + i * sizeof(node), sizeof(node));
		l->stack[l->nodes] = STACK_EMPTY;
		if (node.parent >= l->nodes) {
			trace_damaged(l->trace, c, "stack %u hangs from stack %u",
				(unsigned)l->nodes, (unsigned)node.parent);
			continue;
		}
		l->stack[l->nodes] = stacks_push(s, l->stack[node.parent], node.location);
		if (!l->stack[l->nodes])
			r = -ENOMEM;
	}
	trace_let_go(&b);
	return r;
}

int living_init(struct living_rows *l, struct trace *t, struct stacks *s)
{
	size_t room = 1;
	int r = 0;

	*l = (struct living_rows){ .trace = t, .nodes = 1 };
	for (uint32_t i = 0; i < t->nodes.count; i++)
		room += t->nodes.chunk[i].used / sizeof(struct ouro_stack_node);
	l->stack = calloc(room, sizeof(*l->stack));
	if (!l->stack)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->nodes.count && !r; i++)
		r = add_nodes(l, &t->nodes.chunk[i], s);
	if (r)
		living_fini(l);
	return r;
}

void living_fini(struct living_rows *l)
{
	free(l->stack);
	trace_let_go(&l->bytes);
	*l = (struct living_rows){ 0 };
}

static stack_id stack_of(const struct living_rows *l, uint32_t node)
{
	return node < l->nodes ? l->stack[node] : STACK_EMPTY;
}

static unsigned kind_of(const struct ouro_living *row)
{
	if (!(row->flags & OURO_LIVING_BLOCK))
		return OURO_BIRTH;
	if (!(row->flags & OURO_LIVING_POOL))
		return OURO_ALLOC;
	return row->flags & OURO_LIVING_OBJECT ? OURO_POOL_BIRTH : OURO_POOL_ALLOC;
}

/* The next row; 1, 0: there is none, -ENOMEM. */
static int next_row(struct living_rows *l, struct ouro_living *ret)
{
	const struct trace_stream *all = &l->trace->living;
	int r;

	for (; l->chunk < all->count; l->chunk++, l->row = 0) {
		r = l->row ? 0 : trace_hold(l->trace, &all->chunk[l->chunk], &l->bytes);
		if (r)
			return r;
		if (l->row < l->bytes.used / sizeof(*ret)) {
			memcpy(ret, l->bytes.data + l->row++ * sizeof(*ret), sizeof(*ret));
			return 1;
		}
		trace_let_go(&l->bytes);
	}
	return 0;
}

int living_next(struct living_rows *l, const struct stacks *s, struct event *ret)
{
	struct ouro_living row;
	int r;

	do {
		r = next_row(l, &row);
		if (r <= 0)
			return r;
	} while (!row.addr);
	*ret = (struct event){ .ticks = row.ticks, .addr = row.addr,
		.arg = row.size, .stream = l->trace->events,
		.kind = (uint8_t)kind_of(&row), .form = OURO_STACK_BOTH,
		.native = stack_of(l, row.native),
		.interp = stack_of(l, row.interp) };
	if (row.flags & OURO_LIVING_OBJECT) {
		ret->object = row.addr + row.object * 8u;
		ret->type = type_same(s->defs, row.type);
	}
	return 1;
}
