/*
 * recorded_test.c - the traces of one run are found, from the first and from each of the others
 */
#include "recorded.h"

#include <check.h>
#include <limits.h>
#include <ouro/trace.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/ouro-recorded-XXXXXX", real[PATH_MAX];

static const char *in_folder(const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", real, name);
	return path;
}

static void write_header(const char *name, uint64_t id)
{
	static unsigned char page[OURO_HEADER_SIZE];
	struct ouro_file head = { .format = OURO_FORMAT, .header_size = OURO_HEADER_SIZE, .id = id };
	FILE *out = fopen(in_folder(name), "w");

	memcpy(head.magic, OURO_MAGIC, 8);
	memcpy(page, &head, sizeof(head));
	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(page, sizeof(page), 1, out), 1);
	fclose(out);
}

static void setup(void)
{
	FILE *out;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_ptr_nonnull(realpath(folder, real));
	ck_assert_int_eq(mkdir(in_folder("a.trace.d"), 0700), 0);
	write_header("a.trace", 1);
	write_header("a.trace.d/20", 2);
	write_header("a.trace.d/30", 3);
	write_header("b.trace", 4);
	out = fopen(in_folder("a.trace.d/40"), "w");
	fputs("no trace", out);
	fclose(out);
}

static void teardown(void)
{
	static const char *const name[] = { "a.trace.d/20", "a.trace.d/30", "a.trace.d/40",
		"a.trace", "b.trace" };

	for (size_t i = 0; i < sizeof(name) / sizeof(*name); i++)
		unlink(in_folder(name[i]));
	rmdir(in_folder("a.trace.d"));
	rmdir(real);
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
}

START_TEST(the_first_leads_to_the_others)
{
	struct recorded r;

	ck_assert_int_eq(recorded_list(&r, in_folder("a.trace")), 0);
	ck_assert_uint_eq(r.n, 3);
	ck_assert_str_eq(r.path[0], in_folder("a.trace"));
	ck_assert_str_eq(r.path[1], in_folder("a.trace.d/20"));
	ck_assert_str_eq(r.path[2], in_folder("a.trace.d/30"));
	recorded_fini(&r);
	ck_assert_int_eq(recorded_list(&r, in_folder("b.trace")), 0);
	ck_assert_uint_eq(r.n, 1);
	recorded_fini(&r);
}
END_TEST

static void claim(const char *path, uint64_t id, const char *found)
{
	char *answer = recorded_with_id(path, id);

	if (found) {
		ck_assert_ptr_nonnull(answer);
		ck_assert_str_eq(answer, in_folder(found));
	} else {
		ck_assert_ptr_null(answer);
	}
	free(answer);
}

START_TEST(each_of_the_others_leads_to_its_parent)
{
	char at[PATH_MAX + 64];

	strcpy(at, in_folder("a.trace.d/30"));
	claim(at, 1, "a.trace");
	claim(at, 2, "a.trace.d/20");
	claim(at, 4, NULL);		/* of another run */
	claim(at, 99, NULL);
	ck_assert_ptr_nonnull(getcwd(at, sizeof(at)));
	ck_assert_int_eq(chdir(in_folder("a.trace.d")), 0);
	claim("30", 1, "a.trace");
	ck_assert_int_eq(chdir(at), 0);
}
END_TEST

START_TEST(what_stands_alone_has_no_parent)
{
	char at[PATH_MAX + 64];

	strcpy(at, in_folder("a.trace"));
	claim(at, 1, NULL);
	strcpy(at, in_folder("c.trace"));
	claim(at, 1, NULL);
}
END_TEST

START_TEST(the_others_can_be_forgotten)
{
	struct recorded r;

	recorded_forget_others(in_folder("a.trace"));
	ck_assert_int_eq(recorded_list(&r, in_folder("a.trace")), 0);
	ck_assert_uint_eq(r.n, 1);
	recorded_fini(&r);
	ck_assert_int_eq(access(in_folder("a.trace.d/40"), F_OK), 0);	/* no trace: not ours */
}
END_TEST

int main(void)
{
	Suite *s = suite_create("recorded");
	TCase *c = tcase_create("recorded");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, the_first_leads_to_the_others);
	tcase_add_test(c, each_of_the_others_leads_to_its_parent);
	tcase_add_test(c, what_stands_alone_has_no_parent);
	tcase_add_test(c, the_others_can_be_forgotten);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
