/*
 * move_test.c - moved instructions name what they named
 */
#include "move.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "code.h"

/* Somewhere that nobody reads: moving only computes with the address. */
static const uint8_t *home_at(const uint8_t *from, intptr_t far)
{
	return (const uint8_t *)((uintptr_t)from + far);
}

/* What the instruction at out[at] would refer to, standing at home. */
static const uint8_t *target_at(const uint8_t *out, size_t at, const uint8_t *home)
{
	struct code_insn i;

	ck_assert_int_eq(code_decode(out + at, MOVE_ROOM - at, &i), 0);
	ck_assert_ptr_nonnull(i.target);
	return home + (i.target - out);
}

START_TEST(a_plain_instruction_is_copied_and_a_jump_back_follows)
{
	static const uint8_t code[] = { 0x53, 0x48, 0x89, 0xfb, 0x55 };
	const uint8_t *home = home_at(code, 1 << 30);
	uint8_t out[MOVE_ROOM];
	struct move_map map;

	ck_assert_int_eq(move_code(code, 5, home, out, &map), 10);
	ck_assert_mem_eq(out, code, 5);
	ck_assert_ptr_eq(target_at(out, 5, home), code + 5);
	ck_assert_uint_eq(map.n, 4);
	ck_assert_mem_eq(map.from, "\0\1\4\5", 4);
	ck_assert_mem_eq(map.to, "\0\1\4\5", 4);
}
END_TEST

static const struct {
	const char *code;
	size_t size;
	int target;		/* from the first byte */
	int moved;		/* bytes, without the jump back */
	int at;			/* of the moved instruction that has the target */
} distances[] = {
	{ "\x48\x8d\x05\x10\x00\x00\x00", 7, 23, 7, 0 },		/* lea */
	{ "\x83\x3d\x10\x00\x00\x00\x07", 7, 23, 7, 0 },		/* cmp, imm8 after it */
	{ "\x81\x3d\x10\x00\x00\x00\x44\x33\x22\x11", 10, 26, 10, 0 },
	{ "\x62\xf1\x7c\x48\x28\x05\x10\x00\x00\x00", 10, 26, 10, 0 },	/* evex */
	{ "\xe9\x10\x00\x00\x00", 5, 21, 5, 0 },
	{ "\x0f\x8f\x10\x00\x00\x00", 6, 22, 6, 0 },
	{ "\xeb\x10", 2, 18, 5, 0 },
	{ "\x7f\x10", 2, 18, 6, 0 },
	{ "\x7f\x80", 2, -126, 6, 0 },
	{ "\xe0\x10", 2, 18, 9, 4 },
	{ "\xe3\x10", 2, 18, 9, 4 },
	{ "\x67\xe3\x10", 3, 19, 10, 5 },				/* jecxz */
};

START_TEST(a_distance_is_mended)
{
	const uint8_t *code = (const uint8_t *)distances[_i].code;
	size_t size = distances[_i].size;
	static const intptr_t far[] = { 64, -64, 1 << 30, -(1 << 30) };

	for (int i = 0; i < 4; i++) {
		const uint8_t *home = home_at(code, far[i]);
		uint8_t out[MOVE_ROOM];
		int n = move_code(code, size, home, out, NULL);

		ck_assert_int_eq(n, distances[_i].moved + 5);
		ck_assert_ptr_eq(target_at(out, distances[_i].at, home),
				 code + distances[_i].target);
		ck_assert_ptr_eq(target_at(out, n - 5, home), code + size);
		/* an immediate behind the distance stays */
		if (size == 10 && code[0] == 0x81)
			ck_assert_mem_eq(out + 6, code + 6, 4);
	}
	/* no distance of 32 bits spans this */
	{
		uint8_t out[MOVE_ROOM];

		ck_assert_int_eq(move_code(code, size, home_at(code, 3L << 30), out, NULL),
				 -ERANGE);
		ck_assert_int_eq(move_code(code, size, home_at(code, -(3L << 30)), out, NULL),
				 -ERANGE);
	}
}
END_TEST

START_TEST(what_names_something_out_of_reach_is_not_moved)
{
	static const uint8_t code[] = { 0x48, 0x8d, 0x05, 0x00, 0xf0, 0xff, 0x7f };
	uint8_t out[MOVE_ROOM];

	/* the way back is short in both; what is named is at the end of one's reach */
	ck_assert_int_eq(move_code(code, 7, home_at(code, 4096), out, NULL), 12);
	ck_assert_int_eq(move_code(code, 7, home_at(code, -4096), out, NULL), -ERANGE);
}
END_TEST

/* loop and jrcxz: taken goes to the long jump, not taken goes round it */
START_TEST(a_branch_without_a_long_form_goes_over_two_jumps)
{
	static const uint8_t code[] = { 0xe2, 0x10 };
	uint8_t out[MOVE_ROOM];

	ck_assert_int_eq(move_code(code, 2, home_at(code, 4096), out, NULL), 14);
	ck_assert_mem_eq(out, "\xe2\x02\xeb\x05\xe9", 5);
}
END_TEST

START_TEST(what_would_do_something_else_elsewhere_is_not_moved)
{
	static const struct {
		const char *code;
		size_t size;
	} c[] = {
		{ "\xe8\x10\x00\x00\x00", 5 }, { "\xff\xd0", 2 }, { "\xcc", 1 },
		{ "\xc7\xf8\x10\x00\x00\x00", 6 }, { "\x06", 1 },
		{ "\x53\x48\x89", 3 },		/* cuts an instruction */
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		const uint8_t *code = (const uint8_t *)c[i].code;
		uint8_t out[MOVE_ROOM];

		ck_assert_int_eq(move_code(code, c[i].size, home_at(code, 4096), out, NULL),
				 -EINVAL);
	}
}
END_TEST

START_TEST(the_worst_case_fits)
{
	uint8_t code[MOVE_MAX], out[MOVE_ROOM];
	struct move_map map;

	/* loops to far away: nine bytes for every two */
	for (int i = 0; i < MOVE_MAX; i += 2)
		memcpy(code + i, "\xe2\x7f", 2);
	ck_assert_int_eq(move_code(code, MOVE_MAX, home_at(code, 1 << 20), out, &map),
			 MOVE_MAX / 2 * 9 + 5);
	ck_assert_uint_eq(map.n, MOVE_MAX / 2 + 1);
	memset(code, 0x90, sizeof(code));
	ck_assert_int_eq(move_code(code, MOVE_MAX, home_at(code, 1 << 20), out, &map),
			 MOVE_MAX + 5);
	ck_assert_uint_eq(map.n, MOVE_MAX + 1);
}
END_TEST

#define LENGTH(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	Suite *s = suite_create("move");
	TCase *t = tcase_create("move");
	SRunner *r;
	int failed;

	tcase_add_test(t, a_plain_instruction_is_copied_and_a_jump_back_follows);
	tcase_add_loop_test(t, a_distance_is_mended, 0, LENGTH(distances));
	tcase_add_test(t, what_names_something_out_of_reach_is_not_moved);
	tcase_add_test(t, a_branch_without_a_long_form_goes_over_two_jumps);
	tcase_add_test(t, what_would_do_something_else_elsewhere_is_not_moved);
	tcase_add_test(t, the_worst_case_fits);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
