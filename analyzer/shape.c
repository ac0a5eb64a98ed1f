#include "shape.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>

int shapes_init(struct shapes *s, const struct heap *h)
{
	uint32_t i;

	*s = (struct shapes){ .h = h };
	s->place = mem_array(h->nsites, sizeof(*s->place));
	if (!s->place)
		return -ENOMEM;
	for (i = 0; i < h->nsites; i++) {
		const struct heap_frame *f = heap_place(h, i);

		if (f)
			s->place[i] = shape_mix(shape_mix(f->function, f->file), f->line);
	}
	return 0;
}

void shapes_fini(struct shapes *s)
{
	mem_free(s->place);
	mem_free(s->scratch);
	*s = (struct shapes){0};
}

uint64_t shape_of_one(const struct shapes *s, node_id v)
{
	const struct heap_node *n = &s->h->node[v];
	text_id own = heap_is_infra(s->h, v) ? n->label : 0;

	return shape_mix(shape_mix(s->h->type[n->type].name, s->place[n->site]), own);
}

/* "worker_12" is "worker_". */
static uint64_t hash_name(const char *name)
{
	uint64_t hash = 14695981039346656037ull;	/* FNV-1a */

	for (; *name; name++)
		if (*name < '0' || *name > '9')
			hash = (hash ^ (uint8_t)*name) * 1099511628211ull;
	return hash;
}

static uint64_t edge_class(const struct heap *h, const struct heap_edge *e)
{
	switch ((enum ouro_edge_name)e->name) {
	case OURO_EDGE_KEY:
	case OURO_EDGE_ATTR:
	case OURO_EDGE_SLOT:
	case OURO_EDGE_FIELD:
	case OURO_EDGE_CELL:
	case OURO_EDGE_LOCAL:
		return shape_mix(e->name, hash_name(heap_text(h, e->operand)));
	case OURO_EDGE_OFFSET:
	case OURO_EDGE_ARGUMENT:
		return shape_mix(e->name, e->operand);
	default:
		return e->name;
	}
}

static bool put(struct shapes *s, uint32_t n, uint64_t value)
{
	if (mem_room(&s->scratch, n, &s->room, sizeof(*s->scratch)))
		return false;
	s->scratch[n] = value;
	return true;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

uint64_t shape_of(struct shapes *s, const node_id *member, uint32_t n, const uint32_t *of,
		  uint32_t group, const struct bits *only)
{
	const struct graph *g = &s->h->graph;
	uint64_t shape = 1, last = 0;
	uint32_t i, used = 0;
	edge_id e;

	for (i = 0; i < n; i++) {
		uint64_t own = shape_of_one(s, member[i]);

		if (!put(s, used++, own))
			return 0;
		for (e = g->out[member[i]]; e < g->out[member[i] + 1]; e++) {
			if (of[g->to[e]] != group || !edge_owns(g, e))
				continue;
			if (only && !bits_has(only, g->to[e]))
				continue;
			if (!put(s, used++, shape_mix(shape_mix(own, shape_of_one(s, g->to[e])),
					edge_class(s->h, &s->h->edge[g->name[e]]))))
				return 0;
		}
	}
	qsort(s->scratch, used, sizeof(*s->scratch), by_value);
	for (i = 0; i < used; i++) {
		if (i && s->scratch[i] == last)
			continue;
		last = s->scratch[i];
		shape = shape_mix(shape, last);
	}
	return shape ? shape : 1;
}

static int by_shape(const void *a, const void *b)
{
	const struct shaped *x = a, *y = b;

	if (x->shape != y->shape)
		return x->shape < y->shape ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

int shape_runs(struct shaped *s, uint32_t n,
	       int (*tell)(void *arg, const struct shaped *run, uint32_t n), void *arg)
{
	uint32_t i, end;
	int r = 0;

	if (n)
		qsort(s, n, sizeof(*s), by_shape);
	for (i = 0; i < n && !r; i = end) {
		for (end = i + 1; end < n && s[end].shape == s[i].shape; end++)
			;
		r = tell(arg, &s[i], end - i);
	}
	return r;
}
