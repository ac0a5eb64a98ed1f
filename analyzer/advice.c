#include "advice.h"

#include "buf.h"
#include "words.h"

#include <string.h>
#include <strings.h>

static uint32_t member_of_type(const struct finding *f, const char *type)
{
	uint32_t i;

	for (i = 0; i < f->nmembers; i++)
		if (!strcmp(f->member[i].type, type))
			return i;
	return UINT32_MAX;
}

static bool has(const struct finding *f, const char *type)
{
	return member_of_type(f, type) != UINT32_MAX;
}

/* The reference that leads into a member: what one would change. */
static const char *reference_to(const struct finding *f, uint32_t member)
{
	uint32_t i;

	for (i = 0; i < f->nedges; i++)
		if (f->edge[i].to == member)
			return f->edge[i].name;
	return "it";
}

/* "child.parent": the last word of a reference is what a child calls who holds it. */
static const char *reference_upwards(const struct finding *f)
{
	static const char *const word[] = { "parent", "owner", "master", "root", "container",
		"manager", "controller", "app", "document", "session", "outer" };
	uint32_t i;
	size_t k;

	for (i = 0; i < f->nedges; i++) {
		const char *dot = f->edge[i].drawn ? strrchr(f->edge[i].name, '.') : NULL;

		for (k = 0; dot && k < sizeof(word) / sizeof(word[0]); k++)
			if (!strcasecmp(dot + 1 + strspn(dot + 1, "_"), word[k]))
				return f->edge[i].name;
	}
	return NULL;
}

static const char *drawn_to_instance(const struct finding *f, const struct naming *w)
{
	uint32_t i;

	for (i = 0; i < f->nedges; i++)
		if (f->edge[i].drawn && naming_is_instance(w->h, f->member[f->edge[i].to].node))
			return f->edge[i].name;
	return NULL;
}

static bool is_running(const struct finding *f)
{
	return has(f, "generator") || has(f, "coroutine") || has(f, "async_generator");
}

/* An exception holds its traceback, that its frames, those their locals. */
static bool through_traceback(const struct finding *f)
{
	return has(f, "traceback") || (has(f, "frame") && !is_running(f));
}

/* Of another runtime, see across.h. */
static bool has_foreign(const struct finding *f, const struct heap *h)
{
	for (uint32_t i = 0; i < f->nmembers; i++)
		if (h->node[f->member[i].node].foreign)
			return true;
	return false;
}

static void put_cycle(struct buf *out, const struct finding *f, const struct naming *w)
{
	const char *up = reference_upwards(f), *weak = drawn_to_instance(f, w);
	uint32_t i;

	if (through_traceback(f))
		buf_puts(out, "An exception that is kept keeps its traceback, and that all locals "
			"of its frames: `del` the variable when done, store the exception "
			"`.with_traceback(None)`, or call traceback.clear_frames().");
	else if (has(f, "GClosure"))
		buf_puts(out, "A signal's handler holds what it is bound to: disconnect() it when done, or "
			"connect a function that has the object by a weakref.ref() alone.");
	else if (has(f, "method"))
		buf_printf(out, "A bound method holds its object: keep weakref.WeakMethod(...) in "
			"%s instead, or unregister the callback when done.",
			reference_to(f, member_of_type(f, "method")));
	else if (is_running(f))
		buf_puts(out, "A suspended generator or coroutine holds its locals: close() it when "
			"done, or do not give it a reference to itself or to what holds it.");
	else if (has(f, "functools.partial"))
		buf_printf(out, "functools.partial holds its function and arguments: bind a "
			"weakref.ref() or weakref.proxy() of the object, or reset %s when done.",
			reference_to(f, member_of_type(f, "functools.partial")));
	else if (has(f, "weakref") || has(f, "weakref.ReferenceType"))
		buf_puts(out, "The weak reference is weak, its callback is not: let the callback "
			"hold nothing of the object, or use weakref.finalize with arguments that do not.");
	else if (has(f, "cell"))
		buf_puts(out, "A function that uses an outer variable holds what the variable holds: "
			"pass the object as an argument, or set the variable to None when done.");
	else if (has(f, "type"))
		buf_puts(out, "A class always holds itself (its __mro__, its descriptors): make "
			"classes once rather than in a function that is called often.");
	else if (up)
		buf_printf(out, "Let children refer to what holds them weakly: make %s a "
			"weakref.ref() or weakref.proxy().", up);
	else if (weak)
		buf_printf(out, "Make one of these references weak (weakref.ref() in %s), or "
			"reset it when done.", weak);
	else {
		for (i = 0; i < f->nedges && !f->edge[i].drawn; i++)
			;
		buf_printf(out, "Break the circle when done: clear() one of the containers, or "
			"remove %s.", i < f->nedges ? f->edge[i].name : "one of the references");
	}
}

char *advice_for(const struct finding *f, const struct naming *w)
{
	struct buf out = {0};

	switch (f->kind) {
	case FINDING_DEAD_CYCLE:
		put_cycle(&out, f, w);
		buf_puts(&out, " Until then only the cyclic collector frees it.");
		break;
	case FINDING_LIVE_CYCLE:
		put_cycle(&out, f, w);
		break;
	case FINDING_UNCOLLECTABLE_CYCLE:
		if (has_foreign(f, w->h)) {
			buf_puts(&out, "It leads through objects that are not the interpreter's, where its "
				"collector does not look: nobody will free it. ");
			put_cycle(&out, f, w);
			break;
		}
		buf_puts(&out, "The collector cannot free it: a member is kept by an object whose "
			"type does not take part in collection (no Py_TPFLAGS_HAVE_GC, or a "
			"tp_traverse that leaves out a reference). ");
		put_cycle(&out, f, w);
		break;
	case FINDING_OVER_RETAINED:
		if (f->npaths && *f->path[0].place.function) {
			const struct finding_site *s = &f->path[0].place;

			words_place(&out, s->function, s->file, s->line);
			buf_puts(&out, " took references to them by a call (Py_IncRef) that nobody gave "
				"back by one: release them there when done.");
		} else if (f->severity == FINDING_ERROR)
			buf_puts(&out, "Nothing that can be found holds these references: look for a "
				"Py_INCREF without its Py_DECREF, or a new reference that is never "
				"released, in the C code that such objects are given to.");
		else if (f->severity == FINDING_WARNING)
			buf_puts(&out, "Nothing that can be found holds these references, but an "
				"object of a type in C may hold it unseen; else a Py_INCREF lacks its "
				"Py_DECREF in the C code that such objects are given to.");
		else
			buf_puts(&out, "C code may hold these references in its own memory; that is "
				"a mistake only if it should have let go.");
		break;
	/* These have their own words: find_balance.c, find_growth.c, find_collector.c */
	case FINDING_UNBALANCED:
	case FINDING_OVER_RELEASED:
	case FINDING_GROWTH:
	case FINDING_CHURN:
	case FINDING_COLLECTED_CYCLE:
	case FINDING_COLLECTOR_WASTE:
	case FINDING_COLLECTOR_TUNING:	/* ... and whatif.c */
	case FINDING_LOST:		/* find_lost.c says it: blocks have no names */
	case FINDING_KINDS:
		break;
	}
	return buf_take(&out);
}
