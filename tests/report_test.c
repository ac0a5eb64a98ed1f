#include "report_json.h"
#include "report_holders.h"
#include "report_text.h"

#include "buf.h"
#include "heap_of.h"
#include "json_valid.h"
#include "mem.h"
#include "notes.h"

/* Golden files; OURO_GOLDEN=write makes them anew. */
/* Says the first line that differs: a whole report is too long for Check. */
static void ck_same_lines(const char *name, const char *got, const char *expected)
{
	unsigned line = 1;

	while (*got && *expected) {
		size_t n = strcspn(got, "\n"), m = strcspn(expected, "\n");

		ck_assert_msg(n == m && !memcmp(got, expected, n), "%s:%u is\n%.*s\nand shall be\n%.*s", name,
			      line, (int)(n < 500 ? n : 500), got, (int)(m < 500 ? m : 500), expected);
		got += n + (got[n] == '\n');
		expected += m + (expected[m] == '\n');
		line++;
	}
	ck_assert_msg(*got == *expected, "%s:%u: one of both ends here", name, line);
}

static void ck_golden(const char *name, const char *got)
{
	char path[128], expected[65536];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "tests/golden/%s", name);
	if (getenv("OURO_GOLDEN")) {
		f = fopen(path, "w");
		fputs(got, f);
		fclose(f);
		return;
	}
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s is missing", path);
	n = fread(expected, 1, sizeof(expected) - 1, f);
	expected[n] = 0;
	fclose(f);
	ck_same_lines(path, got, expected);
}

static char *copy(const char *s)
{
	struct buf b = {0};

	buf_puts(&b, s);
	return buf_take(&b);
}

/* What report_open makes, from a drawing; the heap moves into the report. */
static struct report report_of(const char *drawing)
{
	struct heap_drawing *d = heap_of(drawing);
	struct report r = { .graph = true, .snapshot = 1, .reason = "at exit", .seconds = 0.25,
		.snapshot_seconds = 0.25 };

	r.heap = d->h;
	free(d);
	r.trace.name = copy("app.trace");
	r.trace.head.pid = 4321;
	r.trace.head.snapshots_begun = 1;
	r.trace.head.state = OURO_STATE_EXITED;
	r.program = copy("app.py");
	r.directory = copy("/home/u");
	r.runtime = copy("cpython");
	r.version = copy("3.11.2");
	r.state = copy("exited with status 0");
	r.replay.total = (struct replay_total){ .events = 54321, .blocks = 22520, .peak_bytes = 1 << 20,
		.live = 20, .live_bytes = 5484, .births = 21480 };
	ck_assert_int_eq(analysis_init(&r.analysis, &r.heap), 0);
	ck_assert_int_eq(find_dead_cycles(&r.analysis), 0);
	ck_assert_int_eq(find_live_cycles(&r.analysis), 0);
	ck_assert_int_eq(find_retained(&r.analysis), 0);
	analysis_rank(&r.analysis);
	ck_assert_int_eq(overview_of_heap(&r.overview, &r.analysis.shapes), 0);
	return r;
}

static void forget(struct report *r)
{
	uint32_t i;

	for (i = 0; i < r->nnotes; i++)
		mem_free(r->note[i].text);
	mem_free(r->note);
	mem_free(r->trace.name);
	mem_free(r->program);
	mem_free(r->directory);
	mem_free(r->runtime);
	mem_free(r->version);
	mem_free(r->state);
	overview_fini(&r->overview);
	analysis_fini(&r->analysis);
	heap_fini(&r->heap);
}

#define SEED								\
	"first list var=first at=entangle,/home/u/cycle.py,8;<module>,/home/u/cycle.py,13 bytes=88\n" \
	"second list var=second at=entangle,/home/u/cycle.py,9;<module>,/home/u/cycle.py,13 bytes=88\n" \
	"first > second index 0\nsecond > first index 0\n"

#define MANY								\
	SEED								\
	"p __main__.Parent var=root at=build,/home/u/tree.py,30;main,/home/u/app.py,9\n" \
	"l list var=self.children at=__init__,/home/u/tree.py,5;build,/home/u/tree.py,30\n" \
	"c __main__.Child var=child at=build,/home/u/tree.py,31;main,/home/u/app.py,9\n" \
	"t dict at=build,/home/u/tree.py,32 bytes=20000\n"		\
	"p > l attr children\nl > c index 0\nc > p attr parent\nc > t attr data\n" \
	"leak __main__.Handle at=open_handle,/home/u/io.py,7;main,/home/u/app.py,12 +2\n" \
	"held list at=open_handle,/home/u/io.py,8 +1\nword held heap used\n" \
	"live list var=ring at=main,/home/u/app.py,20\nlive > live index 0\n" \
	"* > live local ring main /home/u/app.py 20\n"			\
	"early list early\nearly > early index 0\n"

enum how { REPORT, CYCLES, SUMMARY, JSON };

static char *rendered(const char *drawing, enum how how, unsigned width)
{
	struct report r = report_of(drawing);
	char *s;
	size_t n;
	FILE *out = open_memstream(&s, &n);
	struct term t = { .out = out, .width = width, .directory = "/home/u" };
	struct text_options o = { .path = "app.trace" };

	r.replay.trace = &r.trace;
	if (strstr(drawing, "leak"))
		ck_assert_int_eq(note_add(&r, true, "The program was killed: the trace is cut off "
					  "there."), 0);
	if (how == REPORT)
		report_text(&t, &r, &o);
	else if (how == CYCLES)
		cycles_text(&t, &r, &o);
	else if (how == SUMMARY)
		summary_text(&t, &r, &o);
	else
		report_json(out, &r, REPORT_ALL);
	fclose(out);
	forget(&r);
	return s;
}

START_TEST(reports_read_as_they_always_did)
{
	static const struct { const char *name, *drawing; enum how how; unsigned width; } row[] = {
		{ "report-seed.txt", SEED, REPORT, 100 },
		{ "report-seed-narrow.txt", SEED, REPORT, 40 },
		{ "report-many.txt", MANY, REPORT, 100 },
		{ "cycles-many.txt", MANY, CYCLES, 100 },
		{ "summary-many.txt", MANY, SUMMARY, 100 },
		{ "report-clean.txt", "a list at=f,/home/u/a.py,3\n* > a local x f a.py 3\n", REPORT, 100 },
		{ "report-seed.json", SEED, JSON, 100 },
	};
	size_t i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char *s = rendered(row[i].drawing, row[i].how, row[i].width);

		ck_golden(row[i].name, s);
		free(s);
	}
}
END_TEST

START_TEST(no_line_is_wider_than_the_terminal_unless_a_word_is)
{
	char *s = rendered(MANY, REPORT, 60), *line, *save;

	for (line = strtok_r(s, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		ck_assert_msg(term_columns(line) <= 60, "%s", line);
	free(s);
}
END_TEST

START_TEST(json_is_json)
{
	char *s = rendered(MANY, JSON, 80);

	ck_assert(json_valid(s));
	free(s);
	s = rendered("a list var=\xff\x01\" at=f,a\\b.py,3\na > a key \x1b[31m\n", JSON, 80);
	ck_assert(json_valid(s));
	free(s);
}
END_TEST

START_TEST(holders_are_told_in_text_and_json)
{
	struct report r = report_of("x list var=rows at=load,/home/u/a.py,3\ny dict var=box at=f,/home/u/a.py,4\n"
				    "y > x key rows\n* > y static cache\n* > x local rows main /home/u/a.py 9\n");
	struct holders h;
	char *s;
	size_t n;
	struct term t = { .out = open_memstream(&s, &n), .width = 100, .directory = "/home/u" };

	ck_assert_int_eq(holders_init(&h, &r.heap, "rows"), 0);
	ck_assert_int_eq(holders_text(&t, &r, &h, "rows", 3, 3), 0);
	fclose(t.out);
	ck_golden("holders-rows.txt", s);
	free(s);
	t.out = open_memstream(&s, &n);
	ck_assert_int_eq(holders_json(t.out, &r, &h, "rows", 3, 3), 0);
	fclose(t.out);
	ck_assert(json_valid(s));
	ck_assert_ptr_nonnull(strstr(s, "\"sum\": \"refcount 2 = 1 box['rows'] (dict) made in f() (a.py:4) + "
				     "1 local variable `rows` of main() (a.py:9) + 0 unknown\""));
	free(s);
	holders_fini(&h);
	forget(&r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("report");
	TCase *t = tcase_create("report");
	SRunner *r;
	int failed;

	tcase_add_test(t, reports_read_as_they_always_did);
	tcase_add_test(t, no_line_is_wider_than_the_terminal_unless_a_word_is);
	tcase_add_test(t, json_is_json);
	tcase_add_test(t, holders_are_told_in_text_and_json);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
