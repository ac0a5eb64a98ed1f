#include "inherited.h"

#include "recorded.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void drop(struct ancestor *a)
{
	defs_free(&a->defs);
	trace_close(&a->trace);
	free(a);
}

/* The parent of a trace; 0 and NULL: it has none that can be read. */
static int find_parent(const char *path, const struct trace *t, struct ancestor **ret, char **ret_path)
{
	struct ancestor *a;
	char *parent;
	int e;

	*ret = NULL;
	if (t->head.origin != OURO_ORIGIN_FORK || !t->head.parent_id)
		return 0;
	parent = recorded_with_id(path, t->head.parent_id);
	if (!parent)
		return 0;
	a = calloc(1, sizeof(*a));
	e = a ? trace_open(&a->trace, parent, NULL) : -ENOMEM;
	if (!e && !(a->trace.head.flags & OURO_FILE_RING) && a->trace.head.clock == t->head.clock)
		e = defs_load(&a->defs, &a->trace);
	else if (!e)
		e = -ENODATA;
	if (e) {
		if (a)
			drop(a);
		free(parent);
		return e == -ENOMEM ? e : 0;
	}
	a->fork = t->head.start_ticks;
	*ret = a;
	*ret_path = parent;
	return 0;
}

int inherited_open(struct inherited *x, const char *path, const struct trace *t, struct defs *d)
{
	char *at = strdup(path);
	int e = at ? 0 : -ENOMEM;

	*x = (struct inherited){ 0 };
	while (!e && x->n < ANCESTORS_MAX) {
		struct ancestor *a;
		char *next;

		e = find_parent(at, t, &a, &next);
		if (e || !a)
			break;
		free(at);
		at = next;
		x->of[x->n++] = a;
		e = defs_add_code(d, &a->defs, &a->base);
		t = &a->trace;
	}
	free(at);
	if (e)
		inherited_fini(x);
	return e;
}

int inherited_replay(struct inherited *x, struct heap *h, struct symbols *symbols)
{
	int e = 0;

	x->replayed = x->n;
	for (uint32_t i = 0; i < x->n && e >= 0; i++) {
		struct ancestor *a = x->of[i];

		e = replay_init(&a->replay, &a->trace, &a->defs);
		if (!e)
			e = replay_to_ticks(&a->replay, a->fork);
		if (e >= 0)
			e = heap_loader_init(&a->loader, h, &a->replay, symbols, NULL);
		a->loader.base = a->base;
	}
	return e < 0 ? e : 0;
}

void inherited_forget(struct inherited *x)
{
	for (uint32_t i = 0; i < x->n && x->replayed; i++) {
		heap_loader_fini(&x->of[i]->loader);
		replay_fini(&x->of[i]->replay);
	}
	x->replayed = false;
}

void inherited_fini(struct inherited *x)
{
	inherited_forget(x);
	while (x->n > 0)
		drop(x->of[--x->n]);
}

int64_t inherited_site(struct inherited *x, uint64_t address, uint64_t type, uint64_t *ret_born)
{
	for (uint32_t i = 0; i < x->n && x->replayed; i++) {
		struct ancestor *a = x->of[i];
		const struct object *o = replay_object(&a->replay, address);
		const struct def_type *t = o ? def_type(&a->defs, o->type) : NULL;

		if (!o)
			continue;
		/* The parent runs on while the child begins: there it may be another one already. */
		if (!t || t->address != type)
			return 0;
		*ret_born = o->born;
		return heap_load_site(&a->loader, o->site);
	}
	return 0;
}
