#include "trend.h"

#include "mem.h"

#include <errno.h>
#include <string.h>

void trend_init(struct trend *t, uint64_t start, uint64_t end)
{
	uint64_t step = end > start ? (end - start) / TREND_SEGMENTS + 1 : 1;

	*t = (struct trend){ .start = start, .step = step, .next = start + step, .n = 1 };
}

void trend_fini(struct trend *t)
{
	mem_free(t->low);
	mem_free(t->born);
	*t = (struct trend){ 0 };
}

void trend_advance(struct trend *t, uint64_t ticks)
{
	uint64_t now = (ticks - t->start) / t->step;

	/* A clock that runs on behind the end the file promised: all that is the last one. */
	t->now = now < TREND_SEGMENTS ? (uint32_t)now : TREND_SEGMENTS - 1;
	t->next = now < TREND_SEGMENTS - 1 ? t->start + (now + 1) * t->step : UINT64_MAX;
}

static uint32_t new_series(struct trend *t)
{
	uint32_t room = t->cap;

	if (mem_room(&t->low, t->n, &t->cap, sizeof(*t->low))) {
		t->failed = true;
		return 0;
	}
	if (!room)
		memset(t->low[0], 0, sizeof(t->low[0]));
	memset(t->low[t->n], 0, sizeof(t->low[0]));
	return t->n++;
}

void trend_catch_up(struct trend *t, uint32_t *segment, uint32_t *series, uint64_t *low,
	uint64_t mass)
{
	uint32_t from = *segment;

	*segment = t->now;
	if (t->done)
		return;
	/* Until now all was 0, as a new row is: most blocks end in the segment after theirs. */
	if (!*series && (*low || (mass && t->now > from + 1)))
		*series = new_series(t);
	if (*series) {
		t->low[*series][from] = *low;
		for (uint32_t i = from + 1; i < t->now; i++)
			t->low[*series][i] = mass;
	}
	*low = mass;
}

void trend_settle(struct trend *t, uint32_t *segment, uint32_t *series, uint64_t *low,
	uint64_t mass)
{
	if (*segment != t->now)
		trend_catch_up(t, segment, series, low, mass);
	if (t->done)
		return;
	if (!*series && *low)
		*series = new_series(t);
	if (*series)
		t->low[*series][t->now] = *low;
}

int trend_left(struct trend *t)
{
	t->born = mem_array(t->n, sizeof(*t->born));
	if (!t->born)
		return -ENOMEM;
	t->borns = t->n;
	t->end = t->now;
	t->done = true;
	return 0;
}

void trend_count_left(struct trend *t, uint32_t series, uint64_t born, uint64_t mass)
{
	uint64_t segment = born > t->start ? (born - t->start) / t->step : 0;

	if (series && series < t->borns)
		t->born[series][segment < TREND_SEGMENTS ? segment : TREND_SEGMENTS - 1] += mass;
}
