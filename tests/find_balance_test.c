/*
 * find_balance_test.c - which objects stay, why, and who is told to keep them
 *
 * A trace in trace_writer.h's words makes blocks and objects; "b>a" is a word in block b that
 * has a's address, "*>a" one in a variable, "b>a+8" one that leads into a.
 */
#include "find_balance.h"
#include "find_lost.h"

#include "mem.h"
#include "snap_words.h"
#include "trace_writer.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>

struct world {
	struct trace_writer w;
	struct trace trace;
	struct defs defs;
	struct symbols *symbols;
	struct replay replay;
	struct refs refs;
	struct snap snap;
	struct snap_run run[32];
	uint8_t room[32][64];
	struct heap heap;
	struct heap_loader loader;
	struct blocks blocks;
	struct findings findings;
	struct lost lost;
};

static struct world *x;

static void add_word(const char *word)
{
	bool variable = *word == '*';
	uint64_t where = variable ? 0x8000 + 8 * x->snap.runs :
		writer_address((char[]){ word[0], 0 }) + 24 + 8 * (x->snap.runs % 4);

	snap_word(&x->run[x->snap.runs], x->room[x->snap.runs],
		  variable ? OURO_REGION_DATA : OURO_REGION_HEAP, where,
		  writer_address(strchr(word, '>') + 1));
	x->snap.runs++;
}

static int find(void)
{
	int r;

	r = heap_loader_init(&x->loader, &x->heap, &x->replay, x->symbols, &x->snap);
	if (!r)
		r = blocks_init(&x->blocks, &x->replay, &x->snap);
	if (!r)
		r = find_lost(&x->findings, &x->lost, &x->blocks, &x->loader, false);
	return r ? r : find_over_released(&x->findings, &x->refs, &x->loader);
}

static void unfind(void)
{
	findings_fini(&x->findings);
	blocks_fini(&x->blocks);
	heap_loader_fini(&x->loader);
	heap_fini(&x->heap);
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
	ck_assert_int_eq(replay_to_end(&x->replay), 0);
	x->replay.snapshot = x->snap.number = 1;
	x->snap.complete = true;
	x->snap.scan.there = true;
	x->snap.run = x->run;
	snprintf(text, sizeof(text), "%s", words);
	for (word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		add_word(word);
}

static void teardown(void)
{
	if (!x)
		return;
	unfind();
	refs_fini(&x->refs);
	replay_fini(&x->replay);
	symbols_free(x->symbols);
	defs_free(&x->defs);
	trace_close(&x->trace);
	writer_fini(&x->w);
	free(x);
	x = NULL;
}

/* "unbalanced T*2 by keep; lost" */
static const char *verdict(const char *script, const char *words)
{
	static char text[400];
	size_t n = 0;

	*text = 0;
	start(script, words);
	ck_assert_int_eq(find(), 0);
	for (uint32_t i = 0; i < x->findings.n; i++) {
		const struct finding *f = &x->findings.f[i];
		const char *by = f->npaths ? f->path[f->npaths > 2 ? 2 : 0].place.function : "";

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s%s", n ? "; " : "",
			f->severity == FINDING_INFO ? "info " : "", finding_kind_name(f->kind));
		for (uint32_t k = 0; k < f->ntypes; k++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, " %s*%d", f->type[k].name,
				(int)f->type[k].objects);
		if (*by)
			n += (size_t)snprintf(text + n, sizeof(text) - n, " by %s", by);
	}
	return text;
}

#define MADE(a, t, f) "alloc " a " 64 |main:1>" f ":1; birth " a " +" t " |main:1>" f ":1;"

static const struct { const char *script, *words, *verdict; } cases[] = {
	{ MADE("a", "T", "f"), "", "unbalanced T*1 by f" },
	{ MADE("a", "T", "f"), "*>a", "" },
	{ MADE("a", "T", "f") MADE("b", "T", "f"), "", "unbalanced T*2 by f" },
	{ MADE("a", "T", "f") MADE("b", "T", "g"), "", "unbalanced T*1 by f; unbalanced T*1 by g" },
	/* its own block, and what hangs from it, are told with it; others are not */
	{ MADE("a", "T", "f") "alloc b 64 |main:1; alloc c 64 |main:2", "a>b",
	  "unbalanced T*1 by f; lost" },
	/* a lost block that holds an object is the one to tell */
	{ MADE("a", "T", "f") "alloc b 64 |main:1", "b>a", "lost" },
	/* floating, though something knows it */
	{ MADE("a", "T", "f") "reference a 1 0; alloc b 64 |main:1", "b>a", "unbalanced T*1 by f; lost" },
	/* a word into an object, or in its own memory, is no reference */
	{ MADE("a", "T", "f"), "a>a", "unbalanced T*1 by f" },
	{ MADE("a", "T", "f") "alloc b 64 |main:1", "a>b b>a", "unbalanced T*1 by f" },
	{ MADE("a", "T", "f") "alloc b 64 |main:1", "b>a+8", "unbalanced T*1 by f; lost" },
	/* a circle in which everyone was let go by its maker */
	{ MADE("a", "A", "f") MADE("b", "B", "f") "incref a 2 |main:1>f:2>b_set_a:1; decref a 1 |main:1>f:3;"
	  "incref b 2 |main:1>f:4>a_set_b:1; decref b 1 |main:1>f:5", "a>b b>a",
	  "dead-cycle A*1 B*1 by b_set_a" },
	/* ... and one in which the eldest was not: the others only know it */
	{ MADE("a", "A", "f") MADE("b", "B", "f") "incref b 2 |main:1>f:4>a_set_b:1; decref b 1 |main:1>f:5",
	  "a>b b>a", "unbalanced A*1 by f" },
	/* a weak pointer in a variable holds nothing */
	{ MADE("a", "T", "f") "reference a 5 0x8000", "*>a", "unbalanced T*1 by f" },
	/* told edges hold, unless they are told not to */
	{ MADE("a", "A", "f") MADE("b", "B", "f") "hold a b signal 0", "*>a", "" },
	{ MADE("a", "A", "f") MADE("b", "B", "f") "hold a b signal 1", "*>a a>b", "unbalanced B*1 by f" },
	/* a word that stands for a told edge is no second reference: in the holder, in a list of its own */
	{ MADE("a", "A", "f") MADE("b", "B", "f") "hold a b data 0; incref b 2 |main:1>keep:1", "*>a a>b",
	  "unbalanced B*1 by keep" },
	{ MADE("a", "A", "f") MADE("b", "B", "f") "alloc c 64 |main:1; hold a b data 0; incref b 2 |main:1>keep:1",
	  "*>a a>c c>b", "unbalanced B*1 by keep" },
	{ MADE("a", "A", "f") MADE("b", "B", "f") "alloc c 64 |main:1; hold a b data 0; incref b 2 |main:1>keep:1",
	  "*>a *>c c>b", "" },
	{ MADE("a", "A", "f") MADE("b", "B", "f") "hold a b data 0; incref b 2 |main:1>keep:1", "*>a a>b a>b", "" },
	/* more references than words, and in reach: worth a word */
	{ MADE("a", "T", "f") "incref a 2 |main:1>keep:1", "*>a", "unbalanced T*1 by keep" },
	/* a count that is not the sum of what was told: code that counts in place was there */
	{ MADE("a", "T", "f") "incref a 3 |main:1>keep:1", "*>a", "" },
	/* static ones, and those whose references are not told, are nobody's mistake */
	{ MADE("a", "T", "f") "reference a 10 0", "", "" },
	{ MADE("a", "GBinding", "f"), "", "" },
	{ MADE("a", "T", "f") "reference a 9 0", "", "lost" },
	/* the dead */
	{ "alloc a 64 |main:1; birth a +T |main:1>f:1; decref a 0 |main:1>f:2; death a; free a;"
	  "decref a 0 |main:1>f:3", "", "over-released T*1 by f" },
};

START_TEST(objects_that_stay_are_told_once_and_by_who_keeps_them)
{
	ck_assert_str_eq(verdict(cases[_i].script, cases[_i].words), cases[_i].verdict);
}
END_TEST

START_TEST(a_tie_that_was_taken_back_holds_no_longer)
{
	ck_assert_str_eq(verdict(MADE("a", "A", "f") MADE("b", "B", "f")
		"hold a b signal 0; unhold a b", "*>a"), "unbalanced B*1 by f");
}
END_TEST

START_TEST(the_sum_of_findings_is_what_is_lost)
{
	uint64_t objects = 0;

	verdict(MADE("a", "T", "f") "alloc b 64 |main:1; alloc c 64 |main:2; alloc d 64 |main:3", "a>b c>d");
	for (uint32_t i = 0; i < x->findings.n; i++)
		objects += x->findings.f[i].objects;
	ck_assert_uint_eq(objects, 4);
	ck_assert_uint_eq(x->lost.direct, 2);
	ck_assert_uint_eq(x->lost.indirect, 2);
}
END_TEST

START_TEST(memory_may_end_at_any_request)
{
	start(MADE("a", "A", "f") MADE("b", "B", "f") "incref a 2 |main:1>f:2>b_set_a:1;"
		"decref a 1 |main:1>f:3; incref b 2 |main:1>f:4>a_set_b:1; decref b 1 |main:1>f:5;"
		MADE("c", "T", "f") "hold c a x 0; reference c 5 0x8000", "a>b b>a");
	for (uint64_t n = 1; ; n++) {
		bool refused;
		int r;

		mem_refuse_at = n;
		r = find();
		refused = mem_refuse_at == 1;
		mem_refuse_at = 0;
		if (!refused) {
			ck_assert_int_eq(r, 0);
			break;
		}
		ck_assert(!r || r == -ENOMEM);
		unfind();
		x->refs.failed = false;
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("find_balance");
	TCase *c = tcase_create("find_balance");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_add_loop_test(c, objects_that_stay_are_told_once_and_by_who_keeps_them, 0,
		sizeof(cases) / sizeof(*cases));
	tcase_add_test(c, a_tie_that_was_taken_back_holds_no_longer);
	tcase_add_test(c, the_sum_of_findings_is_what_is_lost);
	tcase_add_test(c, memory_may_end_at_any_request);
	suite_add_tcase(suite, c);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
