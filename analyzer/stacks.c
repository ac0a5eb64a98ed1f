/*
 * stacks.c - the tree of stacks, and merging two of them into one
 *
 * merge(n, i) of native stack n and interpreter stack i, from the inner end:
 *
 *   n's innermost frame is no evaluator:  merge(parent(n), i) + that frame
 *   it is one:                            run(parent(n), i)
 *   n is empty, or only a mark is left:   n + all of i
 *
 *   run(n, i):  before + the innermost frame of i, where before is
 *               merge(n, parent(i)) when that frame is the first of its run, and
 *               run(n, parent(i)) when it is not
 *
 * Each answer is kept under (what, n, i), so that stacks which share their
 * outer part share the work.
 */
#include "stacks.h"

#include "mem.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MIN 64
#define NODES_MAX (1u << 30)

enum step {
	STEP_MERGE = 0,
	STEP_RUN   = 1,
};

struct memo {
	uint32_t native;		/* enum step in the highest bit              */
	stack_id interp;
	stack_id merged;		/* 0: free                                   */
};

struct todo {
	stack_id native, interp;
	uint32_t location;		/* 0: the answer is that of the one below    */
	enum step step;
};

struct stacks_merged {
	struct memo *memo;
	uint32_t count, mask;
	struct todo *todo;		/* the worklist, kept between calls          */
	uint32_t todos, todo_room;
};

#define STEP_SHIFT 31

static uint32_t hash(uint32_t a, uint32_t b)
{
	uint64_t h = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u;

	return (uint32_t)(h >> 32 ^ h >> 12);
}

/* --- the tree ---------------------------------------------------------------------- */

/*
 * Children of a node hang on a list, the one asked for last in front: on the way of calls
 * that a program is in, that is the one asked for, and what was made last has none, so most
 * pushes touch what the push before them touched.  Where there are more than CHILDREN, a
 * table finds them, and `first` is but the last one found.
 */
struct stack_link {
	uint32_t first;			/* CROWDED in the highest bit                */
	stack_id next;			/* of the same parent, when that is not crowded */
};

struct stack_retired {
	struct stack_retired *next;
	struct stack_node *node;
};

#define CROWDED  (1u << 31)
#define CHILDREN 8

int stacks_init(struct stacks *s, const struct defs *d)
{
	*s = (struct stacks){ .defs = d, .count = 1, .room = NODES_MIN,
		.crowd_mask = NODES_MIN - 1, .limit = NODES_MAX };
	s->node = mem_array(s->room, sizeof(*s->node));
	s->link = mem_array(s->room, sizeof(*s->link));
	s->crowd = mem_array(s->crowd_mask + 1, sizeof(*s->crowd));
	s->merged = calloc(1, sizeof(*s->merged));
	if (s->merged) {
		s->merged->mask = NODES_MIN - 1;
		s->merged->memo = calloc(NODES_MIN, sizeof(*s->merged->memo));
	}
	if (s->node && s->link && s->crowd && s->merged && s->merged->memo)
		return 0;
	stacks_fini(s);
	return -ENOMEM;
}

void stacks_fini(struct stacks *s)
{
	if (s->merged) {
		free(s->merged->memo);
		free(s->merged->todo);
	}
	free(s->merged);
	mem_free(s->node);
	mem_free(s->link);
	mem_free(s->crowd);
	stack_retired_free(s->retired);
	*s = (struct stacks){ 0 };
}

struct stack_retired *stacks_retired(struct stacks *s)
{
	struct stack_retired *r = s->retired;

	s->retired = NULL;
	return r;
}

void stack_retired_free(struct stack_retired *r)
{
	while (r) {
		struct stack_retired *next = r->next;

		mem_free(r->node);
		free(r);
		r = next;
	}
}

static bool retire(struct stacks *s, struct stack_node *node)
{
	struct stack_retired *r = malloc(sizeof(*r));

	if (!r)
		return false;
	*r = (struct stack_retired){ s->retired, node };
	s->retired = r;
	return true;
}

static int grow(struct stacks *s)
{
	uint32_t room = s->room * 2;
	struct stack_node *node;
	struct stack_link *link;

	if (s->room >= NODES_MAX)
		return -ENOMEM;
	node = mem_array(room, sizeof(*node));
	link = mem_array(room, sizeof(*link));
	if (!node || !link || (s->shared && !retire(s, s->node))) {
		mem_free(node);
		mem_free(link);
		return -ENOMEM;
	}
	memcpy(node, s->node, s->count * sizeof(*node));
	memcpy(link, s->link, s->count * sizeof(*link));
	if (!s->shared)
		mem_free(s->node);
	mem_free(s->link);
	s->node = node;
	s->link = link;
	s->room = room;
	return 0;
}

static uint32_t *crowd_slot(const struct stacks *s, stack_id parent, uint32_t location)
{
	uint32_t at = hash(parent, location) & s->crowd_mask;

	while (s->crowd[at]) {
		const struct stack_node *n = &s->node[s->crowd[at]];

		if (n->parent == parent && n->location == location)
			break;
		at = (at + 1) & s->crowd_mask;
	}
	return &s->crowd[at];
}

static int crowd_grow(struct stacks *s)
{
	uint32_t *old = s->crowd, n = s->crowd_mask + 1;

	if (n > NODES_MAX)
		return -ENOMEM;
	s->crowd = mem_array((size_t)n * 2, sizeof(*s->crowd));
	if (!s->crowd) {
		s->crowd = old;
		return -ENOMEM;
	}
	s->crowd_mask = n * 2 - 1;
	for (uint32_t i = 0; i < n; i++)
		if (old[i])
			*crowd_slot(s, s->node[old[i]].parent, s->node[old[i]].location) = old[i];
	mem_free(old);
	return 0;
}

static int crowd_room(struct stacks *s, uint32_t more)
{
	while (s->crowded + more > s->crowd_mask / 2)
		if (crowd_grow(s))
			return -ENOMEM;
	return 0;
}

static void crowd_add(struct stacks *s, stack_id id)
{
	*crowd_slot(s, s->node[id].parent, s->node[id].location) = id;
	s->crowded++;
}

/* All on the list go into the table; there is room. */
static void crowd(struct stacks *s, stack_id parent)
{
	for (stack_id x = s->link[parent].first; x; x = s->link[x].next)
		crowd_add(s, x);
	s->link[parent].first |= CROWDED;
}

/* A new node; `many`: its parent has as many children as a list may have. */
static stack_id add(struct stacks *s, stack_id parent, uint32_t location, bool many)
{
	stack_id id = s->count, first;

	if ((s->count == s->room && grow(s)) || (many && crowd_room(s, CHILDREN + 1))) {
		errno = ENOMEM;
		return STACK_EMPTY;
	}
	s->count++;
	s->node[id] = (struct stack_node){ parent, location };
	first = s->link[parent].first;
	if (many && !(first & CROWDED))
		crowd(s, parent);
	if (many) {
		crowd_add(s, id);
		s->link[parent].first = id | CROWDED;
	} else {
		s->link[id].next = first;
		s->link[parent].first = id;
	}
	return id;
}

/* Is it on the list behind `first`?  Then it comes to the front. */
static stack_id further(struct stacks *s, stack_id parent, stack_id first, uint32_t location,
	unsigned *ret_children)
{
	stack_id before = first, x;

	for (x = s->link[first].next; x; before = x, x = s->link[x].next) {
		++*ret_children;
		if (s->node[x].location != location)
			continue;
		s->link[before].next = s->link[x].next;
		s->link[x].next = first;
		s->link[parent].first = x;
		return x;
	}
	return STACK_EMPTY;
}

stack_id stacks_push(struct stacks *s, stack_id parent, uint32_t location)
{
	uint32_t same = location_same(s->defs, location), first;
	unsigned children = 0;
	stack_id id;

	assert(parent < s->count);
	first = s->link[parent].first;
	id = first & ~CROWDED;
	if (id && s->node[id].location == same)
		return id;
	if (first & CROWDED) {
		id = *crowd_slot(s, parent, same);
		if (!id)
			return add(s, parent, same, true);
		s->link[parent].first = id | CROWDED;
		return id;
	}
	if (id) {
		children = 1;
		id = further(s, parent, id, same, &children);
	}
	return id ? id : add(s, parent, same, children >= CHILDREN);
}

/* --- merging ----------------------------------------------------------------------- */

static struct memo *memo_slot(
	const struct stacks_merged *m, uint32_t native, stack_id interp)
{
	uint32_t at = hash(native, interp) & m->mask;

	while (m->memo[at].merged &&
	       (m->memo[at].native != native || m->memo[at].interp != interp))
		at = (at + 1) & m->mask;
	return &m->memo[at];
}

static int memo_grow(struct stacks_merged *m)
{
	struct memo *old = m->memo;
	uint32_t old_mask = m->mask;

	if (m->mask > UINT32_MAX / 4)
		return -ENOMEM;
	m->memo = calloc(((size_t)m->mask + 1) * 2, sizeof(*m->memo));
	if (!m->memo) {
		m->memo = old;
		return -ENOMEM;
	}
	m->mask = m->mask * 2 + 1;
	for (uint32_t i = 0; i <= old_mask; i++)
		if (old[i].merged)
			*memo_slot(m, old[i].native, old[i].interp) = old[i];
	free(old);
	return 0;
}

static int memo_put(struct stacks_merged *m, const struct todo *t, stack_id merged)
{
	uint32_t key = t->native | (uint32_t)t->step << STEP_SHIFT;
	struct memo *slot;

	if (!merged)
		return 0;
	if (m->count >= m->mask / 8 * 5 && memo_grow(m))
		return -ENOMEM;
	slot = memo_slot(m, key, t->interp);
	m->count += !slot->merged;
	*slot = (struct memo){ key, t->interp, merged };
	return 0;
}

static bool has_flag(const struct stacks *s, stack_id id, unsigned flag)
{
	return stack_location(s, id)->flags & flag;
}

/* Native frames end here: what is left of the interpreter's goes on top of this. */
static bool is_outer_end(const struct stacks *s, stack_id native)
{
	return !native ||
		(!s->node[native].parent &&
			stack_location(s, native)->kind == LOCATION_MARK);
}

/*
 * From a question to the smaller one its answer is built on.  False: there is
 * none, the answer is `native` itself.  t->location becomes the frame to add.
 */
static bool reduce(const struct stacks *s, struct todo *t, struct todo *ret)
{
	stack_id n = t->native, i = t->interp;

	if (t->step == STEP_MERGE && (!i || is_outer_end(s, n))) {
		if (!i)
			return false;
		*ret = (struct todo){ n, s->node[i].parent, 0, STEP_MERGE };
		t->location = s->node[i].location;
		return true;
	}
	if (t->step == STEP_MERGE && !has_flag(s, n, LOCATION_EVAL)) {
		*ret = (struct todo){ s->node[n].parent, i, 0, STEP_MERGE };
		t->location = s->node[n].location;
		return true;
	}
	if (t->step == STEP_MERGE) {
		*ret = (struct todo){ s->node[n].parent, i, 0, STEP_RUN };
		t->location = 0;
		return true;
	}
	*ret = (struct todo){ n, s->node[i].parent, 0, STEP_RUN };
	if (has_flag(s, i, LOCATION_ENTRY) || !s->node[i].parent)
		ret->step = STEP_MERGE;
	t->location = s->node[i].location;
	return true;
}

static struct todo *todo_add(struct stacks_merged *m)
{
	struct todo *p;

	if (m->todos == m->todo_room) {
		uint32_t room = m->todo_room ? m->todo_room * 2 : 256;

		p = realloc(m->todo, room * sizeof(*p));
		if (!p)
			return NULL;
		m->todo = p;
		m->todo_room = room;
	}
	return &m->todo[m->todos++];
}

/* Down to a question whose answer is known, and up again adding frames. */
static stack_id merge(struct stacks *s, stack_id native, stack_id interp)
{
	struct stacks_merged *m = s->merged;
	struct todo next = { native, interp, 0, STEP_MERGE };
	stack_id answer;

	m->todos = 0;
	for (;;) {
		const struct memo *known = memo_slot(m,
			next.native | (uint32_t)next.step << STEP_SHIFT, next.interp);
		struct todo *t;

		answer = known->merged;
		if (answer)
			break;
		answer = next.native;
		t = todo_add(m);
		if (!t)
			return STACK_EMPTY;
		*t = next;
		if (!reduce(s, t, &next)) {
			m->todos--;
			break;
		}
	}
	while (m->todos) {
		const struct todo *t = &m->todo[--m->todos];

		if (t->location)
			answer = stacks_push(s, answer, t->location);
		if ((t->location && !answer) || memo_put(m, t, answer))
			return STACK_EMPTY;
	}
	return answer;
}

stack_id stacks_merge(struct stacks *s, stack_id native, stack_id interp)
{
	assert(native < s->count && interp < s->count);
	while (native && has_flag(s, native, LOCATION_GUEST))
		native = s->node[native].parent;
	if (!interp || s->count >= s->limit)
		return native;
	return merge(s, native, interp);
}

/* --- looking ----------------------------------------------------------------------- */

uint32_t stacks_depth(const struct stacks *s, stack_id id)
{
	uint32_t n = 0;

	for (; id; id = s->node[id].parent)
		n++;
	return n;
}

stack_id stacks_line(const struct stacks *s, stack_id id)
{
	while (id && stack_location(s, id)->kind != LOCATION_LINE)
		id = s->node[id].parent;
	return id;
}
