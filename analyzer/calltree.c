#include "calltree.h"

#include "mem.h"

#include <errno.h>

static uint32_t new_node(struct calltree *t, uint32_t parent, const struct caller *c)
{
	if (mem_room(&t->node, t->n, &t->cap, sizeof(*t->node)))
		return 0;
	t->node[t->n] = (struct calltree_node){ .parent = parent, .caller = *c,
		.sibling = t->n ? t->node[parent].child : 0 };
	if (t->n)
		t->node[parent].child = t->n;
	return t->n++;
}

static uint32_t child_of(struct calltree *t, uint32_t parent, const struct caller *c)
{
	uint32_t i = t->node[parent].child;

	while (i && t->node[i].caller.function != c->function)
		i = t->node[i].sibling;
	return i ? i : new_node(t, parent, c);
}

/* An object is even again or no longer even. */
static void count(struct calltree_node *n, bool up, uint32_t object)
{
	if (n->last != object + 1) {
		n->last = object + 1;
		n->sum = 0;
	}
	n->objects -= n->sum != 0;
	n->sum += up ? 1 : -1;
	n->objects += n->sum != 0;
	n->retains += up;
	n->releases += !up;
}

int calltree_add(struct calltree *t, struct callers *c, stack_id stack, bool up, uint32_t object)
{
	struct caller path[CALLERS_DEPTH];
	uint32_t n = callers_path(c, stack, path), at = 0;

	if (!t->n) {
		new_node(t, 0, &(struct caller){ 0 });
		if (!t->n)
			return -ENOMEM;
	}
	count(&t->node[0], up, object);
	for (uint32_t i = 0; i < n; i++) {
		at = child_of(t, at, &path[i]);
		if (!at)
			return -ENOMEM;
		count(&t->node[at], up, object);
	}
	return 0;
}

static bool heavier(const struct calltree *t, uint32_t a, uint32_t b)
{
	int64_t x = calltree_balance(&t->node[a]), y = calltree_balance(&t->node[b]);

	return x != y ? x > y : t->node[a].objects > t->node[b].objects;
}

/* Insertion: children are few, mostly. */
void calltree_settle(struct calltree *t)
{
	for (uint32_t i = 0; i < t->n; i++) {
		uint32_t sorted = 0, next;

		for (uint32_t c = t->node[i].child; c; c = next) {
			uint32_t *at = &sorted;

			next = t->node[c].sibling;
			while (*at && !heavier(t, c, *at))
				at = &t->node[*at].sibling;
			t->node[c].sibling = *at;
			*at = c;
		}
		t->node[i].child = sorted;
	}
}

void calltree_fini(struct calltree *t)
{
	mem_free(t->node);
	*t = (struct calltree){ 0 };
}
