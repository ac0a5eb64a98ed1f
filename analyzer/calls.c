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

static const char *module_of(const struct calls *c, uint32_t location)
{
	const struct def_location *l = def_location(&c->r->defs, location);

	return l->kind == LOCATION_NATIVE && l->native.module < c->r->defs.modules ?
		c->module[l->native.module] : NULL;
}

int calls_of(struct calls *c, uint32_t site)
{
	struct heap *h = &c->r->heap;
	int e;

	c->n = 0;
	heap_load_symbols(h, c->r->symbols, site);
	e = add(c, (struct suppress_call){ .allocator = true });
	for (uint32_t at = h->site[site].calls; at && !e; at = h->call[at].outer) {
		const struct heap_frame *f = heap_frame(h, at);

		e = add(c, (struct suppress_call){ .function = heap_text(h, f->function),
			.file = heap_text(h, f->file), .line = f->line,
			.module = f->interpreted ? NULL : module_of(c, f->location),
			.linker_name = f->interpreted || f->inlined ? NULL :
				symbols_linker_name(c->r->symbols, f->location) });
	}
	return e;
}
