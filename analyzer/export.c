#include "export.h"

#include "mem.h"
#include "place.h"
#include "words.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* ------------------------------------------------------------------------------ values */

static const char *const names[EXPORT_VALUES] = {
	[EXPORT_ALLOC_OBJECTS] = "alloc_objects",
	[EXPORT_ALLOC_SPACE]   = "alloc_space",
	[EXPORT_INUSE_OBJECTS] = "inuse_objects",
	[EXPORT_INUSE_SPACE]   = "inuse_space",
	[EXPORT_PEAK_OBJECTS]  = "peak_objects",
	[EXPORT_PEAK_SPACE]    = "peak_space",
};

const char *export_value_name(enum export_value value)
{
	return names[value];
}

const char *export_value_unit(enum export_value value)
{
	return export_is_bytes(value) ? "bytes" : "count";
}

enum export_value export_value_named(const char *name)
{
	enum export_value v = 0;

	while (v < EXPORT_VALUES && strcmp(names[v], name))
		v++;
	return v;
}

static struct export_values values_of(const struct usage *u)
{
	return (struct export_values){
		.v = {
			[EXPORT_ALLOC_OBJECTS] = (uint64_t)llround(u->blocks),
			[EXPORT_ALLOC_SPACE]   = (uint64_t)llround(u->bytes),
			[EXPORT_INUSE_OBJECTS] = (uint64_t)llround(u->live),
			[EXPORT_INUSE_SPACE]   = (uint64_t)llround(u->live_bytes),
			[EXPORT_PEAK_OBJECTS]  = (uint64_t)llround(u->peak),
			[EXPORT_PEAK_SPACE]    = (uint64_t)llround(u->peak_bytes),
		},
		.births = (uint64_t)llround(u->objects),
		.brief = (uint64_t)llround(u->brief),
	};
}

struct export_values export_part_values(const struct replay *r, part_id part)
{
	struct usage u = { 0 };

	usage_add_part(&u, r, part);
	return values_of(&u);
}

bool export_any(const struct export_values *x)
{
	for (int v = 0; v < EXPORT_VALUES; v++)
		if (x->v[v])
			return true;
	return false;
}

bool export_leaves(const struct replay *r)
{
	for (uint32_t i = 0; i < r->lefts; i++)
		if (r->left[i].live_bytes)
			return true;
	return false;
}

struct export_values *export_site_values(const struct replay *r)
{
	struct export_values *x = mem_array(r->sites, sizeof(*x));

	for (part_id i = 0; x && i < r->parts; i++) {
		struct export_values part = export_part_values(r, i);
		struct export_values *sum = &x[r->part[i].site];

		for (int v = 0; v < EXPORT_VALUES; v++)
			sum->v[v] += part.v[v];
		sum->births += part.births;
		sum->brief += part.brief;
	}
	return x;
}

/* ------------------------------------------------------------------------------ frames */

static int add_frame(struct export_frames *x, const struct frame *f, uint32_t location)
{
	if (mem_room(&x->frame, x->n, &x->cap, sizeof(*x->frame)))
		return -ENOMEM;
	x->frame[x->n++] = (struct export_frame){ f, location };
	return 0;
}

int export_frames_init(struct export_frames *x, const struct report *r)
{
	*x = (struct export_frames){ .symbols = r->symbols, .r = &r->replay };
	x->first = mem_array(r->defs.locations, sizeof(*x->first));
	if (!x->first || add_frame(x, NULL, 0)) {
		export_frames_fini(x);
		return -ENOMEM;
	}
	return 0;
}

void export_frames_fini(struct export_frames *x)
{
	mem_free(x->first);
	mem_free(x->frame);
	mem_free(x->stack);
	*x = (struct export_frames){ 0 };
}

static int meet(struct export_frames *x, uint32_t location)
{
	uint32_t n, first = x->n;
	const struct frame *f = symbols_frames(x->symbols, location, &n);

	for (uint32_t i = 0; i < n; i++)
		if (add_frame(x, &f[i], location))
			return -ENOMEM;
	x->first[location] = first;
	return 0;
}

static int push(struct export_frames *x, uint32_t number)
{
	if (mem_room(&x->stack, x->depth, &x->stack_cap, sizeof(*x->stack)))
		return -ENOMEM;
	x->stack[x->depth++] = number;
	return 0;
}

/* From the inside out: inlined functions first, then what they were inlined into. */
static int push_location(struct export_frames *x, uint32_t location)
{
	uint32_t last;

	if (location >= x->r->defs->locations)
		return 0;
	if (!x->first[location] && meet(x, location))
		return -ENOMEM;
	last = x->first[location];
	while (last < x->n && x->frame[last].location == location)
		last++;
	while (last-- > x->first[location])
		if (push(x, last))
			return -ENOMEM;
	return 0;
}

int export_frames_of(struct export_frames *x, stack_id stack)
{
	const struct stacks *s = &x->r->stacks;

	x->depth = 0;
	for (; stack; stack = stack_parent(s, stack)) {
		if (stack_location(s, stack)->flags & LOCATION_GUEST)
			continue;
		if (push_location(x, s->node[stack].location))
			return -ENOMEM;
	}
	if (!x->depth)
		return push(x, 0);
	for (uint32_t i = 0, k = x->depth - 1; i < k; i++, k--) {
		uint32_t swap = x->stack[i];

		x->stack[i] = x->stack[k];
		x->stack[k] = swap;
	}
	return 0;
}

const struct export_frame *export_place(const struct export_frames *x)
{
	for (uint32_t i = x->depth; i-- > 0; ) {
		const struct export_frame *f = &x->frame[x->stack[i]];

		if (f->f && (f->f->interp || !place_serves(f->f->function, f->f->module)))
			return f;
	}
	return &x->frame[x->stack[x->depth - 1]];
}

void export_frame_name(const struct export_frame *f, struct buf *out)
{
	if (!f->f) {
		buf_puts(out, "[stack not known]");
		return;
	}
	buf_puts(out, f->f->function);
	if (f->f->interp && f->f->file)
		buf_printf(out, " (%s)", words_file(f->f->file));
}
