#include "warm.h"

#include "decode.h"

#include <errno.h>
#include <string.h>

/* Ticks of the first such mark of one stream; UINT64_MAX: none. */
static int mark_in_stream(const struct warm *w, struct trace *t, const struct defs *d,
			  uint32_t stream, uint64_t *ret)
{
	struct cursor c;
	struct event e;
	int r = cursor_init(&c, t, stream, NULL);

	if (r)
		return r;
	while ((r = cursor_next(&c, &e)) > 0) {
		if (e.kind != OURO_EXT || e.ext != OURO_EXT_MARK || !e.next ||
		    e.ext_arg[0] > UINT32_MAX ||
		    !text_is(def_string(d, (uint32_t)e.ext_arg[0]), w->mark))
			continue;
		if (e.ticks < *ret)
			*ret = e.ticks;
		break;
	}
	cursor_fini(&c);
	return r < 0 ? r : 0;
}

static int find_mark(const struct warm *w, struct trace *t, uint64_t *ret_ns)
{
	uint64_t ticks = UINT64_MAX;
	struct defs d;
	int e = defs_load(&d, t);

	for (uint32_t i = 0; i < t->events && !e; i++)
		e = mark_in_stream(w, t, &d, i, &ticks);
	defs_free(&d);
	if (!e && ticks != UINT64_MAX)
		*ret_ns = trace_ns(t, ticks);
	return e;
}

int warm_moment(const struct warm *w, struct trace *t, uint64_t *ret_ns)
{
	uint64_t start = trace_ns(t, t->head.start_ticks);

	*ret_ns = UINT64_MAX;
	if (w->mark)
		return find_mark(w, t, ret_ns);
	/* No run lasts longer than this. */
	*ret_ns = start + (uint64_t)((w->seconds < 1e9 ? w->seconds : 1e9) * 1e9);
	return 0;
}

uint64_t warm_ticks(const struct trace *t, uint64_t ns)
{
	uint64_t low = t->head.start_ticks, high = low, step = 1 << 20;

	while (trace_ns(t, high) < ns && step && high + step > high) {
		low = high;
		high += step;
		step <<= 1;
	}
	while (low < high) {
		uint64_t mid = low + (high - low) / 2;

		if (trace_ns(t, mid) < ns)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}
