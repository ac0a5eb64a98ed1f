#include "analysis.h"
#include "heap_of.h"
#include "mem.h"

/* All findings of a drawing, "headline: story" a line, worst first. */
static char *told(const char *drawing, bool live)
{
	struct heap_drawing *d = heap_of(drawing);
	struct analysis a;
	struct buf out = {0};
	struct findings *f;
	uint32_t i;

	ck_assert_int_eq(analysis_init(&a, &d->h), 0);
	ck_assert_int_eq(live ? find_live_cycles(&a) : find_dead_cycles(&a), 0);
	analysis_rank(&a);
	f = live ? &a.live : &a.findings;
	for (i = 0; i < f->n; i++)
		buf_printf(&out, "%s%s: %s", i ? "\n" : "", f->f[i].headline, f->f[i].story);
	analysis_fini(&a);
	heap_of_fini(d);
	return buf_take(&out);
}

#define ck_told(drawing, expected) do {					\
	char *told_ = told(drawing, false);				\
	ck_assert_str_eq(told_, expected);				\
	mem_free(told_);						\
} while (0)

START_TEST(two_lists_that_hold_each_other_are_named_with_edges_and_counts)
{
	ck_told("first  list var=first  at=entangle,/x/cycle.py,8\n"
		"second list var=second at=entangle,/x/cycle.py,9\n"
		"first > second index 0\n"
		"second > first index 0\n",
		"dead cycle of 2 lists, made in entangle() (cycle.py:8, cycle.py:9): "
		"first[0] -> second, second[0] -> first; counts 1 and 1, fully explained by the "
		"cycle");
}
END_TEST

START_TEST(a_list_that_holds_itself)
{
	ck_told("a list at=f,a.py,3\na > a index 0\n",
		"dead cycle of 1 list, made in f() (a.py:3): list #1[0] -> list #1; "
		"count 1, fully explained by the cycle");
	ck_told("a list var=rows at=f,a.py,3\na > a index 0\n",
		"dead cycle of 1 list, made in f() (a.py:3): rows[0] -> rows; "
		"count 1, fully explained by the cycle");
}
END_TEST

START_TEST(what_is_held_is_no_finding)
{
	ck_told("a list at=f,a.py,3\na > a index 0\n* > a local x f a.py 3\n", "");
	ck_told("a list at=f,a.py,3 +1\na > a index 0\n", "");
}
END_TEST

START_TEST(the_dict_of_an_instance_is_not_mentioned)
{
	ck_told("n __main__.Node var=node at=f,a.py,3\nd dict at=__init__,a.py,7\n"
		"n > d dict\nd > n key me\n",
		"dead cycle of 1 Node, made in f() (a.py:3) and __init__() (a.py:7): "
		"node.me -> node; counts 1 and 1, fully explained by the cycle");
}
END_TEST

START_TEST(an_instance_without_a_name_is_self)
{
	ck_told("n __main__.Node at=f,a.py,3\nn > n attr me\n",
		"dead cycle of 1 Node, made in f() (a.py:3): self.me -> self; "
		"count 1, fully explained by the cycle");
}
END_TEST

START_TEST(a_bound_method_is_told_by_the_way_to_it)
{
	ck_told("w __main__.Widget var=w at=f,a.py,3\nm method at=f,a.py,4\n"
		"w > m attr callback\nm > w field __self__\n",
		"dead cycle of 1 Widget and 1 method, made in f() (a.py:3, a.py:4): "
		"w.callback.__self__ -> w; counts 1 and 1, fully explained by the cycle");
}
END_TEST

START_TEST(a_closure_over_itself_is_a_cell_of_the_function)
{
	ck_told("f function label=make.<locals>.on_click infra at=make,a.py,3\n"
		"t tuple at=make,a.py,3\nc cell at=make,a.py,2\n"
		"f > t field __closure__\nt > c index 0\nf > c cell on_click borrowed\n"
		"c > f content\n",
		"dead cycle of 1 function, 1 tuple and 1 cell, made in make() (a.py:2, a.py:3): "
		"cell of on_click (on_click) -> on_click; counts 1, 1 and 1, fully explained by "
		"the cycle");
}
END_TEST

START_TEST(an_exception_with_its_frame)
{
	ck_told("e ValueError var=exc at=f,a.py,3\nt traceback at=f,a.py,3\nf frame at=f,a.py,2\n"
		"e > t field __traceback__\nt > f field tb_frame\nf > e local exc\n",
		"dead cycle of 1 ValueError, 1 traceback and 1 frame, made in f() (a.py:2, a.py:3): "
		"exc.__traceback__.tb_frame local exc -> exc; counts 1, 1 and 1, fully explained by "
		"the cycle");
}
END_TEST

START_TEST(a_generator_holds_its_locals)
{
	ck_told("g generator label=gen at=f,a.py,9\nl list var=box at=f,a.py,8\n"
		"g > l local mine\nl > g index 0\n",
		"dead cycle of 1 generator and 1 list, made in f() (a.py:8, a.py:9): "
		"local mine of gen() -> box, box[0] -> gen(); counts 1 and 1, fully explained by the cycle");
}
END_TEST

START_TEST(a_generator_s_frame_is_not_mentioned)
{
	ck_told("g generator var=g label=gen at=f,a.py,9\nf frame label=gen at=f,a.py,9\n"
		"l list var=box at=f,a.py,8\ng > f field gi_frame\nf > l local mine\nl > g index 0\n",
		"dead cycle of 1 generator, 1 frame and 1 list, made in f() (a.py:8, a.py:9): "
		"local mine of gen() -> box, box[0] -> g; counts 1, 1 and 1, fully explained by the "
		"cycle");
}
END_TEST

START_TEST(parent_and_children)
{
	ck_told("p __main__.Parent var=root at=f,a.py,3\nl list var=self.children at=__init__,a.py,5\n"
		"a __main__.Child var=child at=f,a.py,4\nb __main__.Child var=child at=f,a.py,4\n"
		"p > l attr children\nl > a index 0\nl > b index 1\n"
		"a > p attr parent\nb > p attr parent\n",
		"dead cycle of 1 Parent, 1 list and 2 Child objects, made in f() (a.py:3, a.py:4) "
		"and __init__() (a.py:5): root.children[0] -> child #1, root.children[1] -> child #2, "
		"child #1.parent -> root, child #2.parent -> root; "
		"counts 2, 1, 1 and 1, fully explained by the cycle");
}
END_TEST

START_TEST(a_class_and_its_instance_leave_out_what_the_language_ties)
{
	ck_told("c type label=C infra at=f,a.py,3\nm tuple infra at=f,a.py,3\nd dict infra at=f,a.py,3\n"
		"g getset_descriptor infra at=f,a.py,3\ni __main__.C at=f,a.py,4\n"
		"c > m field __mro__\nm > c index 0\nc > d field __dict__\nd > g key __dict__\n"
		"g > c field __objclass__\nd > i key inst\ni > c class\n",
		"dead cycle of 1 C and 1 class, made in f() (a.py:3, a.py:4): "
		"self.__class__ -> C, C.inst -> self; counts 1, 3, 1, 1 and 1, fully explained by the "
		"cycle");
}
END_TEST

START_TEST(a_partial_holds_its_arguments)
{
	ck_told("p functools.partial var=p at=f,a.py,3\na list var=box at=f,a.py,2\n"
		"p > a argument 0\na > p index 0\n",
		"dead cycle of 1 functools.partial and 1 list, made in f() (a.py:2, a.py:3): "
		"argument 0 of p -> box, box[0] -> p; counts 1 and 1, fully explained by the cycle");
}
END_TEST

START_TEST(alike_ones_are_folded_and_a_tail_is_counted)
{
	ck_told("a list var=x at=f,a.py,3\nb list var=x at=f,a.py,3\nt dict at=f,a.py,4\n"
		"a > a index 0\nb > b index 7\nb > t index 1\n",
		"2 dead cycles, each of 1 list, made in f() (a.py:3): x[0] -> x; "
		"count 1, fully explained by the cycle");
}
END_TEST

START_TEST(unlike_names_are_not_folded)
{
	char *s = told("a __main__.A var=a at=f,a.py,3\nb __main__.A var=b at=f,a.py,3\n"
		       "a > a attr left\nb > b attr right\n", false);

	ck_assert_ptr_nonnull(strstr(s, "a.left -> a"));
	ck_assert_ptr_nonnull(strstr(s, "b.right -> b"));
	mem_free(s);
}
END_TEST

START_TEST(a_library_s_cycle_says_who_called)
{
	ck_told("a list at=parse,/usr/lib/python3.11/json/decoder.py,9;load,/home/u/app.py,4\n"
		"a > a index 0\n",
		"dead cycle of 1 list, made in parse() (decoder.py:9), called from load() (app.py:4): "
		"list #1[0] -> list #1; count 1, fully explained by the cycle");
}
END_TEST

START_TEST(severity_tells_garbage_from_leaks_from_the_start_up)
{
	static const struct { const char *drawing; enum finding_severity severity; } row[] = {
		{ "a list\na > a index 0\n", FINDING_WARNING },
		{ "a list early\na > a index 0\n", FINDING_INFO },
		{ "a list untracked\na > a index 0\n", FINDING_ERROR },
	};
	size_t i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct heap_drawing *d = heap_of(row[i].drawing);
		struct analysis a;

		ck_assert_int_eq(analysis_init(&a, &d->h), 0);
		ck_assert_int_eq(find_dead_cycles(&a), 0);
		ck_assert_uint_eq(a.findings.n, 1);
		ck_assert_int_eq(a.findings.f[0].severity, row[i].severity);
		analysis_fini(&a);
		heap_of_fini(d);
	}
}
END_TEST

START_TEST(live_cycles_are_told_apart_and_leave_out_code)
{
	char *s = told("a list var=x at=f,a.py,3\nm module label=app infra\nn dict namespace infra\n"
		       "a > a index 0\n* > a local x f a.py 3\n* > m interp modules\n"
		       "m > n dict\nn > m key me\n", true);

	ck_assert_str_eq(s, "live cycle of 1 list, made in f() (a.py:3): x[0] -> x; "
			 "count 2, explained by the cycle and 1 reference from elsewhere");
	mem_free(s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("find_cycles");
	TCase *t = tcase_create("cycles");
	SRunner *r;
	int failed;

	tcase_add_test(t, two_lists_that_hold_each_other_are_named_with_edges_and_counts);
	tcase_add_test(t, a_list_that_holds_itself);
	tcase_add_test(t, what_is_held_is_no_finding);
	tcase_add_test(t, the_dict_of_an_instance_is_not_mentioned);
	tcase_add_test(t, an_instance_without_a_name_is_self);
	tcase_add_test(t, a_bound_method_is_told_by_the_way_to_it);
	tcase_add_test(t, a_closure_over_itself_is_a_cell_of_the_function);
	tcase_add_test(t, an_exception_with_its_frame);
	tcase_add_test(t, a_generator_holds_its_locals);
	tcase_add_test(t, a_generator_s_frame_is_not_mentioned);
	tcase_add_test(t, parent_and_children);
	tcase_add_test(t, a_class_and_its_instance_leave_out_what_the_language_ties);
	tcase_add_test(t, a_partial_holds_its_arguments);
	tcase_add_test(t, alike_ones_are_folded_and_a_tail_is_counted);
	tcase_add_test(t, unlike_names_are_not_folded);
	tcase_add_test(t, a_library_s_cycle_says_who_called);
	tcase_add_test(t, severity_tells_garbage_from_leaks_from_the_start_up);
	tcase_add_test(t, live_cycles_are_told_apart_and_leave_out_code);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
