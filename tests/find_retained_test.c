#include "analysis.h"
#include "buf.h"
#include "heap_of.h"
#include "mem.h"

/* "severity headline: story" a line. */
static char *told(const char *drawing)
{
	struct heap_drawing *d = heap_of(drawing);
	struct analysis a;
	struct buf out = {0};
	uint32_t i;

	ck_assert_int_eq(analysis_init(&a, &d->h), 0);
	ck_assert_int_eq(find_retained(&a), 0);
	analysis_rank(&a);
	for (i = 0; i < a.findings.n; i++)
		buf_printf(&out, "%s%s %s: %s", i ? "\n" : "",
			   finding_severity_name(a.findings.f[i].severity),
			   a.findings.f[i].headline, a.findings.f[i].story);
	analysis_fini(&a);
	heap_of_fini(d);
	return buf_take(&out);
}

#define ck_told(drawing, expected) do {					\
	char *told_ = told(drawing);					\
	ck_assert_str_eq(told_, expected);				\
	mem_free(told_);						\
} while (0)

#define LIST "things list var=things at=<module>,a.py,3\n* > things static t\n"

START_TEST(one_reference_too_many)
{
	ck_told(LIST "x __main__.Thing at=make,a.py,5 +1\nthings > x index 17\n",
		"error 1 Thing over-retained by 1 reference, made in make() (a.py:5): "
		"count 2 = 1 things[17] (list) made in <module> (a.py:3) + 1 that nobody accounts for");
}
END_TEST

START_TEST(alike_ones_are_folded_by_how_much_they_are_over)
{
	ck_told(LIST "x __main__.Thing at=make,a.py,5 +1\ny __main__.Thing at=make,a.py,5 +1\n"
		"z __main__.Thing at=make,a.py,5 +2\nw __main__.Thing at=make,a.py,5\n"
		"things > x index 0\nthings > y index 1\nthings > z index 2\nthings > w index 3\n",
		"error 2 Thing objects over-retained by 1 reference each, made in make() (a.py:5): "
		"count 2 = 1 things[0] (list) made in <module> (a.py:3) + 1 that nobody accounts for\n"
		"error 1 Thing over-retained by 2 references, made in make() (a.py:5): "
		"count 3 = 1 things[2] (list) made in <module> (a.py:3) + 2 that nobody accounts for");
}
END_TEST

START_TEST(memory_of_c_code_in_use_is_a_holder_perhaps)
{
	ck_told("x list var=x at=f,a.py,5 +1\nword x heap used\n",
		"info 1 list over-retained by 1 reference (memory in use by C code has the address), "
		"made in f() (a.py:5): count 1 = 1 that nobody accounts for");
	ck_told("x list var=x at=f,a.py,5 +1\nword x heap\n",
		"error 1 list over-retained by 1 reference, made in f() (a.py:5): "
		"count 1 = 1 that nobody accounts for");
}
END_TEST

START_TEST(a_str_may_be_held_unseen_within_an_object_in_c)
{
	ck_told("x str leaf at=f,a.py,5 +1\n",
		"info 1 str over-retained by 1 reference, made in f() (a.py:5): "
		"count 1 = 1 that nobody accounts for");
}
END_TEST

START_TEST(ten_strs_from_one_place_are_no_name_that_c_keeps)
{
	char drawing[512] = "", *s;

	for (char c = 'a'; c < 'a' + 10; c++)
		snprintf(drawing + strlen(drawing), sizeof(drawing) - strlen(drawing),
			 "%c str leaf at=f,a.py,5 +1\n", c);
	s = told(drawing);
	ck_assert_int_eq(strncmp(s, "warning 10 strs", 15), 0);
	free(s);
}
END_TEST

START_TEST(keyword_names_that_c_keeps_are_no_error)
{
	static const struct { const char *drawing, *severity; } row[] = {
		{ "t tuple at=f,a.py,5 +1\nk str leaf\nt > k index 0\n", "info" },
		{ "t tuple at=f,a.py,5 +1\nk list\nt > k index 0\n", "error" },
		{ "t tuple at=f,a.py,5 +1\nk str leaf\nt > k index 0\n* > t static s\n", "info" },
		{ LIST "t tuple at=f,a.py,5 +1\nk str leaf\nt > k index 0\nthings > t index 0\n", "error" },
	};
	size_t i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char *s = told(row[i].drawing);

		ck_assert_msg(!strncmp(s, row[i].severity, strlen(row[i].severity)), "%s", s);
		mem_free(s);
	}
}
END_TEST

START_TEST(references_that_may_be_left_over_explain_first)
{
	ck_told("x list var=x at=f,a.py,5 +1\ny list at=f,a.py,6\n* > y static s\n"
		"y > x offset 24 maybe\n", "");
	ck_told("x list var=x at=f,a.py,5 +1\n* > x stack f 7 maybe\n", "");
}
END_TEST

START_TEST(the_start_up_and_the_program_s_code_are_not_blamed)
{
	ck_told("a list early +1\nb list unborn +1\nc list immortal +1\nd type static +1\n"
		"f function infra label=f +1\nn dict namespace +1\n", "");
}
END_TEST

START_TEST(the_books_say_what_became_of_each_count)
{
	struct heap_drawing *d = heap_of("a list early +1\nb list\nc list immortal +1\n"
		"f function infra label=f +1\nx list +1\ny list +1\nz list\nword y data used\n"
		"* > b static s\n* > z static s\n");
	struct analysis a;

	d->h.graph.count[6] = 0;	/* z: fewer references than holders */
	ck_assert_int_eq(analysis_init(&a, &d->h), 0);
	ck_assert_int_eq(find_retained(&a), 0);
	ck_assert_uint_eq(a.books.objects, 6);
	ck_assert_uint_eq(a.books.explained, 1);
	ck_assert_uint_eq(a.books.early, 1);
	ck_assert_uint_eq(a.books.code, 1);
	ck_assert_uint_eq(a.books.held, 1);
	ck_assert_uint_eq(a.books.leaked, 1);
	ck_assert_uint_eq(a.books.inconsistent, 1);
	analysis_fini(&a);
	heap_of_fini(d);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("find_retained");
	TCase *t = tcase_create("retained");
	SRunner *r;
	int failed;

	tcase_add_test(t, one_reference_too_many);
	tcase_add_test(t, alike_ones_are_folded_by_how_much_they_are_over);
	tcase_add_test(t, memory_of_c_code_in_use_is_a_holder_perhaps);
	tcase_add_test(t, a_str_may_be_held_unseen_within_an_object_in_c);
	tcase_add_test(t, ten_strs_from_one_place_are_no_name_that_c_keeps);
	tcase_add_test(t, keyword_names_that_c_keeps_are_no_error);
	tcase_add_test(t, references_that_may_be_left_over_explain_first);
	tcase_add_test(t, the_start_up_and_the_program_s_code_are_not_blamed);
	tcase_add_test(t, the_books_say_what_became_of_each_count);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
