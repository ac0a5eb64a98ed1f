#include "cpython/names.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct corpus_row {
	size_t at;
	const char *name;		/* empty: must get none */
	const char *why;
};

struct corpus {
	int minor;
	const uint8_t *code;
	size_t bytes;
	const char *const *locals, *const *cells, *const *names;
	const struct corpus_row *row;
	size_t rows;
};

#define CORPUS(minor, v, label) { minor, label##_##v, sizeof label##_##v, label##_locals_##v, \
	label##_cells_##v, label##_names_##v, label##_rows_##v, \
	sizeof label##_rows_##v / sizeof *label##_rows_##v }

#include "cpython/names_corpus.h"

enum { CORPORA = sizeof corpora / sizeof *corpora };

static const char *nth(const char *const *list, size_t n)
{
	for (; *list && n; n--)
		list++;
	return *list ? *list : "?";
}

/* As names_text does, with lists in place of a code object. */
static void text_of(const struct corpus *c, const struct py_result *r, char text[200])
{
	const char *const *base = r->base == RESULT_LOCAL ? c->locals
				: r->base == RESULT_CELL ? c->cells : c->names;

	strcpy(text, nth(base, r->index));
	for (uint32_t i = 0; i < r->attributes; i++) {
		strcat(text, ".");
		strcat(text, nth(c->names, r->attribute[i]));
	}
}

START_TEST(results_have_the_name_the_line_gives_them)
{
	const struct corpus *c = &corpora[_i];

	ck_assert_uint_gt(c->rows, 0);
	for (size_t i = 0; i < c->rows; i++) {
		struct py_result r;
		char text[200] = "";

		if (names_find(c->minor, c->code, c->bytes / 2, c->row[i].at, &r))
			text_of(c, &r, text);
		ck_assert_msg(!strcmp(text, c->row[i].name), "3.%d, %s: got \"%s\"", c->minor,
			      c->row[i].why, text);
	}
}
END_TEST

START_TEST(an_inline_cache_belongs_to_its_instruction)
{
	/* 3.11: CALL 0, four cache entries, STORE_FAST 2 */
	const uint8_t code[] = { 171, 0, 0, 0, 125, 7, 125, 7, 125, 7, 125, 2 };
	struct py_result r;

	for (size_t at = 0; at <= 4; at++) {
		ck_assert(names_find(11, code, sizeof code / 2, at, &r));
		ck_assert_uint_eq(r.index, 2);
	}
	ck_assert(!names_find(11, code, sizeof code / 2, 5, &r));
}
END_TEST

START_TEST(no_bytes_lead_astray)
{
	uint8_t code[64];
	struct py_result r;

	srand(1);
	for (int n = 0; n < 300000; n++) {
		size_t units = (size_t)rand() % (sizeof code / 2 + 1);

		for (size_t i = 0; i < sizeof code; i++)
			code[i] = (uint8_t)rand();
		/* On the heap and of the exact size: the sanitizer sees a step too far. */
		uint8_t *exact = malloc(2 * units + 1);
		memcpy(exact, code, 2 * units);
		if (names_find(8 + rand() % 6, exact, units, (size_t)rand() % 40, &r))
			ck_assert_uint_le(r.attributes, 3);
		free(exact);
	}
	ck_assert(!names_find(7, code, 4, 0, &r));
	ck_assert(!names_find(14, code, 4, 0, &r));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("names");
	TCase *t = tcase_create("names");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, results_have_the_name_the_line_gives_them, 0, CORPORA);
	tcase_add_test(t, an_inline_cache_belongs_to_its_instruction);
	tcase_add_test(t, no_bytes_lead_astray);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
