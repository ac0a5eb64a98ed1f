/*
 * extent_test.c - the bounds of functions agree with those that know them otherwise
 */
#include "extent.h"

#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "detour/sweep.h"

asm(".text\n.p2align 4\n"
"x_first: .cfi_startproc\n.fill 37, 1, 0x90\nret\n.cfi_endproc\nx_first_end:\n"
".fill 10, 1, 0x90\n"
"x_second: .cfi_startproc\n.cfi_signal_frame\nret\n.cfi_endproc\nx_second_end:\n"
"x_bare: ret\n.fill 15, 1, 0x90\n"
".globl x_first_last, x_gap_last\n"
".set x_first_last, x_first_end-1\n.set x_gap_last, x_second-1\n");
extern const uint8_t x_first[], x_first_last[], x_first_end[], x_gap_last[];
extern const uint8_t x_second[], x_second_end[], x_bare[];

START_TEST(a_function_ends_where_its_unwind_table_says)
{
	struct extent x = { .end = x_bare };

	ck_assert_int_eq(extent_of(x_first, &x), 0);
	ck_assert(x.begin == x_first && x.end == x_first_end && !x.resolver);
	/* from the middle and from the last byte too */
	ck_assert_int_eq(extent_of(x_first + 20, &x), 0);
	ck_assert(x.begin == x_first && x.end == x_first_end);
	ck_assert_int_eq(extent_of(x_first_last, &x), 0);
	ck_assert(x.begin == x_first && x.end == x_first_end);
	ck_assert_int_eq(extent_by_cfi(x_second, &x), 0);
	ck_assert(x.begin == x_second && x.end == x_second_end);
}
END_TEST

START_TEST(between_functions_there_is_none)
{
	struct extent x = { .end = x_bare };
	char stack;

	ck_assert_int_eq(extent_of(x_first_end, &x), -ENOENT);
	ck_assert_int_eq(extent_of(x_gap_last, &x), -ENOENT);
	ck_assert_int_eq(extent_of(x_bare, &x), -ENOENT);
	ck_assert_int_eq(extent_of(&stack, &x), -ENOENT);
	ck_assert_int_eq(extent_of(NULL, &x), -ENOENT);
	ck_assert_int_eq(extent_of((void *)-1, &x), -ENOENT);
	ck_assert_ptr_eq(x.end, x_bare);
}
END_TEST

/* Compiled functions begin where a table entry begins, and end no later than it. */
START_TEST(the_symbols_of_libraries_agree_with_their_unwind_tables)
{
	static const char *const libs[] = { "libc.so.6", "libcheck.so.0", "libZydis.so.4.0" };
	void *lib = dlopen(libs[_i], RTLD_NOW);
	size_t known = 0, at_begin = 0;
	struct sweep s = { 0 };
	struct link_map *map;

	if (!lib)
		return;
	ck_assert_int_eq(dlinfo(lib, RTLD_DI_LINKMAP, &map), 0);
	ck_assert(sweep_list(&s, map->l_name, map->l_addr));
	for (size_t i = 0; i < s.n; i++) {
		struct extent x;

		if (extent_by_cfi(s.fn[i], &x))
			continue;
		known++;
		at_begin += x.begin == s.fn[i];
		ck_assert(x.begin <= s.fn[i] && s.fn[i] < x.end);
	}
	/* assembly has entries in the middle, or no tables */
	ck_assert_uint_ge(known, s.n * 95 / 100);
	ck_assert_uint_ge(at_begin, known * 98 / 100);
	free(s.fn);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("extent");
	TCase *t = tcase_create("extent");
	SRunner *r;
	int failed;

	tcase_add_test(t, a_function_ends_where_its_unwind_table_says);
	tcase_add_test(t, between_functions_there_is_none);
	tcase_add_loop_test(t, the_symbols_of_libraries_agree_with_their_unwind_tables, 0, 3);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
