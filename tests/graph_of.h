/*
 * graph_of.h - graphs drawn in a line of text, and sets of nodes read back
 *
 *   graph_of("*>a a>b b>a c>d d>c d>e")
 *
 * A node is a letter, "*" is the world outside.  A node's count is that of the
 * owning edges and roots drawn, so that the books balance, unless a word says
 * more:
 *
 *   a>b  a holds b                       *>a  a root that owns a reference
 *   a=b  ... unseen by the collector     *~a  a root that owns none
 *   a~b  a weak edge                     a?b  a word that may be a pointer
 *   a+2  two references nobody explains  a-1  one reference less than holders
 *   a!   the collector does not track a  a@   immortal
 *   a%   has no count                    a#9  9 bytes (every node has 1 otherwise)
 */
#ifndef OURO_TESTS_GRAPH_OF_H
#define OURO_TESTS_GRAPH_OF_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "mem.h"

#define LETTERS 26

/* A drawing, before it is a graph. */
struct drawing {
	int n;			/* nodes: up to the last letter used */
	int64_t count[LETTERS];
	uint64_t bytes[LETTERS];
	uint8_t flags[LETTERS];
	struct draft edges;	/* its edges' and roots' ends are letters */
};

static inline int letter(struct drawing *w, char c)
{
	ck_assert_msg(c >= 'a' && c <= 'z', "no such node: %c", c);
	if (c - 'a' >= w->n)
		w->n = c - 'a' + 1;
	return c - 'a';
}

/* Edges and roots wait for the number of nodes: they are drawn in a second pass. */
static inline void draw_link(struct drawing *w, struct draft *d, const char *word)
{
	static const struct {
		char sign;
		enum edge_kind kind;
	} kinds[] = {
		{'>', EDGE_OWNED}, {'=', EDGE_HIDDEN},
		{'~', EDGE_WEAK}, {'?', EDGE_MAYBE},
	};
	int to = letter(w, word[2]), owns = word[1] == '>' || word[1] == '=';
	size_t i;

	if (word[0] == '*') {
		if (!d)
			w->count[to] += owns;
		else
			ck_assert_int_eq(draft_root(d, to, owns, d->g.nroots), 0);
		return;
	}
	letter(w, word[0]);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].sign != word[1])
			continue;
		if (!d)
			w->count[to] += owns;
		else
			ck_assert_int_eq(draft_edge(d, word[0] - 'a', to, d->g.m,
						    kinds[i].kind), 0);
	}
}

static inline void draw_node(struct drawing *w, const char *word)
{
	int v = letter(w, word[0]);

	switch (word[1]) {
	case '+': w->count[v] += atoi(word + 2); break;
	case '-': w->count[v] -= atoi(word + 2); break;
	case '#': w->bytes[v] = atoi(word + 2); break;
	case '!': w->flags[v] = NODE_NOT_GC; break;
	case '%': w->flags[v] = NODE_NOT_GC | NODE_UNCOUNTED; break;
	case '@': w->count[v] = 1ll << 40; break;
	case 0: break;
	default: ck_abort_msg("no such word: %s", word);
	}
}

static inline uint32_t count_of(const struct drawing *w, int v)
{
	if (w->count[v] < 0)
		return 0;
	return w->count[v] > UINT32_MAX / 2 ? GRAPH_IMMORTAL : w->count[v];
}

static inline void draw(struct drawing *w, struct draft *d, const char *text)
{
	char copy[4096], *word, *rest;

	ck_assert_uint_lt(strlen(text), sizeof(copy));
	strcpy(copy, text);
	for (word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (word[1] && strchr(">=~?", word[1]))
			draw_link(w, d, word);
		else if (!d)
			draw_node(w, word);
	}
}

static inline struct draft draft_of(const char *text)
{
	struct drawing w = {0};
	struct draft d = {0};
	int v;

	for (v = 0; v < LETTERS; v++) {
		w.flags[v] = NODE_COLLECTABLE;
		w.bytes[v] = 1;
	}
	draw(&w, NULL, text);
	for (v = 0; v < w.n; v++)
		ck_assert_int_eq(draft_node(&d, count_of(&w, v), w.bytes[v],
					    w.flags[v]), 0);
	draw(&w, &d, text);
	return d;
}

/* Lives until the next one is drawn. */
static inline struct graph *graph_of(const char *text)
{
	static struct graph g;
	struct draft d = draft_of(text);

	graph_fini(&g);
	ck_assert_int_eq(graph_build(&g, &d), 0);
	ck_assert(graph_ok(&g));
	ck_assert_int_eq(graph_reverse(&g), 0);
	ck_assert(graph_ok(&g));
	return &g;
}

/* The letters of a set's members; lives until the fourth call after this. */
static inline const char *letters(const struct bits *set)
{
	static char text[4][LETTERS + 1];
	static int turn;
	char *at = text[turn = (turn + 1) % 4];
	uint32_t v;

	for (v = 0; v < set->n; v++)
		if (bits_has(set, v))
			*at++ = 'a' + v;
	*at = 0;
	return text[turn];
}

/* --- random graphs --------------------------------------------------------------- */

/* xorshift: the same numbers everywhere, so that a failure can be told by its seed. */
static inline uint32_t dice(uint64_t *state, uint32_t sides)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (*state >> 16) % sides;
}

/*
 * A line of text for graph_of with up to the given number of nodes: edges of
 * all kinds, some doubled, self edges, roots, and now and then something odd.
 */
static inline const char *random_drawing(uint64_t seed, uint32_t max_nodes)
{
	static char text[4096];
	uint64_t s = seed * 0x9e3779b97f4a7c15 + 1;
	uint32_t n = 1 + dice(&s, max_nodes), m = dice(&s, 2 * n + 2), i;
	char *at = text;

	for (i = 0; i < n; i++) {
		at += sprintf(at, "%c ", 'a' + i);
		if (dice(&s, 6) == 0)
			at += sprintf(at, "%c! ", 'a' + i);
		if (dice(&s, 25) == 0)
			at += sprintf(at, "%c%c ", 'a' + i, "@%"[dice(&s, 2)]);
		if (dice(&s, 25) == 0)
			at += sprintf(at, "%c%c1 ", 'a' + i, "+-"[dice(&s, 2)]);
		at += sprintf(at, "%c#%u ", 'a' + i, 1 + dice(&s, 100));
	}
	for (i = 0; i < m; i++)
		at += sprintf(at, "%c%c%c ", 'a' + dice(&s, n),
			      ">>>>>>>>>=~?"[dice(&s, 12)], 'a' + dice(&s, n));
	for (i = dice(&s, 3); i > 0; i--)
		at += sprintf(at, "*%c%c ", ">>>>~"[dice(&s, 5)], 'a' + dice(&s, n));
	return text;
}

/* reach[u][v]: v can be reached from u by one owning edge or more, within the set. */
struct closure {
	bool reach[LETTERS][LETTERS];
};

static inline struct closure closure_of(const struct graph *g, const struct bits *set)
{
	struct closure c = {0};
	uint32_t u, v, via;
	edge_id e;

	for (u = 0; u < g->n; u++)
		for (e = g->out[u]; e < g->out[u + 1]; e++)
			if (edge_owns(g, e) &&
			    (!set || (bits_has(set, u) && bits_has(set, g->to[e]))))
				c.reach[u][g->to[e]] = true;
	for (via = 0; via < g->n; via++)
		for (u = 0; u < g->n; u++)
			for (v = 0; v < g->n; v++)
				c.reach[u][v] |= c.reach[u][via] && c.reach[via][v];
	return c;
}

/* --- running --------------------------------------------------------------------- */

/* Runs f until it succeeds, refusing its first request for memory, then its second ... */
static inline uint64_t sweep_memory(int (*f)(void *), void *arg)
{
	uint64_t n;
	int err;

	for (n = 1;; n++) {
		mem_refuse_at = n;
		err = f(arg);
		mem_refuse_at = 0;
		if (!err)
			return n - 1;
		ck_assert_int_eq(err, -ENOMEM);
	}
}

static inline int run_suite(const char *name, TCase *claims)
{
	Suite *s = suite_create(name);
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(claims, 120);
	suite_add_tcase(s, claims);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
