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
	mem_free(t->series);
	mem_free(t->lows.row);
	mem_free(t->left);
	mem_free(t->borns.row);
	*t = (struct trend){ 0 };
}

/* A row of zeroes; 0: no memory. */
static uint32_t add_row(struct trend_rows *r)
{
	if (!r->n)
		r->n = 1;
	while (r->cap <= r->n)		/* row 0 has no room of its own before */
		if (mem_room(&r->row, r->cap, &r->cap, sizeof(*r->row)))
			return 0;
	memset(r->row[r->n], 0, sizeof(*r->row));
	return r->n++;
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
	if (mem_room(&t->series, t->n, &t->cap, sizeof(*t->series))) {
		t->failed = true;
		return 0;
	}
	t->series[t->n] = (struct trend_series){ .from = 1 };
	return t->n++;
}

static void spread(struct trend *t, struct trend_series *s)
{
	s->row = add_row(&t->lows);
	if (!s->row)
		t->failed = true;
	for (unsigned i = s->from; s->row && i <= s->to; i++)
		t->lows.row[s->row][i] = s->low;
}

/* Can it be told in a few words that it is `low` in these two and all between, the last that are told? */
static bool tell_short(struct trend_series *s, unsigned from, unsigned to, uint64_t low)
{
	bool empty = s->from > s->to;

	if (empty || from <= s->from) {	/* nothing before it */
		*s = low ? (struct trend_series){ low, (uint8_t)from, (uint8_t)to, 0 }
			: (struct trend_series){ .from = 1 };
		return true;
	}
	if (!low) {
		if (from <= s->to)
			s->to = (uint8_t)(from - 1);
		return true;
	}
	if (low != s->low || from > s->to + 1u)
		return false;
	s->to = (uint8_t)to;
	return true;
}

/* The segments come in order, but the last may be told again. */
static void put(struct trend *t, uint32_t series, unsigned from, unsigned to, uint64_t low)
{
	struct trend_series *s = &t->series[series];

	if (!s->row && tell_short(s, from, to, low))
		return;
	if (!s->row)
		spread(t, s);
	for (unsigned i = from; s->row && i <= to; i++)
		t->lows.row[s->row][i] = low;
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
		put(t, *series, from, from, *low);
		if (from + 1 < t->now)
			put(t, *series, from + 1, t->now - 1, mass);
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
		put(t, *series, t->now, t->now, *low);
}

int trend_left(struct trend *t)
{
	t->left = mem_array(t->n, sizeof(*t->left));
	if (!t->left)
		return -ENOMEM;
	t->lefts = t->n;
	t->end = t->now;
	t->done = true;
	return 0;
}

void trend_count_left(struct trend *t, uint32_t series, uint64_t born, uint64_t mass)
{
	uint64_t at = born > t->start ? (born - t->start) / t->step : 0;
	uint32_t segment = at < TREND_SEGMENTS ? (uint32_t)at : TREND_SEGMENTS - 1;
	struct trend_left *l;

	if (!series || series >= t->lefts)
		return;
	l = &t->left[series];
	if (!l->row && (!l->mass || l->segment == segment)) {
		l->mass += mass;
		l->segment = segment;
		return;
	}
	if (!l->row) {
		l->row = add_row(&t->borns);
		if (!l->row) {
			t->failed = true;
			return;
		}
		t->borns.row[l->row][l->segment] = l->mass;
	}
	t->borns.row[l->row][segment] += mass;
}

uint64_t trend_low(const struct trend *t, uint32_t series, unsigned segment)
{
	const struct trend_series *s = series ? &t->series[series] : NULL;

	if (!s)
		return 0;
	if (s->row)
		return t->lows.row[s->row][segment];
	return segment >= s->from && segment <= s->to ? s->low : 0;
}

void trend_add(const struct trend *t, uint32_t series, uint64_t low[TREND_SEGMENTS],
	uint64_t born[TREND_SEGMENTS])
{
	const struct trend_left *l = series < t->lefts ? &t->left[series] : NULL;

	for (unsigned i = 0; i < TREND_SEGMENTS; i++) {
		low[i] += trend_low(t, series, i);
		born[i] += l && l->row ? t->borns.row[l->row][i] : 0;
	}
	if (l && !l->row)
		born[l->segment] += l->mass;
}
