#include "calls.h"

#include "buf.h"
#include "mem.h"

#include <errno.h>
#include <string.h>

int calls_init(struct calls *c, struct report *r)
{
	*c = (struct calls){ .r = r, .module = mem_array(r->defs.modules, sizeof(*c->module)) };
	if (!c->module)
		return -ENOMEM;
	for (uint32_t i = 1; i < r->defs.modules; i++) {
		const struct def_module *m = def_module(&r->defs, i);
		struct buf b = {0};

		if (!m)
			continue;
		buf_add(&b, m->path.s, m->path.length);
		c->module[i] = buf_take(&b);
		if (!c->module[i])
			return -ENOMEM;
	}
	return 0;
}

void calls_fini(struct calls *c)
{
	for (uint32_t i = 1; c->module && i < c->r->defs.modules; i++)
		mem_free(c->module[i]);
	mem_free(c->module);
	mem_free(c->call);
	*c = (struct calls){0};
}

/* C++ asks malloc by way of this; other tools see it in the place of malloc. */
static bool is_new(const char *function)
{
	return !strncmp(function, "operator new", 12) || !strncmp(function, "_Znw", 4) ||
		!strncmp(function, "_Zna", 4);
}

static int add(struct calls *c, struct suppress_call x)
{
	if (c->n == 1 && x.function && is_new(x.function)) {
		c->call[0].is_new = true;
		return 0;
	}
	if (mem_room(&c->call, c->n, &c->cap, sizeof(*c->call)))
		return -ENOMEM;
	c->call[c->n++] = x;
	return 0;
}

static int add_location(struct calls *c, uint32_t location)
{
	const struct def_location *l = def_location(&c->r->defs, location);
	uint32_t module = l->kind == LOCATION_NATIVE ? l->native.module : 0, n;
	const struct frame *f = symbols_frames(c->r->symbols, location, &n);
	int e = 0;

	/* The outermost is the function that the linker knows, the others are inlined. */
	while (n-- > 0 && !e)
		e = add(c, (struct suppress_call){ .function = f[n].function, .file = f[n].file,
			.linker_name = n ? NULL : symbols_linker_name(c->r->symbols, location),
			.line = f[n].line,
			.module = module < c->r->defs.modules ? c->module[module] : NULL });
	return e;
}

int calls_of(struct calls *c, uint32_t site)
{
	const struct heap *h = &c->r->heap;
	const struct heap_site *s = &h->site[site];
	int e;

	c->n = 0;
	e = add(c, (struct suppress_call){ .allocator = true });
	for (uint32_t i = 0; i < s->n && !e; i++) {
		const struct heap_frame *f = &h->frame[s->first + i];

		if (!f->interpreted && f->location)
			e = add_location(c, f->location);
		else
			e = add(c, (struct suppress_call){ .function = heap_text(h, f->function),
				.file = heap_text(h, f->file), .line = f->line });
	}
	return e;
}
