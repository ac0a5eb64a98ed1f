#include "living.h"

#include "confine.h"
#include "file.h"
#include "sys.h"

#include <string.h>

/*
 * Open addressing, an entry is tag << 32 | number; 0: free.  The tag is half of
 * the hash, so entries find their home without a look at what they stand for.
 */
struct finder {
	uint64_t *entry;
	size_t mask, n;
};
static struct finder rows_by_addr, nodes_by_step;

/* What is numbered from 1 and stands in chunks of one kind, which stay mapped. */
#define CHUNKS_MAX (1u << 18)
struct shelf {
	struct ouro_chunk **chunk;	/* room for CHUNKS_MAX, touched as it grows  */
	uint32_t chunks, used;		/* used: numbers given                       */
};
static struct shelf rows, nodes;
static uint32_t free_row;		/* the first of a chain through `ticks`; 0: none */

#define FINDER_FIRST 4096

/* --- finders ------------------------------------------------------------------- */

static uint32_t tag_of(uint64_t key)
{
	return (uint32_t)(key * 0x9e3779b97f4a7c15u >> 32);
}

static void insert(struct finder *f, uint64_t entry)
{
	size_t at = (entry >> 32) & f->mask;

	while (f->entry[at])
		at = (at + 1) & f->mask;
	f->entry[at] = entry;
	f->n++;
}

/* Half of it stays free. */
static bool finder_room(struct finder *f)
{
	size_t room = f->entry ? 2 * (f->mask + 1) : FINDER_FIRST;
	struct finder old = *f;

	if (f->entry && f->n < (f->mask + 1) / 2)
		return true;
	if (confined)		/* no more memory is to be had: fill up what there is */
		return f->entry && f->n < f->mask;
	f->entry = sys_memory(room * sizeof *f->entry);
	if (!f->entry) {
		*f = old;
		return f->entry && f->n < f->mask;
	}
	f->mask = room - 1;
	f->n = 0;
	for (size_t i = 0; old.entry && i <= old.mask; i++)
		if (old.entry[i])
			insert(f, old.entry[i]);
	if (old.entry)
		sys_unmap(old.entry, (old.mask + 1) * sizeof *old.entry);
	return true;
}

/* What comes after the gap and is not at home moves up. */
static void erase(struct finder *f, size_t gap)
{
	for (size_t at = (gap + 1) & f->mask; f->entry[at]; at = (at + 1) & f->mask) {
		size_t home = (f->entry[at] >> 32) & f->mask;

		if (((at - home) & f->mask) < ((at - gap) & f->mask))
			continue;
		f->entry[gap] = f->entry[at];
		gap = at;
	}
	f->entry[gap] = 0;
	f->n--;
}

static void finder_forget(struct finder *f)
{
	if (f->entry)
		sys_unmap(f->entry, (f->mask + 1) * sizeof *f->entry);
	*f = (struct finder){ 0 };
}

/* --- shelves ------------------------------------------------------------------- */

/* The next number, in a new chunk when it is the first there; 0: no room. */
static uint32_t shelf_take(struct shelf *s, enum ouro_chunk_kind kind, uint32_t per_chunk)
{
	struct ouro_chunk *c;

	if (s->used < s->chunks * per_chunk)
		return ++s->used;
	if (!s->chunk && !confined)
		s->chunk = sys_memory(CHUNKS_MAX * sizeof(struct ouro_chunk *));
	c = s->chunk && s->chunks < CHUNKS_MAX ? file_map_chunk(kind, 0) : NULL;
	if (!c) {
		file_count(&file->lost[OURO_LOST_SPACE], 1);
		return 0;
	}
	c->seq = s->chunks;
	s->chunk[s->chunks++] = c;
	return ++s->used;
}

static void shelf_forget(struct shelf *s)
{
	for (uint32_t i = 0; i < s->chunks; i++)
		file_unmap_chunk(s->chunk[i]);
	if (s->chunk)
		sys_unmap(s->chunk, CHUNKS_MAX * sizeof(struct ouro_chunk *));
	*s = (struct shelf){ 0 };
}

/* --- rows ---------------------------------------------------------------------- */

static struct ouro_living *row_at(uint32_t number)
{
	struct ouro_chunk *c = rows.chunk[(number - 1) / OURO_LIVING_PER_CHUNK];

	return (struct ouro_living *)(c + 1) + (number - 1) % OURO_LIVING_PER_CHUNK;
}

/* Where the finder has it; SIZE_MAX: not. */
static size_t place_of(uint64_t addr)
{
	const struct finder *f = &rows_by_addr;
	uint32_t tag = tag_of(addr >> 3);

	if (!f->entry)
		return SIZE_MAX;
	for (size_t at = tag & f->mask; f->entry[at]; at = (at + 1) & f->mask)
		if (f->entry[at] >> 32 == tag && row_at((uint32_t)f->entry[at])->addr == addr)
			return at;
	return SIZE_MAX;
}

struct ouro_living *living_find(uint64_t addr)
{
	size_t at = place_of(addr);

	return at == SIZE_MAX ? NULL : row_at((uint32_t)rows_by_addr.entry[at]);
}

static uint32_t take_row(void)
{
	uint32_t number = free_row;

	if (number)
		free_row = (uint32_t)row_at(number)->ticks;
	else
		number = shelf_take(&rows, OURO_CHUNK_LIVING, OURO_LIVING_PER_CHUNK);
	return number;
}

static void fill(struct ouro_living *to, const struct ouro_living *from)
{
	__atomic_store_n(&to->addr, 0, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	memcpy(&to->ticks, &from->ticks, sizeof *to - sizeof to->addr);
	__atomic_store_n(&to->addr, from->addr, __ATOMIC_RELEASE);
}

bool living_put(const struct ouro_living *row)
{
	struct ouro_living *there = living_find(row->addr);
	uint32_t number;

	if (there) {
		fill(there, row);
		return true;
	}
	if (!finder_room(&rows_by_addr) || !(number = take_row()))
		return false;
	there = row_at(number);
	fill(there, row);
	/* A reader looks at whole chunks: how many rows there ever were is enough for it. */
	rows.chunk[(number - 1) / OURO_LIVING_PER_CHUNK]->used =
		OURO_LIVING_PER_CHUNK * sizeof *row;
	insert(&rows_by_addr, (uint64_t)tag_of(row->addr >> 3) << 32 | number);
	return true;
}

void living_remove(struct ouro_living *row)
{
	size_t at = place_of(row->addr);
	uint32_t number;

	if (at == SIZE_MAX)
		return;
	number = (uint32_t)rows_by_addr.entry[at];
	erase(&rows_by_addr, at);
	__atomic_store_n(&row->addr, 0, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	row->ticks = free_row;
	free_row = number;
}

/* --- nodes --------------------------------------------------------------------- */

static struct ouro_stack_node *node_at(uint32_t number)
{
	struct ouro_chunk *c = nodes.chunk[(number - 1) / OURO_NODES_PER_CHUNK];

	return (struct ouro_stack_node *)(c + 1) + (number - 1) % OURO_NODES_PER_CHUNK;
}

uint32_t living_node(uint32_t parent, uint32_t location)
{
	struct finder *f = &nodes_by_step;
	uint32_t tag = tag_of((uint64_t)parent << 32 | location), number;
	struct ouro_chunk *c;

	if (!finder_room(f))
		return 0;
	for (size_t at = tag & f->mask; f->entry[at]; at = (at + 1) & f->mask) {
		const struct ouro_stack_node *n;

		if (f->entry[at] >> 32 != tag)
			continue;
		n = node_at((uint32_t)f->entry[at]);
		if (n->parent == parent && n->location == location)
			return (uint32_t)f->entry[at];
	}
	number = shelf_take(&nodes, OURO_CHUNK_STACKS, OURO_NODES_PER_CHUNK);
	if (!number)
		return 0;
	*node_at(number) = (struct ouro_stack_node){ parent, location };
	c = nodes.chunk[(number - 1) / OURO_NODES_PER_CHUNK];
	__atomic_store_n(&c->used, c->used + (uint32_t)sizeof(struct ouro_stack_node),
		__ATOMIC_RELEASE);
	insert(f, (uint64_t)tag << 32 | number);
	return number;
}

void living_forked(void)
{
	finder_forget(&rows_by_addr);
	finder_forget(&nodes_by_step);
	shelf_forget(&rows);
	shelf_forget(&nodes);
	free_row = 0;
}
