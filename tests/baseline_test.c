#include "baseline.h"

#include "mem.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST "# ouro baseline 1\n"

static struct baseline b;
static char error[300];
static char path[64];

static int parse(const char *text)
{
	char *copy = strdup(text);
	int e;

	baseline_fini(&b);
	e = baseline_parse(&b, copy, "b.txt", error);
	free(copy);
	return e;
}

static void teardown(void)
{
	baseline_fini(&b);
	if (*path)
		unlink(path);
	*path = 0;
}

/* What is written for what was read. */
static char *written(void)
{
	char *text = NULL;
	size_t room = 0;
	FILE *in;

	strcpy(path, "/tmp/ouro-baseline-XXXXXX");
	close(mkstemp(path));
	ck_assert_int_eq(baseline_write(&b, path), 0);
	in = fopen(path, "r");
	ck_assert_int_gt(getdelim(&text, &room, 0, in), 0);
	fclose(in);
	return text;
}

static const char whole[] = FIRST
	"# Ours.\n"
	"\n"
	"# A cycle.\n"
	"# For a reason.\n"
	"dead-cycle\n"
	"    of    app.Node\n"
	"    of    list\n"
	"    at    make (src/app.py:8)\n"
	"    at    make (src/app.py:9)\n"
	"    ref   Node.parent -> Node\n"
	"    found 3 times, 6 objects, 600 bytes\n"
	"    run   1000 allocations, 0.250 seconds\n"
	"    per   second\n"
	"\n"
	"lost\n"
	"    at    operator()(int) const (?)\n"
	"    by    main (a.c:4)\n"
	"    found 1 times, 1 objects, 12 bytes\n"
	"\n"
	"# The end.\n";

START_TEST(what_is_read_is_written_again)
{
	char *text;

	ck_assert_msg(parse(whole) == 0, "%s", error);
	ck_assert_uint_eq(b.ledger.n, 2);
	text = written();
	ck_assert_str_eq(text, whole);
	free(text);
}
END_TEST

START_TEST(fields_mean_what_they_say)
{
	const struct ledger_entry *e;

	ck_assert_int_eq(parse(whole), 0);
	e = &b.ledger.entry[0];
	ck_assert_str_eq(e->kind, "dead-cycle");
	ck_assert_uint_eq(e->ntypes, 2);
	ck_assert_uint_eq(e->nplaces, 2);
	ck_assert_str_eq(e->place[1].function, "make");
	ck_assert_str_eq(e->place[1].file, "src/app.py");
	ck_assert_uint_eq(e->place[1].line, 9);
	ck_assert(!e->chain);
	ck_assert_uint_eq(e->count, 3);
	ck_assert_uint_eq(e->objects, 6);
	ck_assert_uint_eq(e->bytes, 600);
	ck_assert_double_eq(e->work, 1000);
	ck_assert_double_eq(e->seconds, 0.25);
	ck_assert_int_eq(e->per, PER_SECOND);
	e = &b.ledger.entry[1];
	ck_assert(e->chain);
	ck_assert_str_eq(e->place[0].function, "operator()(int) const");
	ck_assert_str_eq(e->place[0].file, "");
	ck_assert_int_eq(e->per, PER_ANY);
}
END_TEST

START_TEST(an_empty_file_knows_nothing)
{
	ck_assert_int_eq(parse(""), 0);
	ck_assert_uint_eq(b.ledger.n, 0);
	ck_assert_int_eq(parse("\n \n"), 0);
	ck_assert_int_eq(parse(FIRST), 0);
	ck_assert_uint_eq(b.ledger.n, 0);
}
END_TEST

static const char *const wrong[][2] = {
	{ "lost\n", "b.txt:1: this is no baseline" },
	{ "# ouro baseline 2\n", "b.txt:1: a format that this ouro does not know" },
	{ "# ouro baseline 10\n", "b.txt:1: a format that this ouro does not know" },
	{ FIRST "    at    f (a.c:1)\n", "b.txt:2: a stanza begins with" },
	{ FIRST "Lost!\n", "b.txt:2: a stanza begins with" },
	{ FIRST "lost\n    at    f\n", "b.txt:3: a place is" },
	{ FIRST "lost\n    at\n", "b.txt:3: nothing stands after" },
	{ FIRST "lost\n    found many times\n", "b.txt:3: a number is missing" },
	{ FIRST "lost\n    found -1 times\n", "b.txt:3: a number is missing" },
	{ FIRST "lost\n    found nan times\n", "b.txt:3: a number is missing" },
	{ FIRST "lost\n    found 1 apples\n", "b.txt:3: times, objects" },
	{ FIRST "lost\n    per   moon\n", "b.txt:3: per is" },
	{ FIRST "lost\n    what  ever\n", "b.txt:3: no such line" },
};

START_TEST(a_wrong_line_is_named)
{
	ck_assert_int_eq(parse(wrong[_i][0]), -EINVAL);
	ck_assert_msg(!strncmp(error, wrong[_i][1], strlen(wrong[_i][1])), "%s", error);
}
END_TEST

START_TEST(no_cut_of_it_leads_astray)
{
	char text[sizeof(whole)];

	for (size_t n = 0; n < sizeof(whole); n++) {
		memcpy(text, whole, n);
		text[n] = 0;
		parse(text);
		baseline_fini(&b);
	}
}
END_TEST

START_TEST(when_memory_ends_nothing_is_half_read)
{
	for (uint64_t n = 1; n < 400; n++) {
		int e;

		mem_refuse_at = n;
		e = parse(whole);
		mem_refuse_at = 0;
		ck_assert(e == 0 || e == -ENOMEM);
		baseline_fini(&b);
		if (!e)
			return;
	}
	ck_abort_msg("it asks for memory without an end");
}
END_TEST

START_TEST(accepting_changes_only_what_changed)
{
	static const char before[] = FIRST "\n# kept\nlost\n    at    a (a.c:1)\n    found 5 times, 5 "
		"objects, 5 bytes\n\n# grew\nlost\n    at    b (a.c:2)\n    found 1 times, 1 objects, 1 "
		"bytes\n    per   run\n\n# gone\nlost\n    at    c (a.c:3)\n    found 1 times, 1 objects, "
		"1 bytes\n";
	static const char after[] = FIRST "\nlost\n    at    a (a.c:11)\n    found 4 times, 4 "
		"objects, 4 bytes\n\nlost\n    at    b (a.c:12)\n    found 9 times, 9 objects, 9 bytes\n\n"
		"lost\n    at    d (a.c:14)\n    found 1 times, 1 objects, 1 bytes\n";
	struct baseline old, now;
	struct pairs p;
	char *text;

	ck_assert_int_eq(parse(before), 0);
	old = b;
	b = (struct baseline){0};
	ck_assert_int_eq(parse(after), 0);
	now = b;
	b = (struct baseline){0};
	ck_assert_int_eq(pairs_make(&p, &old.ledger, &now.ledger, &(struct tolerance){ .share = 0.3,
			.weight = 2, .per = PER_ALLOCATION }), 0);
	ck_assert_int_eq(baseline_update(&b, &old, &p), 0);
	text = written();
	ck_assert_str_eq(text, FIRST "\n# kept\nlost\n    at    a (a.c:1)\n    found 5 times, 5 objects, 5 "
		"bytes\n\n# grew\nlost\n    at    b (a.c:12)\n    found 9 times, 9 objects, 9 bytes\n    per "
		"  run\n\nlost\n    at    d (a.c:14)\n    found 1 times, 1 objects, 1 bytes\n");
	free(text);
	pairs_fini(&p);
	baseline_fini(&old);
	baseline_fini(&now);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("baseline");
	TCase *t = tcase_create("baseline");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, what_is_read_is_written_again);
	tcase_add_test(t, fields_mean_what_they_say);
	tcase_add_test(t, an_empty_file_knows_nothing);
	tcase_add_loop_test(t, a_wrong_line_is_named, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(t, no_cut_of_it_leads_astray);
	tcase_add_test(t, when_memory_ends_nothing_is_half_read);
	tcase_add_test(t, accepting_changes_only_what_changed);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
