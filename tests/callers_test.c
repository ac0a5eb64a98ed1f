/*
 * callers_test.c - ways of calls: how far apart, whom to blame, whose function it is
 */
#include "callers.h"

#include <check.h>

/* "m" is a place in function m of the program, "l" (lower than n) in a library. */
static uint32_t path_of(const char *s, struct caller *ret)
{
	uint32_t n = 0;

	for (; *s; s++)
		if (*s != ' ') {
			uint32_t place = s[1] >= '0' && s[1] <= '9' ? (uint32_t)(s[1] - '0') : 0;

			ret[n++] = (struct caller){ .location = (uint32_t)*s * 16 + place,
				.function = (uint32_t)*s, .program = *s < 'a' };
			s += place != 0;
		}
	return n;
}

static uint32_t distance(const char *a, const char *b)
{
	struct caller x[16], y[16];
	uint32_t nx = path_of(a, x), ny = path_of(b, y);

	return callers_distance(x, nx, y, ny);
}

START_TEST(ways_part_in_the_last_function_they_share)
{
	ck_assert_uint_eq(distance("M F1", "M F2"), 0);
	ck_assert_uint_eq(distance("M F1 l m", "M F2"), 2 * LIBRARY_FRAME);
	ck_assert_uint_eq(distance("M1 F", "M2"), PROGRAM_FRAME);
	ck_assert_uint_eq(distance("M1 F", "M2 F"), 2 * PROGRAM_FRAME);	/* two calls of F */
	ck_assert_uint_eq(distance("M F1", "M F1"), 0);
	ck_assert_uint_gt(distance("A", "B"), 100 * PROGRAM_FRAME);
}
END_TEST

START_TEST(the_programs_innermost_frame_is_blamed)
{
	struct caller x[16];
	uint32_t n = path_of("M F l m", x);

	ck_assert_ptr_eq(callers_blame(x, n), &x[1]);
	ck_assert_ptr_eq(callers_blame(x + 2, 2), &x[3]);
	ck_assert_ptr_null(callers_blame(x, 0));
}
END_TEST

START_TEST(functions_are_named_after_their_types)
{
	static const struct { const char *function, *type; bool is; } row[] = {
		{ "apple_set_basket", "Apple", true }, { "gtk_box_new", "GtkBox", true },
		{ "gtk_boxes_new", "GtkBox", false }, { "Box::add", "Box", true },
		{ "box", "Box", true }, { "bo", "Box", false }, { "", "Box", false },
		{ "x", "", false },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		ck_assert_msg(callers_is_of(row[i].function, row[i].type) == row[i].is, "%s, %s",
			row[i].function, row[i].type);
}
END_TEST

START_TEST(constructors_are_known_by_a_word_of_their_names)
{
	ck_assert(callers_constructs("parcel_new"));
	ck_assert(callers_constructs("gtk_label_new_with_mnemonic"));
	ck_assert(callers_constructs("create_row"));
	ck_assert(!callers_constructs("renew"));
	ck_assert(!callers_constructs("news"));
	ck_assert(!callers_constructs("send_parcel"));
	ck_assert(!callers_constructs(""));
}
END_TEST

START_TEST(functions_that_count_are_known_by_the_last_word_of_their_names)
{
	ck_assert(callers_counts("ref"));
	ck_assert(callers_counts("node_unref"));
	ck_assert(callers_counts("Node::Release"));
	ck_assert(callers_counts("Py_INCREF"));
	ck_assert(!callers_counts("href"));
	ck_assert(!callers_counts("ref_node"));
	ck_assert(!callers_counts("prefer"));
	ck_assert(!callers_counts(""));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("callers");
	TCase *c = tcase_create("callers");
	SRunner *runner;
	int failed;

	tcase_add_test(c, ways_part_in_the_last_function_they_share);
	tcase_add_test(c, the_programs_innermost_frame_is_blamed);
	tcase_add_test(c, functions_are_named_after_their_types);
	tcase_add_test(c, functions_that_count_are_known_by_the_last_word_of_their_names);
	tcase_add_test(c, constructors_are_known_by_a_word_of_their_names);
	suite_add_tcase(suite, c);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
