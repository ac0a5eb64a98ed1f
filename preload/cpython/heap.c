#include "heap.h"

#include "../revive.h"
#include "layout.h"
#include "roots.h"
#include "shapes.h"
#include "words.h"

#include <errno.h>
#include <string.h>

#define NODES_FIRST	(1u << 16)
#define QUEUE_BLOCK	4094
#define GC_HEAD		16u	/* bytes before an object the collector knows */
#define DAMAGED_MOST	50	/* one of so many: where more are, what is left says nothing */
#define OBJECT_SECONDS	10	/* in a process made from a core file: what takes longer goes round */
#define LISTS_SECONDS	200
#define STRINGS_MAX	(1u << 20)	/* names; more would be larger than the rest */

struct queue_block {
	struct queue_block *next;
	uint32_t head, tail;
	uintptr_t at[QUEUE_BLOCK];
};

/* --- the table of nodes -------------------------------------------------------------- */

static bool nodes_grow(struct walk *w)
{
	size_t old = w->nodes.at ? w->nodes.mask + 1 : 0, size = old ? old * 2 : NODES_FIRST;
	struct heap_node *at = snapshot_memory(w->s, size * sizeof *at);

	if (!at)
		return false;
	for (size_t i = 0; i < old; i++) {
		size_t j = heap_hash(w->nodes.at[i].address) & (size - 1);

		if (!w->nodes.at[i].address)
			continue;
		while (at[j].address)
			j = (j + 1) & (size - 1);
		at[j] = w->nodes.at[i];
	}
	snapshot_release(w->s, w->nodes.at, old * sizeof *at);
	w->nodes.at = at;
	w->nodes.mask = size - 1;
	return true;
}

struct heap_node *heap_at(struct walk *w, uintptr_t address)
{
	struct nodes *t = &w->nodes;
	size_t i;

	if (t->n * 3 >= t->mask * 2 && !nodes_grow(w)) {
		w->incomplete = true;
		return 0;
	}
	for (i = heap_hash(address) & t->mask; t->at[i].address != address; i = (i + 1) & t->mask) {
		if (t->at[i].address)
			continue;
		t->at[i].address = address;
		t->n++;
		break;
	}
	return &t->at[i];
}

const struct heap_node *heap_find(const struct walk *w, uintptr_t address)
{
	const struct nodes *t = &w->nodes;

	for (size_t i = heap_hash(address) & t->mask; t->at[i].address; i = (i + 1) & t->mask)
		if (t->at[i].address == address)
			return &t->at[i];
	return 0;
}

/* --- the queue ----------------------------------------------------------------------- */

static bool queue_add(struct walk *w, uintptr_t op)
{
	struct queue *q = &w->queue;
	struct queue_block *b = q->tail;

	if (!b || b->tail == QUEUE_BLOCK) {
		if ((b = q->spare))
			q->spare = b->next;
		else if (!(b = snapshot_memory(w->s, sizeof *b)))
			return false;
		b->next = 0;
		b->head = b->tail = 0;
		if (q->tail)
			q->tail->next = b;
		else
			q->head = b;
		q->tail = b;
	}
	b->at[b->tail++] = op;
	return true;
}

/* Objects, and their places in the table, lie anywhere: ask early for what is needed soon. */
static uintptr_t queue_take(struct walk *w)
{
	struct queue *q = &w->queue;
	struct queue_block *b = q->head;

	while (b && b->head == b->tail) {
		if (b == q->tail)
			return 0;
		q->head = b->next;
		b->next = q->spare;
		q->spare = b;
		b = q->head;
	}
	if (!b)
		return 0;
	if (b->head + 8 < b->tail) {
		uintptr_t soon = b->at[b->head + 8];

		__builtin_prefetch((const void *)soon);
		__builtin_prefetch(&w->nodes.at[heap_hash(soon) & w->nodes.mask]);
	}
	return b->at[b->head++];
}

void heap_expect(const struct walk *w, uintptr_t op)
{
	__builtin_prefetch(&w->nodes.at[heap_hash(op) & w->nodes.mask]);
}

struct heap_node *heap_object(struct walk *w, uintptr_t op)
{
	struct heap_node *n = heap_at(w, op);

	if (!n || n->queued)
		return n;
	if (!queue_add(w, op)) {
		w->incomplete = true;
		return 0;
	}
	n->queued = 1;
	return n;
}

static bool is_type(struct walk *w, uintptr_t word)
{
	uintptr_t meta;

	if (word % 8 || !maps_find(&w->maps, word, (size_t)py.type_size))
		return false;
	meta = py_ptr(word, OB_TYPE);
	return meta % 8 == 0 && maps_find(&w->maps, meta, (size_t)py.type_size) &&
	       (py_ptr(meta, TP_FLAGS) & PY_TPFLAGS_TYPE_SUBCLASS);
}

bool heap_plausible(struct walk *w, uintptr_t word)
{
	const struct heap_node *n;

	if (word < 4096 || word % 8)
		return false;
	n = heap_find(w, word);
	if (n && n->queued)
		return true;
	return maps_find(&w->maps, word, 16) && py_long(word, OB_REFCNT) > 0 &&
	       is_type(w, py_ptr(word, OB_TYPE));
}

/* --- edges and texts ----------------------------------------------------------------- */

void heap_edge(struct walk *w, uintptr_t held, enum ouro_edge_name name, unsigned flags,
	uint64_t operand)
{
	struct heap_node *n;

	if (!held || !(n = heap_object(w, held)))
		return;
	if (!flags)
		n->open--;
	snapshot_edge(w->s, held, name, flags, operand);
}

void heap_own(struct walk *w, uintptr_t held, enum ouro_edge_name name, uint64_t operand)
{
	if (!held)
		return;
	bag_take(&w->bag, held);
	heap_edge(w, held, name, 0, operand);
}

void heap_name(struct walk *w, uintptr_t held, enum ouro_edge_name name, uint64_t operand)
{
	if (held && bag_take(&w->bag, held))
		heap_edge(w, held, name, 0, operand);
}

void heap_extent(struct walk *w, uintptr_t start, uint64_t bytes)
{
	struct extents *e = &w->extents;
	struct extent *last = e->n ? &e->at[e->n - 1] : 0;

	if (!start || !bytes)
		return;
	if (last && last->end == start) {
		last->end += bytes;
		return;
	}
	if (e->n == e->cap) {
		size_t more = e->cap ? e->cap * 2 : 65536;
		struct extent *bigger = snapshot_memory(w->s, more * sizeof *bigger);

		if (!bigger)
			return;		/* a word too many is told: no verdict hangs on it */
		if (e->n)
			memcpy(bigger, e->at, e->n * sizeof *bigger);
		snapshot_release(w->s, e->at, e->cap * sizeof *bigger);
		e->at = bigger;
		e->cap = more;
	}
	e->at[e->n++] = (struct extent){ start, start + bytes };
}

uint32_t heap_text(struct walk *w, const struct text *t)
{
	if (w->interned > STRINGS_MAX)
		return snapshot_string(w->s, "...", 3);
	w->interned++;
	return snapshot_string(w->s, t->s, t->n);
}

uint32_t heap_cstring(struct walk *w, const char *text)
{
	return snapshot_string(w->s, text, strlen(text));
}

uint32_t heap_str(struct walk *w, uintptr_t str)
{
	struct heap_node *n = heap_at(w, str);
	struct text t;
	uint32_t number;

	if (n && n->string)
		return n->string;
	text_init(&t);
	text_add_str(&t, str);
	number = heap_text(w, &t);
	if (n && number < 1u << 23)
		n->string = number & ((1u << 23) - 1);
	return number;
}

/* --- the walk ------------------------------------------------------------------------ */

/* The dict of a module, a class's dict and orders: said of them before they are written. */
static void mark(struct walk *w, uintptr_t op, bool is_namespace)
{
	struct heap_node *n = op ? heap_at(w, op) : 0;

	if (!n)
		return;
	n->is_infra = 1;
	n->is_namespace |= is_namespace;
}

static void mark_parts(struct walk *w, const struct type *t, uintptr_t op)
{
	if (t->shape == SHAPE_MODULE) {
		mark(w, py_ptr(op, py.module_dict), true);
	} else if (t->shape == SHAPE_TYPE) {
		mark(w, py_ptr(op, TP_DICT), false);
		mark(w, py_ptr(op, TP_BASES), false);
		mark(w, py_ptr(op, TP_MRO), false);
	} else if (t->shape == SHAPE_FUNCTION) {
		mark(w, py_ptr(op, py.func_closure), false);
		mark(w, py_ptr(op, py.func_annotations), false);
	}
}

/* An object on a list of the collector. */
struct listed {
	struct walk *w;
	uintptr_t at, next;
	unsigned generation;
	bool again;			/* it was on one before: this is no ring any more */
};

/* Only `next` is followed: during a collection `prev` holds counts. */
static void take_listed(void *arg)
{
	struct listed *x = arg;
	uintptr_t op = x->at - (uintptr_t)(intptr_t)GC_NEXT, next = py_ptr(x->at, 0) & ~(uintptr_t)3;
	struct heap_node *n = heap_object(x->w, op);
	const struct type *t;

	if (!n)
		return;
	x->again = n->generation;
	if (x->again)
		return;
	__builtin_prefetch((const void *)next);
	x->next = next;
	n->generation = x->generation & 7;
	t = type_of(x->w, op);
	if (t && (t->shape == SHAPE_MODULE || t->shape == SHAPE_TYPE || t->shape == SHAPE_FUNCTION))
		mark_parts(x->w, t, op);
}

static void take_list(struct walk *w, uintptr_t list, unsigned generation)
{
	struct listed x = { .w = w, .at = py_ptr(list, 0) & ~(uintptr_t)3, .generation = generation };

	for (; x.at && x.at != list; x.at = x.next) {
		x.next = 0;
		/* Of one whose type is damaged the next is known all the same. */
		if (!revive_attempt(take_listed, &x, OBJECT_SECONDS) || x.again)
			w->damaged_lists += !x.next;
	}
}

static void take_lists(struct walk *w)
{
	for (uintptr_t in = layout_interp(); in; in = py_ptr(in, py.interp_next)) {
		uintptr_t gc = layout_gc(in), list = gc + (uintptr_t)py.gc_generations;

		for (unsigned i = 0; i < 3; i++, list += (uintptr_t)py.gc_generation_size)
			take_list(w, list, i + 1);
		take_list(w, gc + (uintptr_t)py.gc_permanent, 4);
	}
}

/* Objects made at compile time, up to 3.11, have a count that no program reaches. */
#define STATIC_COUNT 999000000

static unsigned node_flags(struct walk *w, const struct type *t, uintptr_t op,
	const struct heap_node *n, uint64_t *ret_count)
{
	uint64_t count = py_ptr(op, OB_REFCNT);
	unsigned flags = 0;
	const struct range *r;

	if (py.minor >= 12) {
		count = (uint32_t)count;
		if ((int32_t)count < 0)
			flags |= OURO_NODE_IMMORTAL;
	} else if (count > STATIC_COUNT) {
		flags |= OURO_NODE_IMMORTAL;
	}
	*ret_count = count;
	if (type_is_gc(t, op)) {
		if (py_ptr(op, GC_NEXT))
			flags |= OURO_NODE_TRACKED;
		if (py_ptr(op, GC_PREV) & 1)
			flags |= OURO_NODE_FINALIZED;
	} else {
		r = maps_find(&w->maps, op, 16);
		if (r && (r->kind == RANGE_FILE || r->kind == RANGE_BSS))
			flags |= OURO_NODE_STATIC;
	}
	if (n->is_namespace)
		flags |= OURO_NODE_NAMESPACE;
	if (n->is_infra || t->shape == SHAPE_MODULE || t->shape == SHAPE_TYPE ||
	    t->shape == SHAPE_FUNCTION || t->shape == SHAPE_CODE || t->shape == SHAPE_BUILTIN ||
	    t->shape == SHAPE_DESCRIPTOR)
		flags |= OURO_NODE_CODE_INFRA;
	return flags;
}

static void write_node(struct walk *w, const struct type *t, uintptr_t op)
{
	struct heap_node *known = heap_at(w, op);
	struct snapshot_node n = { .address = op, .type = t->id, .size = size_of(w, t, op) };

	if (!known)
		return;
	n.flags = node_flags(w, t, op, known, &n.count);
	/* an immortal one is never short of holders */
	known->open += n.flags & OURO_NODE_IMMORTAL ? INT32_MIN / 2 : (int32_t)n.count;
	n.generation = known->generation;
	n.label = label_of(w, t, op);
	snapshot_node(w->s, &n);
	extents_of(w, t, op);
}

/* Scanned when all objects are known, so that only words that are one's address count. */
static void keep_opaque(struct walk *w, uintptr_t op)
{
	if (w->nopaque == w->opaque_cap) {
		size_t more = w->opaque_cap ? w->opaque_cap * 2 : 4096;
		uintptr_t *bigger = snapshot_memory(w->s, more * sizeof *bigger);

		if (!bigger) {
			w->incomplete = true;
			return;
		}
		if (w->nopaque)
			memcpy(bigger, w->opaque, w->nopaque * sizeof *bigger);
		snapshot_release(w->s, w->opaque, w->opaque_cap * sizeof *bigger);
		w->opaque = bigger;
		w->opaque_cap = more;
	}
	w->opaque[w->nopaque++] = op;
}

/* One object's turn: what is known of it when a step of it meets memory that is not there. */
struct turn {
	struct walk *w;
	uintptr_t op;
	const struct type *t;		/* NULL: not even that                       */
	bool now;			/* opaque ones, too                          */
	bool written;			/* its node is                               */
};

static void write_object(void *arg)
{
	struct turn *x = arg;

	x->t = type_of(x->w, x->op);
	if (!x->t) {
		x->w->incomplete = true;
		return;
	}
	if (x->t->shape == SHAPE_OPAQUE && !x->now) {
		heap_object(x->w, x->t->address);
		keep_opaque(x->w, x->op);
		return;
	}
	write_node(x->w, x->t, x->op);
	x->written = true;
	edges_of(x->w, x->t, x->op);
}

static void write_words(void *arg)
{
	struct turn *x = arg;

	edges_guessed(x->w, x->t, x->op);
}

/* What a damaged one may hold is held: its words are looked at instead. */
static void write_one(struct walk *w, uintptr_t op, bool now)
{
	struct turn x = { w, op, 0, now, false };

	if (revive_attempt(write_object, &x, OBJECT_SECONDS))
		return;
	w->damaged++;
	if (x.written)
		revive_attempt(write_words, &x, OBJECT_SECONDS);
}

static void write_all(struct walk *w)
{
	uintptr_t op;

	while ((op = queue_take(w)))
		write_one(w, op, false);
}

static void write_opaque(struct walk *w)
{
	for (size_t i = 0; i < w->nopaque; i++)
		write_one(w, w->opaque[i], true);
}

static const struct walk *walked;

/* The collector's lists lead to the head before an object, and to that of no other. */
bool heap_has(uintptr_t word)
{
	const struct heap_node *n;

	word &= ~(uintptr_t)7;
	n = heap_find(walked, word);
	if (n && n->queued)
		return true;
	n = heap_find(walked, word + GC_HEAD);
	return n && n->queued && n->generation;
}

static void find_running(void *w)
{
	roots_running(w);		/* first: says which frames' locals are roots */
}

static void find_roots(void *w)
{
	roots_write(w);
}

static void find_more_roots(void *w)
{
	roots_write_maybe(w);		/* words that may be left over: they need the full table */
}

static void find_words(void *w)
{
	words_write(w);
}

static void try_all(struct walk *w, revive_step *step)
{
	w->damaged_lists += !revive_attempt(step, w, LISTS_SECONDS);
}

static void note_damage(struct walk *w)
{
	struct text t;

	text_init(&t);
	text_add_int(&t, (int64_t)w->damaged);
	text_add(&t, w->damaged == 1 ? " object is" : " objects are");
	text_add(&t, " damaged, or of a type whose file is not here: all that they may hold "
		     "counts as held");
	if (w->damaged)
		snapshot_note(w->s, t.s);
	if (w->damaged_lists)
		snapshot_note(w->s, "lists of the interpreter are damaged: objects are missing");
}

int heap_snapshot(struct snapshot *s)
{
	struct walk *w = snapshot_memory(s, sizeof *w);
	int err;

	if (!w)
		return -ENOMEM;
	w->s = s;
	if ((err = maps_read(&w->maps, s)) < 0)
		return err;
	if (!nodes_grow(w))
		return -ENOMEM;
	if (snapshot_reason(s) != OURO_SNAPSHOT_COLLECTION &&
	    py_int(layout_gc(layout_interp()), py.gc_collecting))
		snapshot_note(s, "taken during a collection: what it has put aside may be missing");
	try_all(w, find_running);
	take_lists(w);
	try_all(w, find_roots);
	write_all(w);
	write_opaque(w);		/* may name new ones only through their types */
	write_all(w);
	try_all(w, find_more_roots);
	try_all(w, find_words);
	note_damage(w);
	if (w->incomplete)
		snapshot_note(s, "memory ran out: objects or references are missing");
	if (w->damaged > w->nodes.n / DAMAGED_MOST)
		return -EFAULT;
	walked = w;
	return 0;
}
