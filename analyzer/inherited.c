#include "inherited.h"

#include "mem.h"
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

static int open_all(struct inherited *x, const char *path, const struct trace *t)
{
	char *at = strdup(path), *next;
	int e = at ? 0 : -ENOMEM;

	while (!e && x->n < ANCESTORS_MAX) {
		struct ancestor *a;

		e = find_parent(at, t, &a, &next);
		if (e || !a)
			break;
		free(at);
		at = next;
		t = &a->trace;
		x->of[x->n++] = a;
	}
	free(at);
	return e;
}

int inherited_open(struct inherited *x, const char *path, const struct trace *t, struct defs *d)
{
	int e;

	*x = (struct inherited){ 0 };
	e = open_all(x, path, t);
	for (uint32_t i = x->n; i-- > 0 && !e; )
		e = defs_add(i ? &x->of[i - 1]->defs : d, &x->of[i]->defs, &x->of[i]->added);
	if (e)
		inherited_fini(x);
	return e;
}

void inherited_fini(struct inherited *x)
{
	collections_fini(&x->collections);
	while (x->n > 0)
		drop(x->of[--x->n]);
}

struct listeners {
	struct collections *collections;
	struct tape *tape;		/* NULL: none is wanted                      */
};

static void watch(void *arg, const struct replay *r, const struct event *e)
{
	struct listeners *l = arg;

	collections_event(l->collections, r, e);
	tape_event(l->tape, r, e);
}

/* From the replay of one, which stands at the fork, to that of the one it forked. */
static int hand_over(struct inherited *x, const struct ancestor *a, struct replay *from,
	struct replay *to, struct tape *tape)
{
	uint32_t *rows = NULL;
	int e = replay_inherit(to, from, &a->added, &rows);

	if (!e && tape)
		e = collections_continue(&x->collections, to->trace);
	if (!e && tape)
		e = tape_continue(tape, from, to, rows);
	mem_free(rows);
	return e;
}

int inherited_begin(struct inherited *x, struct replay *r, struct tape *tape)
{
	struct listeners l = { &x->collections, tape };
	struct replay *before = NULL;
	int e = 0;

	collections_fini(&x->collections);
	for (uint32_t i = x->n; i-- > 0 && e >= 0; ) {
		struct ancestor *a = x->of[i];
		struct replay *own = calloc(1, sizeof(*own));

		e = own ? replay_init(own, &a->trace, &a->defs) : -ENOMEM;
		if (!e && before)
			e = hand_over(x, x->of[i + 1], before, own, tape);
		else if (!e && tape)
			e = collections_init(&x->collections, &a->trace);
		if (!e && tape && !before)
			e = tape_init(tape, &x->collections, own);
		if (tape) {
			own->watch = watch;
			own->watch_arg = &l;
		}
		if (!e)
			e = replay_to_ticks(own, a->fork);
		if (before) {
			replay_fini(before);
			free(before);
		}
		before = own;
	}
	if (e >= 0 && before)
		e = hand_over(x, x->of[0], before, r, tape);
	if (before) {
		replay_fini(before);
		free(before);
	}
	return e < 0 ? e : 0;
}
