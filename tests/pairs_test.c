#include "pairs.h"

#include "buf.h"
#include "mem.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ledger old, now;
static struct pairs pairs;
static struct tolerance tolerance = { .share = 0.1, .weight = 2, .slack = 1024, .per = PER_ALLOCATION };

static void teardown(void)
{
	pairs_fini(&pairs);
	ledger_fini(&old);
	ledger_fini(&now);
}

static void put_places(struct ledger *l, struct ledger_entry *e, char *list)
{
	char *rest = list, *p;

	e->chain = strchr(list, '<') || !strcmp(e->kind, "lost");
	while ((p = strsep(&rest, "<+"))) {
		char function[32], file[32];
		unsigned line = 0;

		ck_assert_int_ge(sscanf(p, "%31[^@]@%31[^:]:%u", function, file, &line), 2);
		ledger_place(l, e, function, file, line);
	}
}

static void put_word(struct ledger *l, struct ledger_entry *e, const char *word)
{
	if (!strncmp(word, "work=", 5))
		e->work = atof(word + 5);
	else if (!strncmp(word, "seconds=", 8))
		e->seconds = atof(word + 8);
	else if (!strncmp(word, "per=", 4))
		ck_assert(ledger_per_of(word + 4, &e->per));
	else if (!strncmp(word, "type=", 5))
		ledger_type(l, e, word + 5);
	else if (!strncmp(word, "edge=", 5))
		ledger_edge(l, e, word + 5);
	else
		ck_abort_msg("what is %s?", word);
}

/*
 * A ledger in words, entries parted by `; `: KIND PLACES COUNT BYTES and more; places are
 * FUNCTION@FILE:LINE, parted by `<` for calls and `+` for others.  BYTES are of each.
 *
 *	lost a@x.c:3<main@x.c:9 5 50 work=100 per=run
 */
static void draw(struct ledger *l, const char *drawing)
{
	char *copy = strdup(drawing), *rest = copy, *entry;

	while ((entry = strsep(&rest, ";"))) {
		char *word[12];
		unsigned n = 0;
		struct ledger_entry *e;

		for (char *save, *p = strtok_r(entry, " ", &save); p; p = strtok_r(NULL, " ", &save))
			word[n++] = p;
		if (!n)
			continue;
		e = ledger_add(l, word[0]);
		put_places(l, e, word[1]);
		e->count = e->objects = (uint64_t)atoi(word[2]);
		e->bytes = e->count * (uint64_t)atoi(word[3]);
		for (unsigned i = 4; i < n; i++)
			put_word(l, e, word[i]);
	}
	free(copy);
	ck_assert_int_eq(ledger_settle(l), 0);
}

/* "new a:3, grown b:7 (was 5), gone c:9": by the first place and its line. */
static const char *told(const char *before, const char *after)
{
	static char text[500];
	size_t n = 0;

	teardown();
	draw(&old, before);
	draw(&now, after);
	ck_assert_int_eq(pairs_make(&pairs, &old, &now, &tolerance), 0);
	*text = 0;
	for (uint32_t i = 0; i < pairs.n; i++) {
		const struct pair *p = &pairs.pair[i];
		const struct ledger_entry *e = p->now ? p->now : p->old;

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %s:%u", n ? ", " : "",
			pair_verdict_name(p->verdict), e->place[0].function, e->place[0].line);
		if (p->old && p->now)
			n += (size_t)snprintf(text + n, sizeof(text) - n, " (%u)", p->old->place[0].line);
	}
	return text;
}

START_TEST(the_same_names_are_the_same)
{
	ck_assert_str_eq(told("lost a@x.c:3<main@x.c:9 5 8", "lost a@x.c:3<main@x.c:9 5 8"), "known a:3 (3)");
	ck_assert_str_eq(told("lost a@x.c:3 5 8", "lost a@x.c:40 5 8"), "known a:40 (3)");
	ck_assert_str_eq(told("lost a@src/x.c:3 5 8", "lost a@/b/src/x.c:3 5 8"), "known a:3 (3)");
}
END_TEST

START_TEST(other_names_are_new_and_gone)
{
	ck_assert_str_eq(told("lost a@x.c:3<main@x.c:9 5 8", "lost b@x.c:3<main@x.c:9 5 8"),
			 "new b:3, gone a:3");
	ck_assert_str_eq(told("lost a@x.c:3 5 8", "dead-cycle a@x.c:3 5 8"), "new a:3, gone a:3");
	ck_assert_str_eq(told("dead-cycle a@x.py:3 5 8 type=A", "dead-cycle a@x.py:3 5 8 type=B"),
			 "new a:3, gone a:3");
	ck_assert_str_eq(told("dead-cycle a@x.py:3 5 8 edge=A.x", "dead-cycle a@x.py:3 5 8 edge=A.y"),
			 "new a:3, gone a:3");
	ck_assert_str_eq(told("", "lost a@x.c:3 5 8"), "new a:3");
	ck_assert_str_eq(told("lost a@x.c:3 5 8", ""), "gone a:3");
}
END_TEST

START_TEST(of_one_function_the_third_place_is_the_new_one)
{
	/* Moved together: the shift says which is which. */
	ck_assert_str_eq(told("lost f@x.c:10 1 8; lost f@x.c:20 1 8",
			      "lost f@x.c:11 1 8; lost f@x.c:12 1 8; lost f@x.c:21 1 8"),
			 "known f:11 (10), new f:12, known f:21 (20)");
	/* Unlike sizes say more than lines. */
	ck_assert_str_eq(told("lost f@x.c:10 1 8; lost f@x.c:20 1 24",
			      "lost f@x.c:18 1 64; lost f@x.c:28 1 8; lost f@x.c:38 1 24"),
			 "new f:18, known f:28 (10), known f:38 (20)");
	ck_assert_str_eq(told("lost f@x.c:10 1 8; lost f@x.c:20 1 24", "lost f@x.c:22 1 24"),
			 "known f:22 (20), gone f:10");
}
END_TEST

START_TEST(an_optimiser_may_take_calls_away)
{
	const char *full = "lost x@m.c:1<dup@m.c:2<parse@m.c:3<main@m.c:9 5 14 work=10;"
		"lost x@m.c:1<dup@m.c:2<init@m.c:4<main@m.c:8 1 12 work=10";

	ck_assert_str_eq(told(full, "lost dup@m.c:2<parse@m.c:3<main@m.c:9 5 14;"
			      "lost dup@m.c:2<init@m.c:4<main@m.c:8 1 12"),
			 "known dup:2 (1), known dup:2 (1)");
	/* All of it inlined, and no lines: sizes are left to tell. */
	ck_assert_str_eq(told(full, "lost main@app 1 12; lost main@app 5 14"),
			 "known main:0 (1), known main:0 (1)");
	ck_assert_str_eq(told(full, "lost main@app 1 12; lost main@app 5 14;"
			      "lost main@app 5 64"),
			 "known main:0 (1), known main:0 (1), new main:0");
	/* What differs is no optimiser's work. */
	ck_assert_str_eq(told("lost x@m.c:1<a@m.c:2<main@m.c:3 1 8", "lost x@m.c:1<b@m.c:2<main@m.c:3 1 8"),
			 "new x:1, gone x:1");
}
END_TEST

START_TEST(a_file_may_be_renamed)
{
	ck_assert_str_eq(told("lost a@old.c:3<main@old.c:9 5 8", "lost a@new.c:3<main@new.c:9 5 8"),
			 "known a:3 (3)");
	/* ... unless the old one is still there. */
	ck_assert_str_eq(told("lost a@old.c:3 5 8", "lost a@old.c:3 5 8; lost a@new.c:3 5 8"),
			 "new a:3, known a:3 (3)");
}
END_TEST

START_TEST(places_without_lines_are_judged_by_their_sum)
{
	ck_assert_str_eq(told("lost f@x.c:1 1 8; lost f@x.c:2 1 8", "lost f@x.c 2 8"), "known f:0 (1)");
	ck_assert_str_eq(told("lost f@x.c:1 1 8; lost f@x.c:2 1 8", "lost f@x.c 3 8"), "grown f:0 (1)");
	ck_assert_str_eq(told("lost f@x.c 2 8", "lost f@x.c:1 1 8; lost f@x.c:2 1 8"),
			 "known f:1 (0), known f:2 (0)");
}
END_TEST

START_TEST(growth_is_what_neither_the_same_nor_in_proportion_explains)
{
	ck_assert_str_eq(told("lost a@x.c:3 100 8 work=1000", "lost a@x.c:3 110 8 work=1000"), "known a:3 (3)");
	ck_assert_str_eq(told("lost a@x.c:3 100 8 work=1000", "lost a@x.c:3 111 8 work=1000"), "grown a:3 (3)");
	ck_assert_str_eq(told("lost a@x.c:3 1 8 work=1000", "lost a@x.c:3 2 8 work=1000"), "grown a:3 (3)");
	ck_assert_str_eq(told("lost a@x.c:3 100 8 work=1000", "lost a@x.c:3 1000 8 work=10000"),
			 "known a:3 (3)");
	ck_assert_str_eq(told("lost a@x.c:3 100 8 work=1000", "lost a@x.c:3 3000 8 work=10000"),
			 "grown a:3 (3)");
	/* A leak of the start is the same in a run of any length. */
	ck_assert_str_eq(told("lost a@x.c:3 1 8 work=100000", "lost a@x.c:3 1 8 work=10"), "known a:3 (3)");
	ck_assert_str_eq(told("lost a@x.c:3 1 8 work=10", "lost a@x.c:3 1 8 work=100000"), "known a:3 (3)");
	/* Blocks of twice the size are another struct's, some bytes a longer text: no growth. */
	ck_assert_str_eq(told("lost a@x.c:3 9 8 work=10", "lost a@x.c:3 9 16 work=10"), "known a:3 (3)");
	ck_assert_str_eq(told("lost a@x.c:3 9 8 work=10", "lost a@x.c:3 9 80 work=10"), "known a:3 (3)");
	ck_assert_str_eq(told("lost a@x.c:3 9 8 work=10", "lost a@x.c:3 9 800 work=10"), "grown a:3 (3)");
	ck_assert_str_eq(told("lost a@x.c:3 100 8 work=10", "lost a@x.c:3 50 8 work=10"), "shrunk a:3 (3)");
}
END_TEST

START_TEST(a_baseline_may_say_what_it_is_in_proportion_to)
{
	ck_assert_str_eq(told("lost a@x.c:3 10 8 work=10 per=run", "lost a@x.c:3 100 8 work=100"),
			 "grown a:3 (3)");
	ck_assert_str_eq(told("lost a@x.c:3 10 8 seconds=1 work=1 per=second",
			      "lost a@x.c:3 100 8 seconds=10 work=1"), "known a:3 (3)");
	/* In proportion also means less in a shorter run. */
	ck_assert_str_eq(told("lost a@x.c:3 1000 8 work=1000 per=allocation",
			      "lost a@x.c:3 1000 8 work=100"), "grown a:3 (3)");
	ck_assert_str_eq(told("lost a@x.c:3 1000 8 work=1000 per=allocation",
			      "lost a@x.c:3 100 8 work=100"), "known a:3 (3)");
}
END_TEST

START_TEST(the_tolerance_is_granted_for_each_doubling)
{
	ck_assert_double_eq_tol(tolerance_allows(&tolerance, 100, 1), 110, 1e-9);
	ck_assert_double_eq_tol(tolerance_allows(&tolerance, 100, 2), 200 * 1.1 * 1.1, 1e-9);
	ck_assert_double_eq_tol(tolerance_allows(&tolerance, 100, 8), 800 * 1.1 * 1.1 * 1.1 * 1.1, 1e-9);
}
END_TEST

START_TEST(what_is_alike_in_two_processes_is_added_up)
{
	draw(&now, "dead-cycle a@x.py:3 5 8 type=T; dead-cycle a@x.py:3 2 8 type=T; "
	     "dead-cycle a@x.py:4 1 8 type=T");
	ck_assert_uint_eq(now.n, 2);
	ck_assert_uint_eq(now.entry[0].count, 7);
	ck_assert_uint_eq(now.entry[0].bytes, 56);
}
END_TEST

START_TEST(names_of_strangers_do_not_break_lines)
{
	struct ledger_entry *e = ledger_add(&now, "lost");

	ledger_place(&now, e, "evil\nlost\n", "a\tb.c", 1);
	ck_assert_int_eq(ledger_settle(&now), 0);
	ck_assert_str_eq(now.entry[0].place[0].function, "evil?lost?");
	ck_assert_str_eq(now.entry[0].place[0].file, "a?b.c");
}
END_TEST

START_TEST(many_of_one_key_are_paired_in_order)
{
	struct buf b = {0};

	for (int i = 1; i <= 400; i++)
		buf_printf(&b, "lost f@x.c:%d 1 8;", i);
	draw(&old, buf_text(&b));
	draw(&now, buf_text(&b));
	ck_assert_int_eq(pairs_make(&pairs, &old, &now, &tolerance), 0);
	ck_assert_uint_eq(pairs.count[PAIR_SAME], 400);
	buf_fini(&b);
}
END_TEST

START_TEST(when_memory_ends_it_says_so)
{
	const char *before = "lost f@x.c:10 1 8; lost f@x.c:20 1 8; lost g@x.c:1<main@x.c:2 1 8";

	draw(&old, before);
	draw(&now, "lost f@x.c:11 1 8; lost f@x.c:12 1 8; lost main@x.c:2 1 8");
	for (uint64_t n = 1; n < 100; n++) {
		int e;

		mem_refuse_at = n;
		e = pairs_make(&pairs, &old, &now, &tolerance);
		mem_refuse_at = 0;
		ck_assert(e == 0 || e == -ENOMEM);
		pairs_fini(&pairs);
		if (!e)
			return;
	}
	ck_abort_msg("it asks for memory without an end");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pairs");
	TCase *t = tcase_create("pairs");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, the_same_names_are_the_same);
	tcase_add_test(t, other_names_are_new_and_gone);
	tcase_add_test(t, of_one_function_the_third_place_is_the_new_one);
	tcase_add_test(t, an_optimiser_may_take_calls_away);
	tcase_add_test(t, a_file_may_be_renamed);
	tcase_add_test(t, places_without_lines_are_judged_by_their_sum);
	tcase_add_test(t, growth_is_what_neither_the_same_nor_in_proportion_explains);
	tcase_add_test(t, a_baseline_may_say_what_it_is_in_proportion_to);
	tcase_add_test(t, the_tolerance_is_granted_for_each_doubling);
	tcase_add_test(t, what_is_alike_in_two_processes_is_added_up);
	tcase_add_test(t, names_of_strangers_do_not_break_lines);
	tcase_add_test(t, many_of_one_key_are_paired_in_order);
	tcase_add_test(t, when_memory_ends_it_says_so);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
