#include "timeline.h"

void timeline_init(struct timeline *t, uint64_t start, uint64_t end)
{
	uint64_t step = end > start ? (end - start) / TIMELINE_BINS + 1 : 1;

	*t = (struct timeline){ .start = start, .step = step, .next = start + step };
}

static void add(struct timeline *t, uint64_t ticks, const struct timeline_bin *state)
{
	struct timeline_bin *b = &t->bin[t->n++];

	*b = *state;
	b->ticks = ticks;
	b->rss = t->rss;
	b->shared = t->shared;
	b->high_bytes = t->high_bytes > state->live_bytes ? t->high_bytes : state->live_bytes;
	t->high_bytes = state->live_bytes;
}

void timeline_advance(struct timeline *t, uint64_t ticks, const struct timeline_bin *state)
{
	while (t->n + 1 < TIMELINE_BINS && ticks >= t->next) {
		add(t, t->next, state);
		t->next += t->step;
	}
	if (t->n + 1 >= TIMELINE_BINS)	/* the last one ends with the run */
		t->next = UINT64_MAX;
}

void timeline_end(struct timeline *t, uint64_t ticks, const struct timeline_bin *state)
{
	if (t->n && t->bin[t->n - 1].ticks >= ticks)
		return;
	if (t->n < TIMELINE_BINS)
		add(t, ticks, state);
	t->next = UINT64_MAX;
}
