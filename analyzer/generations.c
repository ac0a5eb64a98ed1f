#include "generations.h"

#include <string.h>

void generations_wait(struct generations *g, uint8_t list, uint64_t order, struct garbage_bounds of,
		      uint64_t bytes)
{
	unsigned part = generations_part(g, of.oldest), own = generations_part(g, order);
	unsigned class = object_class(g, list, order);

	g->garbage[part][own][class]++;
	if (order < of.oldest)
		g->hung[part][generations_part(g, of.eldest)][own][class]++;
	g->lists[part][list]++;
	g->bytes[part] += bytes;
}

static void move_classes(uint64_t *from, uint64_t *to)
{
	for (unsigned i = 0; i < CLASSES; i++)
		to[i] += from[i];
	memset(from, 0, CLASSES * sizeof(*from));
}

static void move(struct generations *g, unsigned from, unsigned to)
{
	if (from == to)
		return;
	move_classes(g->objects[from], g->objects[to]);
	for (unsigned p = 0; p < PARTS; p++)
		move_classes(g->garbage[p][from], g->garbage[p][to]);
	for (unsigned p = 0; p < PARTS; p++)
		move_classes(g->garbage[from][p], g->garbage[to][p]);
	for (unsigned p = 0; p < PARTS; p++)
		for (unsigned q = 0; q < PARTS; q++)
			move_classes(g->hung[p][q][from], g->hung[p][q][to]);
	for (unsigned p = 0; p < PARTS; p++)
		for (unsigned q = 0; q < PARTS; q++)
			move_classes(g->hung[p][from][q], g->hung[p][to][q]);
	for (unsigned p = 0; p < PARTS; p++)
		for (unsigned q = 0; q < PARTS; q++)
			move_classes(g->hung[from][p][q], g->hung[to][p][q]);
	for (unsigned i = 0; i < KINDS; i++)
		g->lists[to][i] += g->lists[from][i];
	g->bytes[to] += g->bytes[from];
	memset(g->lists[from], 0, sizeof(g->lists[from]));
	g->bytes[from] = 0;
}

static void free_garbage(struct generations *g, unsigned generation)
{
	for (unsigned p = 0; p <= generation; p++) {
		for (unsigned own = 0; own < PARTS; own++)
			for (unsigned i = 0; i < CLASSES; i++) {
				uint64_t *n = &g->objects[own][i], gone = g->garbage[p][own][i];

				*n -= gone < *n ? gone : *n;
			}
		memset(g->garbage[p], 0, sizeof(g->garbage[p]));
		memset(g->hung[p], 0, sizeof(g->hung[p]));
		memset(g->lists[p], 0, sizeof(g->lists[p]));
		g->bytes[p] = 0;
	}
}

void generations_age(struct generations *g, unsigned generation, uint64_t clock)
{
	free_garbage(g, generation);
	for (unsigned p = 0; p < generation; p++)
		move(g, p, generation);
	if (generation < OLD)
		move(g, generation, generation + 1);
	g->from[YOUNG] = clock;
	if (generation >= MIDDLE)
		g->from[MIDDLE] = clock;
}

void generations_freeze(struct generations *g, uint64_t clock)
{
	for (unsigned p = 0; p < FROZEN; p++)
		move(g, p, FROZEN);
	g->from[YOUNG] = g->from[MIDDLE] = g->thawed = clock;
}

void generations_unfreeze(struct generations *g)
{
	move(g, FROZEN, OLD);
	g->thawed = 0;
}

uint64_t generations_sum(const struct generations *g, unsigned generation)
{
	uint64_t n = 0;

	for (unsigned p = 0; p <= generation; p++)
		for (unsigned i = 0; i < CLASSES; i++)
			n += g->objects[p][i];
	return n;
}

void generations_garbage(const struct generations *g, unsigned generation,
			 uint64_t (*ret)[CLASSES])
{
	memset(ret, 0, PARTS * sizeof(*ret));
	for (unsigned p = 0; p <= generation; p++)
		for (unsigned own = 0; own < PARTS; own++)
			for (unsigned i = 0; i < CLASSES; i++)
				ret[own][i] += g->garbage[p][own][i];
}

void generations_hung(const struct generations *g, unsigned generation, uint64_t (*ret)[CLASSES])
{
	memset(ret, 0, PARTS * sizeof(*ret));
	for (unsigned p = 0; p <= generation; p++)
		for (unsigned q = generation + 1; q < PARTS; q++)
			for (unsigned own = 0; own <= generation; own++)
				for (unsigned i = 0; i < CLASSES; i++)
					ret[own][i] += g->hung[p][q][own][i];
}

double generations_tracked(const struct tracked *t, const uint64_t (*objects)[CLASSES], unsigned generation,
			   bool before)
{
	double n = 0;

	for (unsigned p = 0; p <= generation; p++)
		for (unsigned i = 0; i < CLASSES; i++) {
			bool fresh = p == YOUNG && before &&
				(i == CLASS_TUPLE || i == CLASS_TUPLE_LATER);

			n += (fresh ? 1 : t->share[i]) * (double)objects[p][i];
		}
	return n;
}
