/*
 * find_lost_test.c - blocks, words of memory, and what they make lost
 *
 * "a>b": block a has an address in b.  Before the >: a letter is a block, "*" a
 * variable, "~" free memory of malloc, "^" mapped memory, "%" a register.  A block
 * is 64 bytes; behind it "+N" is how far into it the address leads.
 */
#include "find_lost.h"

#include "found.h"
#include "mem.h"
#include "snap_words.h"
#include "trace.h"

#include <check.h>
#include <errno.h>
#include <ouro/record.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE	0x10000u
#define STEP	0x100u
#define SIZE	64u

struct world {
	struct trace trace;
	struct replay replay;
	struct snap snap;
	struct snap_run run[64];
	uint8_t room[64][64];
	struct heap heap;
	struct heap_loader loader;
	struct blocks blocks;
	struct findings findings;
	struct lost lost;
};

static uint64_t address(char name)
{
	return BASE + STEP * (uint64_t)(name - 'a');
}

static void add_word(struct world *w, const char *word)
{
	static const char kinds[] = "*~^%";
	static const uint8_t region[] = { OURO_REGION_DATA, OURO_REGION_MALLOC,
		OURO_REGION_HEAP, OURO_REGION_REGISTER };
	const char *kind = strchr(kinds, word[0]);
	uint64_t where = kind ? 0x8000 : address(word[0]) + 8 * (uint64_t)(word[2] - 'a' + 1) % SIZE;
	uint64_t held = address(word[2]) + (word[3] == '+' ? strtoull(word + 4, NULL, 10) : 0);

	snap_word(&w->run[w->snap.runs], w->room[w->snap.runs],
		  kind ? region[kind - kinds] : OURO_REGION_HEAP, where, held);
	w->snap.runs++;
}

/* Blocks are those named in `alive`. */
static struct world *world_of(const char *alive, const char *words, struct snap_scan scan, bool each)
{
	struct world *w = calloc(1, sizeof *w);
	char text[200], *word, *rest;

	ck_assert_int_eq(live_init(&w->replay.live), 0);
	w->replay.trace = &w->trace;
	w->replay.snapshot = w->snap.number = 1;
	w->snap.complete = true;
	w->snap.run = w->run;
	w->snap.scan = scan;
	for (; *alive; alive++) {
		struct block *b = live_add_block(&w->replay.live, address(*alive));

		b->size = SIZE;
		b->born = (uint64_t)*alive;
	}
	snprintf(text, sizeof text, "%s", words);
	for (word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		add_word(w, word);
	ck_assert_int_eq(heap_init(&w->heap), 0);
	w->loader = (struct heap_loader){ .h = &w->heap, .r = &w->replay, .snap = &w->snap };
	ck_assert_int_eq(blocks_init(&w->blocks, &w->replay, &w->snap), 0);
	ck_assert_int_eq(find_lost(&w->findings, &w->lost, &w->blocks, &w->loader, each), 0);
	return w;
}

static void world_free(struct world *w)
{
	findings_fini(&w->findings);
	blocks_fini(&w->blocks);
	heap_fini(&w->heap);
	live_fini(&w->replay.live);
	free(w);
}

/* "direct+indirect", and "o" for each finding of circles. */
static const char *verdict(const char *alive, const char *words)
{
	static char text[64];
	struct world *w = world_of(alive, words, (struct snap_scan){ .there = true }, true);
	size_t n = (size_t)snprintf(text, sizeof text, "%d+%d", (int)w->lost.direct,
		(int)w->lost.indirect);

	for (uint32_t i = 0; i < w->findings.n; i++)
		if (w->findings.f[i].cyclic)
			text[n++] = 'o';
	text[n] = 0;
	world_free(w);
	return text;
}

START_TEST(what_nobody_holds_is_lost)
{
	ck_assert_str_eq(verdict("ab", "*>a"), "1+0");
	ck_assert_str_eq(verdict("", ""), "0+0");
}
END_TEST

START_TEST(variables_mapped_memory_and_registers_hold)
{
	ck_assert_str_eq(verdict("abc", "*>a ^>b %>c"), "0+0");
}
END_TEST

START_TEST(free_memory_holds_nothing)
{
	ck_assert_str_eq(verdict("a", "~>a"), "1+0");
}
END_TEST

START_TEST(a_word_in_a_block_holds_as_long_as_the_block_is_held)
{
	ck_assert_str_eq(verdict("abc", "*>a a>b b>c"), "0+0");
	ck_assert_str_eq(verdict("abc", "a>b b>c"), "1+2");
}
END_TEST

START_TEST(addresses_into_a_block_hold_it_and_one_behind_it_does_not)
{
	ck_assert_str_eq(verdict("a", "*>a+63"), "0+0");
	ck_assert_str_eq(verdict("a", "*>a+64"), "1+0");
}
END_TEST

START_TEST(a_circle_has_one_direct_block)
{
	ck_assert_str_eq(verdict("ab", "a>b b>a"), "1+1o");
	ck_assert_str_eq(verdict("abc", "a>b b>a b>c"), "1+2o");
}
END_TEST

START_TEST(a_circle_held_by_a_lost_block_is_lost_by_it)
{
	ck_assert_str_eq(verdict("abc", "a>b b>c c>b"), "1+2");
}
END_TEST

START_TEST(a_block_that_holds_itself_is_no_circle)
{
	ck_assert_str_eq(verdict("a", "a>a"), "1+0");
}
END_TEST

START_TEST(what_two_lost_ones_hold_counts_once)
{
	ck_assert_str_eq(verdict("abc", "a>c b>c"), "2+1");
}
END_TEST

static enum finding_severity severity(const char *alive, struct snap_scan scan)
{
	struct world *w = world_of(alive, "", scan, false);
	enum finding_severity s = w->findings.f[0].severity;

	ck_assert_uint_eq(w->findings.n, 1);
	ck_assert_uint_eq(w->findings.f[0].count, strlen(alive));
	world_free(w);
	return s;
}

START_TEST(an_error_is_what_no_unseen_register_could_hold)
{
	struct snap_scan alone = { .there = true }, waiting = { .there = true, .waiting = 1 };

	ck_assert_int_eq(severity("a", alone), FINDING_ERROR);
	ck_assert_int_eq(severity("abcdef", waiting), FINDING_WARNING);
	ck_assert_int_eq(severity("abcdefg", waiting), FINDING_ERROR);
}
END_TEST

START_TEST(nothing_is_an_error_when_not_all_threads_were_seen)
{
	ck_assert_int_eq(severity("abc", (struct snap_scan){ .there = true,
		.flags = OURO_SCAN_THREADS }), FINDING_WARNING);
}
END_TEST

START_TEST(words_come_back_as_they_were_written)
{
	uint64_t where[] = { 0x7ff0, 0x7ff8, 0x7fff00000000 }, held[] = { 0x20, 0x18, 0x555500001008 };
	uint8_t room[100], *end = snap_words(room, OURO_REGION_STACK, where, held, 3);
	struct found f;

	ck_assert_ptr_eq(found_read(room, end, &f), end);
	ck_assert_uint_eq(f.n, 3);
	ck_assert_uint_eq(f.region, OURO_REGION_STACK);
	ck_assert_mem_eq(f.where, where, sizeof where);
	ck_assert_mem_eq(f.held, held, sizeof held);
	for (const uint8_t *cut = room; cut < end; cut++)
		ck_assert_ptr_null(found_read(room, cut, &f));
}
END_TEST

START_TEST(words_that_make_no_sense_are_refused)
{
	struct found f;
	const uint8_t none[] = { 0, 1, 0 }, region[] = { 1, 0, 0, 0, 0 };
	const uint8_t many[] = { 0x81, 2, 1, 0 };

	ck_assert_ptr_null(found_read(none, none + sizeof none, &f));
	ck_assert_ptr_null(found_read(region, region + sizeof region, &f));
	ck_assert_ptr_null(found_read(many, many + sizeof many, &f));
}
END_TEST

START_TEST(without_memory_it_says_so_and_leaves_nothing)
{
	struct world *w = world_of("abcd", "a>b b>a c>d", (struct snap_scan){ .there = true }, true);
	int r = -ENOMEM;

	for (uint64_t n = 1; r; n++) {
		struct findings s = { 0 };
		struct blocks b = { 0 };
		struct lost lost;

		mem_refuse_at = n;
		r = blocks_init(&b, &w->replay, &w->snap);
		if (!r)
			r = find_lost(&s, &lost, &b, &w->loader, true);
		mem_refuse_at = 0;
		ck_assert(!r || r == -ENOMEM);
		findings_fini(&s);
		blocks_fini(&b);
	}
	world_free(w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("find_lost");
	TCase *t = tcase_create("find_lost");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, what_nobody_holds_is_lost);
	tcase_add_test(t, variables_mapped_memory_and_registers_hold);
	tcase_add_test(t, free_memory_holds_nothing);
	tcase_add_test(t, a_word_in_a_block_holds_as_long_as_the_block_is_held);
	tcase_add_test(t, addresses_into_a_block_hold_it_and_one_behind_it_does_not);
	tcase_add_test(t, a_circle_has_one_direct_block);
	tcase_add_test(t, a_circle_held_by_a_lost_block_is_lost_by_it);
	tcase_add_test(t, a_block_that_holds_itself_is_no_circle);
	tcase_add_test(t, what_two_lost_ones_hold_counts_once);
	tcase_add_test(t, an_error_is_what_no_unseen_register_could_hold);
	tcase_add_test(t, nothing_is_an_error_when_not_all_threads_were_seen);
	tcase_add_test(t, words_come_back_as_they_were_written);
	tcase_add_test(t, words_that_make_no_sense_are_refused);
	tcase_add_test(t, without_memory_it_says_so_and_leaves_nothing);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
