/*
 * heap_of.h - heaps drawn in lines of text
 *
 *	heap_of("first  list  var=first at=entangle,cycle.py,8\n"
 *		"second list  var=second at=entangle,cycle.py,9\n"
 *		"first > second index 0\n"
 *		"* > first local x f app.py 3\n")
 *
 * A line with ">" is a reference: holder > held, how it is named, operand, and `maybe`
 * or `borrowed`.  "*" is a root.  "word NAME data|heap|stack [used]" is a word in
 * memory.  Any other line is an object: name, type and
 *
 *	bytes=N  label=NAME  var=NAME  at=FUNCTION,FILE,LINE[;FUNCTION,FILE,LINE...]
 *	+N (references nobody explains)  early (made by the start-up)  unborn
 *	static immortal namespace infra untracked heaptype leaf
 *
 * Objects have 100 bytes, are tracked, were made by the program in the order of
 * the lines, and have the count that the owned references drawn amount to.
 */
#ifndef OURO_TESTS_HEAP_OF_H
#define OURO_TESTS_HEAP_OF_H

#include "heap.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAP_OF_OBJECTS 64

struct heap_drawing {
	struct heap h;
	char name[HEAP_OF_OBJECTS][32];
};

static inline node_id heap_of_find(const struct heap_drawing *d, const char *name)
{
	node_id v;

	for (v = 0; v < d->h.nnodes; v++)
		if (!strcmp(d->name[v], name))
			return v;
	ck_abort_msg("no object %s", name);
	return 0;
}

static inline uint32_t heap_of_type(struct heap *h, const char *name, unsigned flags)
{
	struct heap_type t = { .name = texts_add0(&h->texts, name), .flags = flags };
	uint32_t i;

	for (i = 1; i < h->ntypes; i++)
		if (h->type[i].name == t.name)
			return i;
	return (uint32_t)heap_add_type(h, &t);
}

static inline uint32_t heap_of_site(struct heap *h, const char *at, const char *var)
{
	struct heap_frame f[8];
	char copy[512], *save, *s;
	uint32_t site, n = 0;

	snprintf(copy, sizeof(copy), "%s", at);
	for (s = strtok_r(copy, ";", &save); s && n < 8; s = strtok_r(NULL, ";", &save)) {
		char function[64], file[128];
		unsigned line;

		ck_assert_int_eq(sscanf(s, "%63[^,],%127[^,],%u", function, file, &line), 3);
		f[n++] = (struct heap_frame){ texts_add0(&h->texts, function),
			texts_add0(&h->texts, file), .line = line, .interpreted = true };
	}
	site = (uint32_t)heap_add_site(h, 0, texts_add0(&h->texts, var));
	heap_set_frames(h, site, f, n);
	return site;
}

static inline void heap_of_object(struct heap_drawing *d, char *line)
{
	struct heap *h = &d->h;
	char *save, *name = strtok_r(line, " \t", &save), *type = strtok_r(NULL, " \t", &save), *w;
	unsigned tflags = OURO_TYPE_GC;
	struct heap_node n = { .address = 0x1000 + 64 * h->nnodes, .bytes = 100,
		.when = h->nnodes + 1, .flags = OURO_NODE_TRACKED, .born = HEAP_BORN_AFTER };
	const char *at = NULL, *var = NULL;

	ck_assert_msg(type != NULL, "%s has no type", name);
	if (strchr(type, '.') && strncmp(type, "functools.", 10))
		tflags |= OURO_TYPE_HEAP;
	while ((w = strtok_r(NULL, " \t", &save))) {
		if (!strncmp(w, "bytes=", 6))
			n.bytes = strtoul(w + 6, NULL, 0);
		else if (!strncmp(w, "label=", 6))
			n.label = texts_add0(&h->texts, w + 6);
		else if (!strncmp(w, "var=", 4))
			var = w + 4;
		else if (!strncmp(w, "at=", 3))
			at = w + 3;
		else if (*w == '+')
			n.count = strtoul(w + 1, NULL, 0);
		else if (!strcmp(w, "early"))
			n.born = HEAP_BORN_BEFORE;
		else if (!strcmp(w, "unborn"))
			n.born = HEAP_BORN_UNKNOWN;
		else if (!strcmp(w, "static"))
			n.flags |= OURO_NODE_STATIC;
		else if (!strcmp(w, "immortal"))
			n.flags |= OURO_NODE_IMMORTAL;
		else if (!strcmp(w, "namespace"))
			n.flags |= OURO_NODE_NAMESPACE;
		else if (!strcmp(w, "infra"))
			n.flags |= OURO_NODE_CODE_INFRA;
		else if (!strcmp(w, "untracked"))
			n.flags &= ~OURO_NODE_TRACKED;
		else if (!strcmp(w, "heaptype"))
			tflags |= OURO_TYPE_HEAP;
		else if (!strcmp(w, "leaf"))
			tflags = (tflags & ~OURO_TYPE_GC) | OURO_TYPE_LEAF;
		else
			ck_abort_msg("what is %s?", w);
	}
	n.type = heap_of_type(h, type, tflags);
	if (at)
		n.site = heap_of_site(h, at, var);
	ck_assert_uint_lt(h->nnodes, HEAP_OF_OBJECTS);
	snprintf(d->name[h->nnodes], sizeof(d->name[0]), "%s", name);
	ck_assert_int_ge(heap_add_node(h, &n), 0);
}

static inline unsigned heap_of_doubt(char **save)
{
	char *w = strtok_r(NULL, " \t", save);

	return !w ? 0 : !strcmp(w, "maybe") ? OURO_EDGE_MAYBE : OURO_EDGE_BORROWED;
}

static inline void heap_of_edge(struct heap_drawing *d, const char *from, const char *to, char **save)
{
	static const struct { const char *word; uint8_t name; char operand; } kind[] = {
		{ "other", OURO_EDGE_OTHER, 0 }, { "index", OURO_EDGE_INDEX, 'n' },
		{ "key", OURO_EDGE_KEY, 's' }, { "keyrepr", OURO_EDGE_KEYREPR, 's' },
		{ "dictkey", OURO_EDGE_DICTKEY, 's' }, { "attr", OURO_EDGE_ATTR, 's' },
		{ "slot", OURO_EDGE_SLOT, 's' }, { "field", OURO_EDGE_FIELD, 's' },
		{ "cell", OURO_EDGE_CELL, 's' }, { "content", OURO_EDGE_CONTENT, 0 },
		{ "local", OURO_EDGE_LOCAL, 's' }, { "stack", OURO_EDGE_STACK, 'n' },
		{ "member", OURO_EDGE_MEMBER, 0 }, { "class", OURO_EDGE_CLASS, 0 },
		{ "dict", OURO_EDGE_DICT, 0 }, { "referent", OURO_EDGE_REFERENT, 0 },
		{ "offset", OURO_EDGE_OFFSET, 'n' }, { "const", OURO_EDGE_CONST, 'n' },
		{ "argument", OURO_EDGE_ARGUMENT, 'n' },
	};
	struct heap_edge e = { .from = heap_of_find(d, from), .to = heap_of_find(d, to) };
	char *word = strtok_r(NULL, " \t", save);
	size_t i;

	for (i = 0; i < sizeof(kind) / sizeof(kind[0]) && strcmp(kind[i].word, word); i++)
		;
	ck_assert_msg(i < sizeof(kind) / sizeof(kind[0]), "no such edge: %s", word);
	e.name = kind[i].name;
	if (kind[i].operand) {
		char *operand = strtok_r(NULL, " \t", save);

		e.operand = kind[i].operand == 'n' ? (uint32_t)strtoul(operand, NULL, 0) :
			texts_add0(&d->h.texts, operand);
	}
	e.flags = (uint8_t)heap_of_doubt(save);
	if (!e.flags)
		d->h.node[e.to].count++;
	ck_assert_int_ge(heap_add_edge(&d->h, &e), 0);
}

/* local VAR FUNCTION FILE LINE | stack FUNCTION LINE | interp WHAT | static WHAT */
static inline void heap_of_root(struct heap_drawing *d, const char *to, char **save)
{
	struct texts *t = &d->h.texts;
	struct heap_root r = { .node = heap_of_find(d, to), .thread = 1 };
	const char *word = strtok_r(NULL, " \t", save);

	if (!strcmp(word, "local")) {
		r.kind = OURO_ROOT_LOCAL;
		r.what = texts_add0(t, strtok_r(NULL, " \t", save));
		r.function = texts_add0(t, strtok_r(NULL, " \t", save));
		r.file = texts_add0(t, strtok_r(NULL, " \t", save));
		r.line = (uint32_t)strtoul(strtok_r(NULL, " \t", save), NULL, 0);
	} else if (!strcmp(word, "stack")) {
		r.kind = OURO_ROOT_STACK;
		r.function = texts_add0(t, strtok_r(NULL, " \t", save));
		r.line = (uint32_t)strtoul(strtok_r(NULL, " \t", save), NULL, 0);
	} else {
		r.kind = !strcmp(word, "interp") ? OURO_ROOT_INTERP : OURO_ROOT_STATIC;
		r.what = texts_add0(t, strtok_r(NULL, " \t", save));
	}
	r.flags = (uint8_t)heap_of_doubt(save);
	if (!r.flags)
		d->h.node[r.node].count++;
	ck_assert_int_ge(heap_add_root(&d->h, &r), 0);
}

static inline void heap_of_word(struct heap_drawing *d, char **save)
{
	struct heap_word w = { .node = heap_of_find(d, strtok_r(NULL, " \t", save)) };
	const char *region = strtok_r(NULL, " \t", save), *used = strtok_r(NULL, " \t", save);

	w.region = !strcmp(region, "data") ? OURO_REGION_DATA :
		!strcmp(region, "heap") ? OURO_REGION_HEAP : OURO_REGION_STACK;
	w.plausible = used != NULL;
	ck_assert_int_ge(heap_add_word(&d->h, &w), 0);
}

/* heap_of_fini is the caller's to call. */
static inline struct heap_drawing *heap_of(const char *text)
{
	struct heap_drawing *d = calloc(1, sizeof(*d));
	char *copy = strdup(text), *lines, *line;

	d->h.complete = true;
	d->h.reason = OURO_SNAPSHOT_EXIT;
	heap_of_site(&d->h, "", NULL);
	d->h.nsites = 1;
	for (line = strtok_r(copy, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
		char *save, *from, *to;

		if (!strstr(line, " > ")) {
			if (strncmp(line, "word ", 5)) {
				heap_of_object(d, line);
			} else {
				strtok_r(line, " ", &save);
				heap_of_word(d, &save);
			}
			continue;
		}
		from = strtok_r(line, " \t", &save);
		strtok_r(NULL, " \t", &save);
		to = strtok_r(NULL, " \t", &save);
		if (strcmp(from, "*"))
			heap_of_edge(d, from, to, &save);
		else
			heap_of_root(d, to, &save);
	}
	free(copy);
	ck_assert_int_eq(heap_build(&d->h), 0);
	return d;
}

static inline void heap_of_fini(struct heap_drawing *d)
{
	heap_fini(&d->h);
	free(d);
}

#endif
