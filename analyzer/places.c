#include "places.h"

#include "place.h"
#include "mem.h"
#include "words.h"

#include <errno.h>
#include <string.h>

int places_init(struct places *p, const struct defs *d, struct symbols *s)
{
	*p = (struct places){ .defs = d, .symbols = s };
	p->first = mem_array(d->locations, sizeof(*p->first));
	p->count = mem_array(d->locations, sizeof(*p->count));
	if (!p->first || !p->count || mem_room(&p->place, 0, &p->cap, sizeof(*p->place))) {
		places_fini(p);
		return -ENOMEM;
	}
	p->place[p->n++] = (struct place){ .function = texts_add0(&p->texts, "?") };
	return 0;
}

void places_fini(struct places *p)
{
	texts_fini(&p->texts);
	mem_free(p->place);
	mem_free(p->first);
	mem_free(p->count);
	*p = (struct places){ 0 };
}

static struct place line_place(struct places *p, const struct def_location *x)
{
	const struct def_code *c = def_code(p->defs, x->line.code);
	struct place at = { .interp = true, .line = x->line.line };

	if (!c)
		return at;
	at.function = texts_add(&p->texts, c->name.s, c->name.length);
	at.file = texts_add(&p->texts, c->file.s, c->file.length);
	if (!at.line)
		at.line = c->line;
	return at;
}

static void add(struct places *p, uint32_t location, const struct place *x)
{
	if (mem_room(&p->place, p->n, &p->cap, sizeof(*p->place))) {
		p->failed = true;
		return;
	}
	p->place[p->n++] = *x;
	p->count[location]++;
}

static void ask(struct places *p, uint32_t location)
{
	const struct def_location *x = def_location(p->defs, location);
	const struct frame *f;
	struct place at;
	uint32_t n;

	p->first[location] = p->n;
	if (x->kind == LOCATION_LINE) {
		at = line_place(p, x);
		add(p, location, &at);
		return;
	}
	f = symbols_frames(p->symbols, location, &n);
	while (n--) {			/* they come outermost first */
		at = (struct place){ .function = texts_add0(&p->texts, f[n].function),
			.file = texts_add0(&p->texts, f[n].file),
			.module = texts_add0(&p->texts, f[n].module), .line = f[n].line,
			.library = place_serves(f[n].function, f[n].module),
			.serves = place_serves(NULL, f[n].module) };
		add(p, location, &at);
	}
}

const struct place *places_at(struct places *p, uint32_t location, uint32_t *ret_count)
{
	*ret_count = 1;
	if (location >= p->defs->locations)
		return &p->place[0];
	if (!p->count[location])
		ask(p, location);
	if (!p->count[location])
		return &p->place[0];
	*ret_count = p->count[location];
	return &p->place[p->first[location]];
}

static bool is_shown(const struct def_location *x)
{
	return x->kind == LOCATION_LINE ||
		(x->kind == LOCATION_NATIVE && !(x->flags & LOCATION_GUEST));
}

struct place places_own(struct places *p, const struct stacks *s, stack_id stack)
{
	stack_id line = stacks_line(s, stack);
	struct place innermost = p->place[0];
	bool any = false;
	uint32_t n;

	if (line)
		return *places_at(p, s->node[line].location, &n);
	for (; stack; stack = stack_parent(s, stack)) {
		const struct place *at;

		if (!is_shown(stack_location(s, stack)))
			continue;
		at = places_at(p, s->node[stack].location, &n);
		for (uint32_t i = 0; i < n; i++) {
			if (!at[i].library)
				return at[i];
			if (!any)
				innermost = at[i];
			any = true;
		}
	}
	return innermost;
}

text_id places_module(struct places *p, const struct stacks *s, stack_id stack)
{
	text_id any = 0;
	uint32_t n;

	for (; stack; stack = stack_parent(s, stack)) {
		const struct def_location *x = stack_location(s, stack);
		const struct place *at;

		if (x->kind != LOCATION_NATIVE || x->flags & LOCATION_GUEST)
			continue;
		at = places_at(p, s->node[stack].location, &n);
		if (!at->module)
			continue;
		if (!at->serves)
			return at->module;
		if (!any)
			any = at->module;
	}
	return any;
}
