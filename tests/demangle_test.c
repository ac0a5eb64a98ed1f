/*
 * demangle_test.c - names of C++ and Rust, whole and short
 */
#include "demangle.h"

#include "mem.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(names_of_cxx_and_both_kinds_of_rust_are_read)
{
	static const char *const pairs[][2] = {
		{ "_ZN4shop5orderEi", "shop::order(int)" },
		{ "_Znwm", "operator new(unsigned long)" },
		{ "_ZN4shop3BoxIiE3putERKi", "shop::Box<int>::put(int const&)" },
		{ "_ZN12_GLOBAL__N_14helpEv", "(anonymous namespace)::help()" },
		{ "_ZN3foo3bar17h05af221e174051e9E", "foo::bar" },
		{ "_RNvC6_123foo3bar", "123foo::bar" },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		char *name = demangle(pairs[i][0]);

		ck_assert_ptr_nonnull(name);
		ck_assert_str_eq(name, pairs[i][1]);
		free(name);
	}
}
END_TEST

START_TEST(names_of_c_are_left_alone)
{
	static const char *const names[] = { "main", "_Z", "_Zebra", "_start", "", "_Dmain", "_Rx" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		ck_assert_ptr_null(demangle(names[i]));
}
END_TEST

static const char *shortened(const char *name)
{
	static struct buf b;

	buf_reset(&b);
	demangle_short(&b, name);
	return buf_text(&b);
}

START_TEST(what_fits_a_line_stays_whole)
{
	ck_assert_str_eq(shortened("shop::Box<int>::put(int const&)"), "shop::Box<int>::put(int const&)");
	ck_assert_str_eq(shortened(""), "");
}
END_TEST

#define LONG "std::vector<std::pair<int, double>, std::allocator<std::pair<int, double> > >"

START_TEST(template_arguments_go_first_then_those_of_the_function)
{
	ck_assert_str_eq(shortened(LONG "::push_back(int const&)"), "std::vector<...>::push_back(int const&)");
	ck_assert_str_eq(shortened("f(" LONG ", unsigned long long, char const*, char const*, void*)"),
		"f(...)");
	ck_assert_str_eq(shortened("(anonymous namespace)::f(" LONG ", unsigned long long, unsigned long long)"),
		"(anonymous namespace)::f(...)");
	ck_assert_str_eq(shortened("operator<< <" LONG ">(int)"), "operator<< <...>(int)");
	ck_assert_str_eq(shortened(LONG "::operator->() const"), "std::vector<...>::operator->() const");
}
END_TEST

START_TEST(any_text_is_survived)
{
	static const char *const texts[] = { "<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<",
		">>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>>",
		")))))))))))))))))))))))))))))))))))))))(((((((((((((((((((((((((((" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		ck_assert_uint_le(strlen(shortened(texts[i])), strlen(texts[i]) + 3);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("demangle");
	TCase *c = tcase_create("demangle");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(c, names_of_cxx_and_both_kinds_of_rust_are_read);
	tcase_add_test(c, names_of_c_are_left_alone);
	tcase_add_test(c, what_fits_a_line_stays_whole);
	tcase_add_test(c, template_arguments_go_first_then_those_of_the_function);
	tcase_add_test(c, any_text_is_survived);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
