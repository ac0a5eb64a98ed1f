#include "report.h"

#include "buf.h"
#include "mem.h"
#include "trace_writer.h"
#include "words.h"

#include <check.h>
#include <errno.h>
#include <unistd.h>

/* The report of a script; the file is gone again when this returns. */
static int open_script(struct report *r, const char *script, const struct report_options *o,
		       char error[200])
{
	struct trace_writer w = { 0 };
	char path[] = "/tmp/ouro-heap-load-XXXXXX";
	int fd = mkstemp(path), e;

	ck_assert_int_ge(fd, 0);
	write_trace(&w, script);
	ck_assert_int_eq(write(fd, w.bytes, w.size), (ssize_t)w.size);
	close(fd);
	writer_fini(&w);
	e = report_open(r, path, o, error);
	unlink(path);
	return e;
}

static struct report report_of(const char *script)
{
	struct report r;
	char error[200];

	ck_assert_msg(!open_script(&r, script, &(struct report_options){ 0 }, error), "%s", error);
	return r;
}

#define LISTS								\
	"ready;"							\
	"pbirth a 72 16 list main>eval>list_new|!top:13>entangle:8=first;"	\
	"pbirth b 72 16 list main>eval>list_new|!top:13>entangle:9=second;"	\
	"snapshot 1; exiting; pfree a; pfree b;"			\
	"snap 1; node a+16 list 88 1 4 1; edge b+16 index 0;"		\
	"node b+16 list 88 1 4 1; edge a+16 index 0; end"

START_TEST(a_snapshot_meets_the_births_of_its_moment)
{
	struct report r = report_of(LISTS);
	const struct finding *f = r.analysis.findings.f;

	ck_assert(r.graph);
	ck_assert_uint_eq(r.analysis.findings.n, 1);
	ck_assert_str_eq(f->headline, "dead cycle of 2 lists, made in entangle() (test.py:8, "
			 "test.py:9)");
	ck_assert_str_eq(f->story, "first[0] -> second, second[0] -> first; counts 1 and 1, "
			 "fully explained by the cycle");
	ck_assert_int_eq(f->severity, FINDING_WARNING);
	ck_assert_uint_eq(r.overview.objects, 2);
	report_close(&r);
}
END_TEST

/* Room goes with what differs: a deep stack with many innermost lines is kept once. */
START_TEST(stacks_share_their_outer_calls)
{
	struct report r = report_of(LISTS);
	const struct heap *h = &r.heap;
	uint32_t a = h->site[h->node[0].site].here, b = h->site[h->node[1].site].here;

	ck_assert_uint_ne(a, b);
	ck_assert_uint_eq(h->call[a].outer, h->call[b].outer);
	ck_assert_uint_ne(h->call[a].outer, 0);
	ck_assert_uint_eq(heap_place(h, h->node[0].site)->line, 8);
	ck_assert_uint_eq(heap_place(h, h->node[1].site)->line, 9);
	report_close(&r);
}
END_TEST

START_TEST(what_was_made_before_the_runtime_was_ready_is_the_start_up_s)
{
	struct report r = report_of(
		"pbirth a 72 16 list main>eval|!top:3=x; ready; snapshot 1;"
		"snap 1; node a+16 list 88 1 4 1; edge a+16 index 0; end");

	ck_assert_int_eq(r.heap.node[0].born, HEAP_BORN_BEFORE);
	ck_assert_int_eq(r.analysis.findings.f[0].severity, FINDING_INFO);
	ck_assert_uint_eq(r.overview.early_objects, 1);
	report_close(&r);
}
END_TEST

START_TEST(an_object_the_events_do_not_know_has_no_place)
{
	struct report r = report_of("ready; snapshot 1; snap 1; node a+16 list 88 2 4 1; end");

	ck_assert_int_eq(r.heap.node[0].born, HEAP_BORN_UNKNOWN);
	ck_assert_uint_eq(r.heap.node[0].site, 0);
	ck_assert_uint_eq(r.analysis.books.early, 1);
	ck_assert_uint_eq(r.analysis.findings.n, 0);
	report_close(&r);
}
END_TEST

/* Object a has a reference nobody explains; its address stands at `where`. */
static enum finding_severity severity_with_word(const char *events, const char *word)
{
	struct buf script = {0};
	struct report r;
	enum finding_severity severity;

	buf_printf(&script, "ready; pbirth a 72 16 list main>eval|!top:3=x; %s; snapshot 1;"
		   "snap 1; node a+16 list 88 1 4 1; %s; end", events, word);
	r = report_of(buf_text(&script));
	ck_assert_uint_eq(r.analysis.findings.n, 1);
	severity = r.analysis.findings.f[0].severity;
	report_close(&r);
	buf_fini(&script);
	return severity;
}

START_TEST(only_memory_in_use_speaks_for_a_holder_in_c)
{
	static const struct { const char *events, *word; enum finding_severity severity; } row[] = {
		{ "alloc c 64 main", "word a+16 heap c+8", FINDING_INFO },
		{ "alloc c 64 main; free c", "word a+16 heap c+8", FINDING_ERROR },
		{ "palloc c 64 main", "word a+16 heap c+8", FINDING_INFO },
		{ "palloc c 64 main; palloc d 64 main; pfree c", "word a+16 heap c+8", FINDING_ERROR },
		{ "palloc c 64 main", "word a+16 data d+8", FINDING_INFO },	/* a C variable */
		{ "palloc c 64 main", "word a+16 data c+256", FINDING_ERROR },	/* a pool's free part */
		{ "pbirth c 64 16 frame main", "word a+16 heap c+32", FINDING_INFO },
		{ "pbirth c 64 16 frame main; death c+16", "word a+16 heap c+32", FINDING_ERROR },
	};
	size_t i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		ck_assert_msg(severity_with_word(row[i].events, row[i].word) == row[i].severity,
			      "%s; %s", row[i].events, row[i].word);
}
END_TEST

START_TEST(without_a_snapshot_the_events_alone_are_told)
{
	struct report r = report_of("ready; pbirth a 72 16 list main>eval|!top:3=x;"
		"alloc b 100 main>eval|!top:4; alloc c 50 main>eval|!top:4; exiting; pfree a;"
		"free b; free c");

	ck_assert(!r.graph);
	ck_assert_uint_eq(r.overview.objects, 3);
	ck_assert_uint_eq(r.overview.n, 2);
	ck_assert_str_eq(r.overview.row[0].type, "memory block");
	ck_assert_uint_eq(r.overview.row[0].objects, 2);
	ck_assert_uint_eq(r.overview.row[0].bytes, 150);
	ck_assert_str_eq(r.overview.row[0].site.function, "top");
	ck_assert_uint_eq(r.overview.row[0].site.line, 4);
	ck_assert_uint_eq(r.overview.row[1].bytes, 72);
	report_close(&r);
}
END_TEST

START_TEST(an_incomplete_snapshot_gives_no_verdict)
{
	struct report r = report_of("ready; snapshot 1; snap 1; node a+16 list 88 1 4 1;"
				    "edge a+16 index 0");

	ck_assert(!r.graph);
	ck_assert_uint_eq(r.analysis.findings.n, 0);
	report_close(&r);
}
END_TEST

START_TEST(a_snapshot_that_is_not_there_is_refused_in_words)
{
	struct report r;
	char error[200];

	ck_assert_int_eq(open_script(&r, LISTS, &(struct report_options){ .snapshot = 7 }, error),
			 -ENOENT);
	ck_assert_str_eq(error, "there is no snapshot 7; the trace has 1");
}
END_TEST

START_TEST(findings_can_be_had_one_by_one_with_all_their_objects)
{
	struct report r;
	char error[200];

	ck_assert_int_eq(open_script(&r, LISTS, &(struct report_options){ .each = true }, error), 0);
	ck_assert_uint_eq(r.analysis.findings.f[0].nall, 2);
	ck_assert_uint_eq(bits_count(&r.analysis.dead.found), 2);
	report_close(&r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("heap_load");
	TCase *t = tcase_create("join");
	SRunner *r;
	int failed;

	tcase_add_test(t, a_snapshot_meets_the_births_of_its_moment);
	tcase_add_test(t, stacks_share_their_outer_calls);
	tcase_add_test(t, what_was_made_before_the_runtime_was_ready_is_the_start_up_s);
	tcase_add_test(t, an_object_the_events_do_not_know_has_no_place);
	tcase_add_test(t, only_memory_in_use_speaks_for_a_holder_in_c);
	tcase_add_test(t, without_a_snapshot_the_events_alone_are_told);
	tcase_add_test(t, an_incomplete_snapshot_gives_no_verdict);
	tcase_add_test(t, a_snapshot_that_is_not_there_is_refused_in_words);
	tcase_add_test(t, findings_can_be_had_one_by_one_with_all_their_objects);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
