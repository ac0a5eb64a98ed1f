#include "analysis.h"

#include "mem.h"

#include <errno.h>

/*
 * An object whose count is above all holders we know was retained by somebody who
 * did not let go, or is held by something we cannot see into: the state of a C
 * library.  Memory that is in use and has the object's address speaks for
 * the second.  Objects of the start-up and the program's own code (modules,
 * classes, functions) are known to C code everywhere and say nothing.
 */

/* Words in memory in use, by object. */
static uint32_t *count_words(const struct heap *h)
{
	uint32_t *words = mem_array(h->nnodes, sizeof(*words));
	uint32_t i;

	for (i = 0; words && i < h->nwords; i++)
		words[h->word[i].node] += h->word[i].plausible;
	return words;
}

/* Puts one object into the books; true: it is worth a finding. */
static bool enter(struct analysis *a, node_id v, const struct account *account,
		  const uint32_t *words)
{
	struct analysis_books *b = &a->books;

	if (a->h->graph.count[v] == GRAPH_IMMORTAL || a->h->node[v].foreign)
		return false;
	b->objects++;
	if (!account->unknown)
		b->explained++;
	else if (account->unknown < 0)
		b->inconsistent++;
	else if (a->h->node[v].born != HEAP_BORN_AFTER)
		b->early++;
	else if (heap_is_infra(a->h, v))
		b->code++;
	else {
		b->held += words[v] > 0;
		b->leaked += !words[v];
		return true;
	}
	return false;
}

static uint64_t object_shape(const struct analysis *a, node_id v, const struct account *account,
			     bool held)
{
	if (a->each)
		return (uint64_t)v + 1;
	return shape_mix(shape_mix(shape_of_one(&a->shapes, v), (uint64_t)account->unknown), held);
}

static bool is_leaf(const struct heap *h, node_id v)
{
	return h->type[h->node[v].type].flags & OURO_TYPE_LEAF;
}

/*
 * A str, an int, or a tuple of such that nothing holds: a type in C need not show its
 * collector what cannot be part of a cycle, and within other objects it is not
 * searched for; tuples of names are what C functions keep for their keywords.
 */
static bool may_be_unseen(const struct heap *h, node_id v)
{
	const struct graph *g = &h->graph;
	edge_id e;

	if (is_leaf(h, v))
		return true;
	if (!heap_is(h, v, "tuple") || g->nin[v])
		return false;
	for (e = g->out[v]; e < g->out[v + 1]; e++)
		if (!is_leaf(h, g->to[e]))
			return false;
	return true;
}

/* So many alike, from one place, are no name that C code keeps somewhere. */
#define UNSEEN_FEW 10

/* What a library's import made once, its C code may keep for good. */
static enum finding_severity severity_of(const struct heap *h, node_id v, uint32_t alike,
					 const uint32_t *words)
{
	if (words[v] || heap_is_import(h, h->node[v].site))
		return FINDING_INFO;
	if (may_be_unseen(h, v))
		return alike < UNSEEN_FEW ? FINDING_INFO : FINDING_WARNING;
	return FINDING_ERROR;
}

struct retained {
	struct analysis *a;
	const uint32_t *words;
};

static int tell_run(void *arg, const struct shaped *run, uint32_t n)
{
	struct analysis *a = ((struct retained *)arg)->a;
	const uint32_t *words = ((struct retained *)arg)->words;
	struct finding *f = findings_add(&a->findings);
	uint32_t i;
	int r = 0;

	if (!f)
		return -ENOMEM;
	f->kind = FINDING_OVER_RETAINED;
	f->severity = severity_of(a->h, run[0].at, n, words);
	for (i = 0; i < n; i++) {
		node_id v = run[i].at;
		struct account account = graph_account(&a->h->graph, v);

		f->count++;
		f->objects++;
		f->bytes += a->h->node[v].bytes;
		f->unknown += (uint64_t)account.unknown;
		f->held += words[v];
		tally_add(&a->tally, v);
		if (a->suspects && !r)
			r = a->suspects(a->suspects_arg, f, v);
	}
	if (r)
		return r;
	f->retained_objects = f->objects;
	f->retained_bytes = f->bytes;
	r = tally_take(&a->tally, f);
	return r ? r : describe_object(&a->describer, f, run[0].at);
}

int find_retained(struct analysis *a)
{
	uint32_t *words = count_words(a->h);
	struct shaped *s = NULL;
	uint32_t n = 0, cap = 0;
	node_id v;
	int r = words ? 0 : -ENOMEM;

	a->books = (struct analysis_books){0};
	for (v = 0; v < a->h->nnodes && !r; v++) {
		struct account account = graph_account(&a->h->graph, v);

		if (!enter(a, v, &account, words))
			continue;
		r = mem_room(&s, n, &cap, sizeof(*s));
		if (!r)
			s[n++] = (struct shaped){ object_shape(a, v, &account, words[v]), v };
	}
	if (!r)
		r = shape_runs(s, n, tell_run, &(struct retained){ a, words });
	mem_free(s);
	mem_free(words);
	return r;
}
