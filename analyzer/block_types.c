#include "block_types.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOT_TYPED UINT32_MAX		/* in `of`: different types lead there       */
#define ROUNDS_MOST 8			/* with each, what contradicts itself is left out */

/* A word that has the address of a block's first byte. */
struct pointer {
	node_id holder, held;		/* holder NODE_NONE: a global                */
	uint64_t offset;		/* in the holder; of a global its address    */
};

struct finder {
	struct block_types *t;
	const struct blocks *b;
	struct symbols *symbols;
	struct pointer *pointer;	/* globals first, then by holder             */
	uint32_t n, cap;
	node_id *queue;			/* blocks that were given a type             */
	uint32_t queued;
	bool contradiction;
	bool no_memory;
};

/* --- pointers ------------------------------------------------------------------------- */

static int take_pointer(void *arg, const struct block_word *w)
{
	struct finder *f = arg;
	bool global = w->holder == NODE_NONE;

	if (w->address != f->b->row[w->held].addr || (global && w->region != OURO_REGION_DATA))
		return 0;
	if (mem_room(&f->pointer, f->n, &f->cap, sizeof(*f->pointer)))
		return -ENOMEM;
	f->pointer[f->n++] = (struct pointer){ w->holder, w->held,
		global ? w->where : w->where - f->b->row[w->holder].addr };
	return 0;
}

static int by_holder(const void *a, const void *b)
{
	const struct pointer *x = a, *y = b;

	/* NODE_NONE is the highest there is: by one more it is the lowest */
	if (x->holder != y->holder)
		return x->holder + 1 < y->holder + 1 ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static uint32_t first_of(const struct finder *f, node_id holder)
{
	uint32_t lo = 0, hi = f->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (f->pointer[mid].holder + 1 < holder + 1)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* --- types ---------------------------------------------------------------------------- */

/* Each compilation unit describes a type anew. */
static uint32_t intern(struct finder *f, const struct native_type *type)
{
	struct block_types *t = f->t;
	uint64_t bytes = native_type_size(type);
	struct buf name = { 0 };

	if (!bytes || !native_type_name(type, &name)) {
		buf_fini(&name);
		return 0;
	}
	for (uint32_t i = 0; i < t->n && name.s; i++)
		if (t->type[i].bytes == bytes && !strcmp(t->type[i].name, name.s)) {
			buf_fini(&name);
			return i + 1;
		}
	if (mem_room(&t->type, t->n, &t->cap, sizeof(*t->type))) {
		f->no_memory = true;
		buf_fini(&name);
		return 0;
	}
	t->type[t->n] = (struct block_type){ *type, buf_take(&name), bytes,
		native_type_is_open(type) };
	f->no_memory |= !t->type[t->n].name;
	return t->type[t->n].name ? ++t->n : 0;
}

static void give(struct finder *f, node_id v, const struct native_type *type)
{
	uint32_t *of = &f->t->of[v], row;

	/* A character says nothing: all bytes are some. */
	if (*of == NOT_TYPED || f->b->row[v].object || native_type_size(type) < 8)
		return;
	row = intern(f, type);
	if (!row || f->t->type[row - 1].bytes > f->b->row[v].size || *of == row)
		return;
	if (*of) {
		*of = NOT_TYPED;
		f->contradiction = true;
		return;
	}
	*of = row;
	f->queue[f->queued++] = v;
}

static void give_targets_of_globals(struct finder *f)
{
	for (uint32_t i = 0; i < f->n && f->pointer[i].holder == NODE_NONE; i++) {
		struct native_type type, target;
		struct buf path = { 0 };
		uint64_t offset;

		if (symbols_type(f->symbols, f->pointer[i].offset, &type, &offset) &&
		    native_pointer_at(&type, offset, &path, &target) && target.die[0])
			give(f, f->pointer[i].held, &target);
		buf_fini(&path);
	}
}

static bool is_table(const struct block_type *x)
{
	size_t n = strlen(x->name);

	return x->bytes == 8 && n && x->name[n - 1] == '*';
}

/* What is at a byte of a block; the target has no type where there is no pointer, or one to nothing known. */
static bool look(const struct block_types *t, node_id v, uint64_t offset, struct buf *path,
	struct native_type *ret)
{
	uint32_t row = v < t->blocks ? t->of[v] : 0;
	const struct block_type *x = row && row != NOT_TYPED ? &t->type[row - 1] : NULL;

	if (!x)
		return false;
	if (is_table(x)) {
		buf_printf(path, "[%llu]", (unsigned long long)(offset / 8));
		offset %= 8;
	}
	return native_pointer_at(&x->type, offset, path, ret);
}

static void give_targets_of(struct finder *f, node_id v)
{
	for (uint32_t i = first_of(f, v); i < f->n && f->pointer[i].holder == v; i++) {
		struct native_type target;
		struct buf path = { 0 };

		if (look(f->t, v, f->pointer[i].offset, &path, &target) && target.die[0])
			give(f, f->pointer[i].held, &target);
		buf_fini(&path);
	}
}

/* --- contradictions ------------------------------------------------------------------- */

static const struct blocks *sorted;

static int by_birth(const void *a, const void *b)
{
	const struct blocks_row *x = &sorted->row[*(const node_id *)a], *y = &sorted->row[*(const node_id *)b];

	if (x->site != y->site)
		return x->site < y->site ? -1 : 1;
	return x->size < y->size ? -1 : x->size > y->size;
}

/* What one place makes with one size is of one type: else one of those who say so is wrong. */
static void compare_births(struct finder *f)
{
	uint32_t *of = f->t->of;
	uint32_t end;

	sorted = f->b;
	if (f->queued)
		qsort(f->queue, f->queued, sizeof(*f->queue), by_birth);
	for (uint32_t i = 0; i < f->queued; i = end) {
		bool differ = false;

		for (end = i; end < f->queued && !by_birth(&f->queue[i], &f->queue[end]); end++)
			differ |= of[f->queue[end]] != of[f->queue[i]];
		for (uint32_t k = i; differ && k < end; k++)
			of[f->queue[k]] = NOT_TYPED;
		f->contradiction |= differ;
	}
}

/* What followed from a type that was wrong is wrong, too: all is found anew, without it. */
static void forget(struct finder *f)
{
	for (uint32_t i = 0; i < f->b->n; i++)
		if (f->t->of[i] != NOT_TYPED)
			f->t->of[i] = 0;
	f->queued = 0;
	f->contradiction = false;
}

static void spread(struct finder *f)
{
	int round = 0;

	do {
		forget(f);
		give_targets_of_globals(f);
		for (uint32_t i = 0; i < f->queued; i++)
			give_targets_of(f, f->queue[i]);
		compare_births(f);
	} while (f->contradiction && !f->no_memory && ++round < ROUNDS_MOST);
	if (f->contradiction)
		forget(f);
}

/* --- all of it ------------------------------------------------------------------------ */

int block_types_find(struct block_types *t, const struct blocks *b, const struct snap *s,
	struct symbols *symbols)
{
	struct finder f = { .t = t, .b = b, .symbols = symbols };
	int e = 0;

	*t = (struct block_types){ .of = mem_array(b->n, sizeof(*t->of)), .blocks = b->n,
		.b = b };
	f.queue = mem_array(b->n, sizeof(*f.queue));
	if (!t->of || !f.queue)
		e = -ENOMEM;
	if (!e)
		e = blocks_each_word(b, s, take_pointer, &f);
	if (!e && f.n) {
		qsort(f.pointer, f.n, sizeof(*f.pointer), by_holder);
		spread(&f);
	}
	if (f.no_memory)
		e = -ENOMEM;
	mem_free(f.pointer);
	mem_free(f.queue);
	if (e)
		block_types_fini(t);
	return e;
}

void block_types_fini(struct block_types *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		mem_free(t->type[i].name);
	mem_free(t->type);
	mem_free(t->of);
	*t = (struct block_types){ 0 };
}

const char *block_types_name(const struct block_types *t, node_id v)
{
	uint32_t row = v < t->blocks ? t->of[v] : 0;
	const struct block_type *x = row && row != NOT_TYPED ? &t->type[row - 1] : NULL;

	return x && (x->bytes == t->b->row[v].size || x->open || is_table(x)) ? x->name : NULL;
}

bool block_types_member(const struct block_types *t, node_id v, uint64_t offset, struct buf *ret)
{
	struct native_type target;
	struct buf path = { 0 };
	bool known = look(t, v, offset, &path, &target) && path.n;

	if (known)
		buf_puts(ret, path.s + (*path.s == '.'));
	buf_fini(&path);
	return known;
}

bool block_types_is(const struct block_types *t, node_id v, const char *q)
{
	const char *name = block_types_name(t, v);

	return name && (!strcmp(name, q) || (!strncmp(name, "struct ", 7) && !strcmp(name + 7, q)));
}
