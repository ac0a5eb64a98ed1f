/*
 * refs_test.c - what is folded away, and who is left
 *
 * left("...") plays a trace and says what the objects that live have more than they
 * gave back: "f+1" is a reference taken in f and not returned, "f-1" a release too many.
 */
#include "refs.h"

#include "trace_writer.h"

#include <check.h>
#include <stdio.h>

static struct trace_writer w;
static struct trace t;
static struct defs d;
static struct replay r;
static struct refs s;

static void play(const char *script)
{
	write_trace(&w, script);
	ck_assert_int_eq(trace_open_memory(&t, w.bytes, w.size, NULL), 0);
	ck_assert_int_eq(defs_load(&d, &t), 0);
	ck_assert_int_eq(replay_init(&r, &t, &d), 0);
	ck_assert_int_eq(refs_init(&s, &r, NULL), 0);
	ck_assert_int_eq(replay_to_end(&r), 0);
	ck_assert_uint_eq(t.damages, 0);
	ck_assert(!s.failed);
}

static void teardown(void)
{
	refs_fini(&s);
	replay_fini(&r);
	defs_free(&d);
	trace_close(&t);
	writer_fini(&w);
}

/* The innermost function of a site. */
static const char *function(site_id site)
{
	struct caller path[CALLERS_DEPTH];
	uint32_t n = site ? callers_path(&s.callers, r.site[site].stack, path) : 0;

	return n ? callers_name(&s.callers, &path[n - 1]) : "?";
}

static const char *left_of(const char *script)
{
	static char text[256];
	const struct object *o;
	size_t at = 0, n = 0;

	*text = 0;
	play(script);
	while ((o = replay_each_object(&r, &at))) {
		struct book *l = refs_of(&s, o);

		ck_assert_int_eq(refs_settle(&s, l), 0);
		for (uint32_t i = 0; i < l->n; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s%+d", n ? " " : "",
				function(l->row[i].site), l->row[i].n);
	}
	return text;
}

/* As samples/runtime/tiny.c does it: `list` returns what it took, a pair holds it, `keep` forgets. */
START_TEST(a_holder_that_was_told_gives_back_what_was_taken_before_it_held)
{
	ck_assert_str_eq(left_of("alloc a 8; alloc b 8; birth b +P |main:1>eval:1>cons:1;"
		"birth a +T |main:1>eval:1>args:1>make:1;"
		"incref a 2 |main:1>eval:1>args:2>eval:2>apply:1>list:1;"
		"decref a 1 |main:1>eval:1>args:2>eval:3; hold b a car 0 |main:1>eval:1>args:3>cons:1;"
		"incref a 2 |main:1>eval:2>apply:1>keep:1;"
		"unhold b a; decref a 1 |main:1>eval:3>set:1; decref b 0 |main:1>eval:3; death b"),
		"keep+1");
}
END_TEST

/* ... but what comes first after that is another's. */
START_TEST(a_release_is_a_holder_s_only_just_after_it_let_go)
{
	ck_assert_str_eq(left_of("alloc a 8; alloc b 8; birth b +P |main:1>cons:1;"
		"birth a +T |main:1>make:1; hold b a car 0 |main:1>cons:2; unhold b a;"
		"incref a 2 |main:2>take:1; decref a 1 |main:2>take:2;"
		"decref b 0 |main:1>cons:3; death b"), "make+1");
}
END_TEST

static const char *bad(uint32_t i)
{
	static char text[256];

	if (i >= s.nbad)
		return "";
	snprintf(text, sizeof(text), "%s after %s, blame %s", function(s.bad[i].bad),
		function(s.bad[i].end), function(s.bad[i].suspect));
	return text;
}

/* An object is made, retained and released in one function each: every pair but one is matched. */
static const struct { const char *script, *left; } cases[] = {
	/* nobody gives back what its maker has */
	{ "birth a +T |main:1>f:2", "f+1" },
	{ "birth a +T |main:1>f:2; incref a 2 |main:1>f:3; decref a 1 |main:1>f:4", "f+1" },
	/* a callback takes one, its maker lets go */
	{ "birth a +T |main:1>f:2; incref a 2 |main:1>f:3>emit:1>on_click:9;"
	  "decref a 1 |main:1>f:5", "on_click+1" },
	{ "birth a +T |main:1; incref a 2 |main:2>run:3>on_click:9; incref a 3 |main:2>run:3>on_click:9;"
	  "decref a 2 |main:3", "on_click+2" },
	/* handed from who made it to who called */
	{ "birth a +T |main:1>make:2; incref a 2 |main:2>other:3; decref a 1 |main:3", "other+1" },
	/* what a holder takes it gives back, though somebody else is as near */
	{ "birth a +T |main:1; incref a 2 |main:2>setup:1>basket_add:2;"
	  "incref a 3 |main:3>run:1>on_click:9; decref a 2 |main:4;"
	  "decref a 1 |main:5>teardown:1>basket_clear:3", "on_click+1" },
	/* as often as one takes another gives back: the maker's is left */
	{ "birth a +T |main:1; incref a 2 |main:2>take:1; incref a 3 |main:2>take:1;"
	  "incref a 4 |main:2>take:1; decref a 3 |main:3>give:1; decref a 2 |main:3>give:1;"
	  "decref a 1 |main:3>give:1", "main+1" },
	/* one thread takes, another gives back */
	{ "birth a +T |main:1>f:1; incref a 2 |main:1>f:2; decref a 1 |main:1>f:3;"
	  "thread 2; decref a 0 |start:1>work:1", "" },
	/* who sinks a floating reference has it */
	{ "birth a +T |main:1>f:1; reference a 1 0; reference a 2 0 |main:2>add:3", "add+1" },
	{ "birth a +T |main:1>f:1; reference a 1 0; reference a 2 0 |main:1>f:2;"
	  "decref a 0 |main:1>f:3", "" },
	/* born with more than one, or with none that are told */
	{ "birth a +T |main:1; reference a 9 3", "main+3" },
	{ "birth a +T |main:1; incref a 1 |main:2>g:1; decref a 0 |main:2>g:2; decref a 0 |main:3", "" },
};

START_TEST(what_is_left_is_the_path_that_keeps_more_than_it_gives_back)
{
	ck_assert_str_eq(left_of(cases[_i].script), cases[_i].left);
}
END_TEST

START_TEST(a_million_events_leave_no_more_rows_than_ways_of_calls)
{
	char *script = malloc(1 << 20), *p = script;
	struct book *l;
	size_t at = 0;

	p += sprintf(p, "birth a +T |main:1;");
	for (int i = 0; i < 4000; i++)
		p += sprintf(p, "incref a 2 |main:%d>f:1; decref a 1 |main:%d>f:2;", i % 100 + 2,
			i % 100 + 2);
	play(script);
	l = refs_of(&s, replay_each_object(&r, &at));
	ck_assert_uint_le(l->cap, 64);
	ck_assert_uint_eq(l->retains, 4001);
	ck_assert_uint_eq(l->releases, 4000);
	ck_assert_int_eq(book_balance(l), 1);
	ck_assert_int_eq(refs_settle(&s, l), 0);
	ck_assert_uint_eq(l->n, 1);
	ck_assert_str_eq(function(l->row[0].site), "main");
	free(script);
}
END_TEST

START_TEST(a_release_of_the_dead_names_both_and_the_one_too_many)
{
	/* use() gives back what the basket holds; the basket finds out. */
	play("birth a +T |main:1>use:1; incref a 2 |main:1>use:2>basket_add:1;"
	     "decref a 1 |main:1>use:3; decref a 0 |main:1>use:4; death a;"
	     "decref a 0 |main:2>done:1>basket_clear:7");
	ck_assert_uint_eq(s.nbad, 1);
	ck_assert_str_eq(bad(0), "basket_clear after use, blame use");
	ck_assert(!s.bad[0].alive && !s.bad[0].retain);
}
END_TEST

START_TEST(releases_of_the_dead_are_folded)
{
	play("birth a +T |main:1>f:1; decref a 0 |main:1>f:2; death a; decref a 0 |main:1>f:3;"
	     "birth a +T |main:1>f:1; decref a 0 |main:1>f:2; death a; decref a 0 |main:1>f:3;"
	     "birth b +T |main:1>f:1; decref b 0 |main:1>f:2; death b");
	ck_assert_uint_eq(s.nbad, 1);
	ck_assert_uint_eq(s.bad[0].times, 2);
	ck_assert_str_eq(bad(0), "f after f, blame f");
}
END_TEST

START_TEST(a_place_where_another_one_lives_now_is_not_the_dead)
{
	play("birth a +T |main:1>f:1; decref a 0 |main:1>f:2; death a;"
	     "birth a +T |main:1>f:1; decref a 0 |main:1>g:3; death a");
	ck_assert_uint_eq(s.nbad, 0);
}
END_TEST

START_TEST(a_count_below_zero_is_told_once)
{
	play("birth a +T |main:1; decref a 0 |main:2; decref a 4294967295 |main:3>late:1;"
	     "decref a 4294967294 |main:3>late:1");
	ck_assert_uint_eq(s.nbad, 1);
	ck_assert(s.bad[0].alive);
	ck_assert_str_eq(function(s.bad[0].bad), "late");
}
END_TEST

START_TEST(a_count_that_knows_of_more_than_was_told_is_not_below_zero)
{
	play("birth a +T |main:1; decref a 2 |main:2; decref a 1 |main:3; decref a 0 |main:4");
	ck_assert_uint_eq(s.nbad, 0);
}
END_TEST

START_TEST(memory_that_was_kept_may_be_another_object)
{
	play("alloc a 64 |main:1; birth a +T |main:1; decref a 0 |main:2; death a;"
	     "incref a 2 |main:3; decref a 1 |main:4; decref a 0 |main:5");
	ck_assert_uint_eq(s.nbad, 0);
}
END_TEST

START_TEST(memory_that_was_given_back_is_no_other_object_until_it_is_made)
{
	play("alloc a 64 |main:1; birth a +T |main:1; decref a 0 |main:2; death a; free a;"
	     "alloc a 64 |main:1; decref a 6 |main:3>late:1");
	ck_assert_uint_eq(s.nbad, 1);
}
END_TEST

/* GTK's menus: the window's reference was never theirs to count, and is given back all the same. */
START_TEST(what_is_made_good_before_the_end_was_not_released_too_often)
{
	play("birth a +T |main:1; decref a 0 |main:2; decref a 0 |main:2>remove:1;"
	     "incref a 0 |main:2>remove:1>destroy:1; reference a 8 0; death a");
	ck_assert_uint_eq(s.nbad, 1);
	ck_assert_uint_eq(s.bad[0].times, 0);
}
END_TEST

START_TEST(objects_whose_birth_was_not_seen_are_not_judged)
{
	play("alloc a 64; birth b T |main:1; incref b 2 |main:2; decref b 1 |main:3; decref b 0 |main:4");
	ck_assert_uint_eq(s.nbad, 0);
	ck_assert_uint_eq(s.objects, 1);	/* counts of this one are told now and then */
}
END_TEST

START_TEST(what_went_together_in_the_dead_goes_together_in_the_living)
{
	ck_assert_str_eq(left_of(
		"birth a +T |main:1; incref a 2 |main:2>p:1>take:1; decref a 1 |main:3; "
		"decref a 0 |main:4>q:1>drop:1; death a;"
		"birth b +T |main:1>x:1; decref b 0 |main:4>q:1>drop:1; death b;"
		"birth c +T |main:1>x:1; incref c 2 |main:4>q:1>peek:1; decref c 1 |main:4>q:1>drop:1"),
		"peek+1");
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("refs");
	TCase *c = tcase_create("refs");

	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_add_loop_test(c, what_is_left_is_the_path_that_keeps_more_than_it_gives_back, 0,
		sizeof(cases) / sizeof(*cases));
	tcase_add_test(c, a_holder_that_was_told_gives_back_what_was_taken_before_it_held);
	tcase_add_test(c, a_release_is_a_holder_s_only_just_after_it_let_go);
	tcase_add_test(c, a_million_events_leave_no_more_rows_than_ways_of_calls);
	tcase_add_test(c, a_release_of_the_dead_names_both_and_the_one_too_many);
	tcase_add_test(c, releases_of_the_dead_are_folded);
	tcase_add_test(c, a_place_where_another_one_lives_now_is_not_the_dead);
	tcase_add_test(c, a_count_below_zero_is_told_once);
	tcase_add_test(c, a_count_that_knows_of_more_than_was_told_is_not_below_zero);
	tcase_add_test(c, memory_that_was_kept_may_be_another_object);
	tcase_add_test(c, memory_that_was_given_back_is_no_other_object_until_it_is_made);
	tcase_add_test(c, what_is_made_good_before_the_end_was_not_released_too_often);
	tcase_add_test(c, objects_whose_birth_was_not_seen_are_not_judged);
	tcase_add_test(c, what_went_together_in_the_dead_goes_together_in_the_living);
	suite_add_tcase(suite, c);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
