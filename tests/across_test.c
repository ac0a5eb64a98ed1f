/*
 * across_test.c - circles through an interpreter's objects and counted ones
 *
 * w is a wrapper (an object in the pool, at w+16, its GObject at w+32), m a method it is bound
 * to; g is the GObject, c its handler.  "w+32>g" is a word at w+32 that has g's address, "*>g" one in a
 * variable.
 */
#include "across.h"

#include "dead.h"
#include "snap_words.h"
#include "trace_writer.h"

#include <check.h>
#include <stdio.h>

struct world {
	struct trace_writer w;
	struct trace trace;
	struct defs defs;
	struct symbols *symbols;
	struct replay replay;
	struct refs refs;
	struct snap snap;
	struct snap_run run[16], *loaded;
	uint8_t room[16][64];
	uint32_t nruns;
	struct heap heap;
	struct heap_loader loader;
	struct blocks blocks;
	struct dead dead;
};

static struct world *x;

static uint64_t address_of(char *s)
{
	s[strcspn(s, ">")] = 0;
	return *s == '*' ? 0x8000 + 8 * (uint64_t)x->nruns : writer_address(s);
}

static void add_word(const char *word)
{
	char from[32];

	snprintf(from, sizeof(from), "%s", word);
	snap_word(&x->run[x->nruns], x->room[x->nruns],
		  *word == '*' ? OURO_REGION_DATA : OURO_REGION_HEAP, address_of(from),
		  writer_address(strchr(word, '>') + 1));
	x->nruns++;
}

static void start(const char *script, const char *words)
{
	char text[400], *word, *rest;

	x = calloc(1, sizeof(*x));
	write_trace(&x->w, script);
	ck_assert_int_eq(trace_open_memory(&x->trace, x->w.bytes, x->w.size, NULL), 0);
	ck_assert_int_eq(defs_load(&x->defs, &x->trace), 0);
	x->symbols = symbols_new(&x->defs, NULL);
	ck_assert_int_eq(replay_init(&x->replay, &x->trace, &x->defs), 0);
	ck_assert_int_eq(refs_init(&x->refs, &x->replay, x->symbols), 0);
	ck_assert_int_eq(replay_to_snapshot(&x->replay, 1), 1);
	ck_assert_int_eq(snap_load(&x->snap, &x->trace, &x->defs, 1), 0);
	x->loaded = x->snap.run;
	snprintf(text, sizeof(text), "%s", words);
	for (word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		add_word(word);
	x->snap.run = x->run;
	x->snap.runs = x->nruns;
	x->snap.scan.there = true;
	ck_assert_int_eq(heap_loader_init(&x->loader, &x->heap, &x->replay, x->symbols, &x->snap), 0);
	ck_assert_int_eq(blocks_init(&x->blocks, &x->replay, &x->snap), 0);
	x->loader.blocks = &x->blocks;
	ck_assert_int_eq(heap_load(&x->loader), 0);
	ck_assert_int_eq(dead_find(&x->heap.graph, &x->dead), 0);
}

static void teardown(void)
{
	if (!x)
		return;
	dead_fini(&x->dead);
	blocks_fini(&x->blocks);
	heap_loader_fini(&x->loader);
	heap_fini(&x->heap);
	x->snap.run = x->loaded;
	snap_free(&x->snap);
	refs_fini(&x->refs);
	replay_fini(&x->replay);
	symbols_free(x->symbols);
	defs_free(&x->defs);
	trace_close(&x->trace);
	writer_fini(&x->w);
	free(x);
	x = NULL;
}

/* Types of the dead, and of those the collector frees in brackets. */
static const char *dead(void)
{
	static char s[200];

	*s = 0;
	for (node_id v = 0; v < x->heap.nnodes; v++) {
		bool freed = bits_has(&x->dead.freed, v);

		if (bits_has(&x->dead.dead, v))
			snprintf(s + strlen(s), sizeof(s) - strlen(s), "%s%s%s%s", *s ? " " : "",
				freed ? "(" : "", heap_type_name(&x->heap, v), freed ? ")" : "");
	}
	return s;
}

static const char *edge(const char *from, const char *to)
{
	for (uint32_t i = 0; i < x->heap.nedges; i++) {
		const struct heap_edge *e = &x->heap.edge[i];

		if (heap_is(&x->heap, e->from, from) && heap_is(&x->heap, e->to, to) && e->owned)
			return e->name == OURO_EDGE_FIELD ? heap_text(&x->heap, e->operand) : "?";
	}
	return NULL;
}

#define GOBJECT(count)							\
	"runtime gobject; ready; alloc g 64 main; birth g +GModel main;"	\
	count "alloc c 104 main; birth c+40 +GClosure main; hold g c+40 signal 0 main;"	\
	"pbirth w 64 16 Model main; pbirth m 64 16 method main; snapshot 1; snap 1;"
#define METHOD "node m+16 method 40 1 4 1; edge w+16 field __self__;"
#define CALLS  " word m+16 heap 0x300048;"	/* the handler's callback: c+40 and 32 */

START_TEST(a_circle_through_both_is_one_circle)
{
	start(GOBJECT("") "node w+16 Model 48 1 4 1;" METHOD CALLS "end", "w+32>g");
	ck_assert_str_eq(dead(), "Model method GClosure GModel");
	ck_assert_str_eq(edge("Model", "GModel"), "obj");
	ck_assert_str_eq(edge("GModel", "GClosure"), "signal");
	ck_assert_str_eq(edge("GClosure", "method"), "callback");
}
END_TEST

START_TEST(what_the_wrapper_shows_of_handlers_makes_the_circle_collectable)
{
	start(GOBJECT("") "node w+16 Model 48 1 4 1; edge m+16 other;" METHOD "end", "w+32>g");
	ck_assert_str_eq(dead(), "(Model) (method) (GClosure) (GModel)");
	ck_assert_str_eq(edge("GClosure", "method"), "callback");
	ck_assert_ptr_null(edge("Model", "method"));
}
END_TEST

START_TEST(what_a_variable_of_C_holds_is_alive)
{
	start(GOBJECT("incref g 2 main;") "node w+16 Model 48 1 4 1;" METHOD CALLS "end",
		"w+32>g *>g");
	ck_assert_str_eq(dead(), "");
}
END_TEST

START_TEST(a_word_is_no_holder_when_all_references_are_known)
{
	start(GOBJECT("") "node w+16 Model 48 1 4 1;" METHOD CALLS "end", "w+32>g *>g");
	ck_assert_str_eq(dead(), "Model method GClosure GModel");
}
END_TEST

START_TEST(more_references_than_words_are_somebody_s)
{
	start(GOBJECT("incref g 2 main;") "node w+16 Model 48 1 4 1;" METHOD CALLS "end",
		"w+32>g");
	ck_assert_str_eq(dead(), "");
}
END_TEST

START_TEST(an_object_whose_count_is_explained_is_not_held_by_a_word)
{
	start(GOBJECT("") "node w+16 Model 48 1 4 1;" METHOD CALLS
		"root m+16 local f; end", "w+32>g");
	ck_assert_str_eq(dead(), "");
	ck_assert_ptr_null(edge("GClosure", "method"));
}
END_TEST

START_TEST(another_word_outside_explains_first)
{
	start(GOBJECT("") "node w+16 Model 48 1 4 1;" METHOD CALLS "word m+16 data 0x9000; end",
		"w+32>g");
	ck_assert_str_eq(dead(), "");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("across");
	TCase *t = tcase_create("across");

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, a_circle_through_both_is_one_circle);
	tcase_add_test(t, what_the_wrapper_shows_of_handlers_makes_the_circle_collectable);
	tcase_add_test(t, what_a_variable_of_C_holds_is_alive);
	tcase_add_test(t, a_word_is_no_holder_when_all_references_are_known);
	tcase_add_test(t, more_references_than_words_are_somebody_s);
	tcase_add_test(t, an_object_whose_count_is_explained_is_not_held_by_a_word);
	tcase_add_test(t, another_word_outside_explains_first);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
