#include "layout.h"
#include "shapes.h"

#include <string.h>

#define BAG_LINEAR	16		/* as many references are looked through one by one */

static int bag_visit(void *op, void *arg)
{
	struct walk *w = arg;
	struct bag *b = &w->bag;

	if (b->n == b->cap) {
		size_t more = b->cap ? b->cap * 2 : 1024;
		uintptr_t *at = snapshot_memory(w->s, more * sizeof *at);

		if (!at) {
			b->overflow = true;
			return 0;
		}
		if (b->n)
			memcpy(at, b->at, b->n * sizeof *at);
		snapshot_release(w->s, b->at, b->cap * sizeof *at);
		b->at = at;
		b->cap = more;
	}
	b->at[b->n++] = (uintptr_t)op;
	return 0;
}

static struct bag_slot *bag_slot(struct bag *b, uintptr_t address)
{
	size_t i = heap_hash(address) & (b->slots - 1);

	while (b->slot[i].address && b->slot[i].address != address)
		i = (i + 1) & (b->slots - 1);
	return &b->slot[i];
}

/* One by one would be quadratic for a large container of a derived class. */
static void bag_hash(struct walk *w, struct bag *b)
{
	size_t need = 64;

	while (need < b->n * 2)
		need *= 2;
	if (need > b->slot_cap) {
		struct bag_slot *slot = snapshot_memory(w->s, need * sizeof *slot);

		if (!slot)
			return;
		snapshot_release(w->s, b->slot, b->slot_cap * sizeof *slot);
		b->slot = slot;
		b->slot_cap = need;
	}
	memset(b->slot, 0, need * sizeof *b->slot);
	b->slots = need;
	for (size_t i = 0; i < b->n; i++) {
		struct bag_slot *slot = bag_slot(b, b->at[i]);

		slot->address = b->at[i];
		slot->n++;
	}
}

bool bag_take(struct bag *b, uintptr_t address)
{
	if (b->slots) {
		struct bag_slot *slot = bag_slot(b, address);

		return slot->n && slot->n--;
	}
	for (size_t i = 0; i < b->n; i++) {
		if (b->at[i] == address) {
			b->at[i] = 0;
			return true;
		}
	}
	return false;
}

void bag_fill(struct walk *w, const struct type *t, uintptr_t op)
{
	w->bag.n = w->bag.slots = 0;
	if (t->traverse && type_is_gc(t, op))
		t->traverse((void *)op, bag_visit, w);
	if (w->bag.n > BAG_LINEAR)
		bag_hash(w, &w->bag);
	if (w->bag.overflow)
		w->incomplete = true;
}

bool bag_next(struct bag *b, size_t *i, uintptr_t *ret_address)
{
	for (; *i < (b->slots ? b->slots : b->n); ++*i) {
		if (b->slots && b->slot[*i].n) {
			b->slot[*i].n--;
			*ret_address = b->slot[*i].address;
			return true;
		}
		if (!b->slots && b->at[*i]) {
			*ret_address = b->at[*i];
			b->at[*i] = 0;
			return true;
		}
	}
	return false;
}
