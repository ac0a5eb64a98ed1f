#include "generations.h"

#include <string.h>

void generations_wait(struct generations *g, uint8_t list, uint64_t order, uint64_t oldest,
		      uint64_t bytes)
{
	enum object_class class = object_class(g, list, order);
	unsigned part = generations_part(g, oldest);

	generations_death(g, list, order);
	g->objects[part][class]++;
	g->garbage[part][class]++;
	g->lists[part][list]++;
	g->bytes[part] += bytes;
}

static void move(struct generations *g, unsigned from, unsigned to)
{
	if (from == to)
		return;
	for (unsigned i = 0; i < CLASSES; i++) {
		g->objects[to][i] += g->objects[from][i];
		g->garbage[to][i] += g->garbage[from][i];
	}
	for (unsigned i = 0; i < KINDS; i++)
		g->lists[to][i] += g->lists[from][i];
	g->bytes[to] += g->bytes[from];
	memset(g->objects[from], 0, sizeof(g->objects[from]));
	memset(g->garbage[from], 0, sizeof(g->garbage[from]));
	memset(g->lists[from], 0, sizeof(g->lists[from]));
	g->bytes[from] = 0;
}

void generations_age(struct generations *g, unsigned generation, uint64_t clock)
{
	for (unsigned p = 0; p <= generation; p++) {
		for (unsigned i = 0; i < CLASSES; i++) {
			uint64_t *n = &g->objects[p][i];

			*n -= g->garbage[p][i] < *n ? g->garbage[p][i] : *n;
		}
		memset(g->garbage[p], 0, sizeof(g->garbage[p]));
		memset(g->lists[p], 0, sizeof(g->lists[p]));
		g->bytes[p] = 0;
	}
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

uint64_t generations_sum(const uint64_t (*objects)[CLASSES], unsigned generation)
{
	uint64_t n = 0;

	for (unsigned p = 0; p <= generation; p++)
		for (unsigned i = 0; i < CLASSES; i++)
			n += objects[p][i];
	return n;
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
