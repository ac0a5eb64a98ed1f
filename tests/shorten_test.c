#include "shorten.h"

#include "mem.h"

#include <check.h>
#include <stdlib.h>

static const struct shorten project = { .root = { "/home/me/project", "/srv/run/" },
	.program = "/home/me/project/build/app" };

#define ck_shortened(what, from, to) do {				\
	struct buf b_ = {0};						\
	shorten_##what(from, &b_);					\
	ck_assert_str_eq(buf_text(&b_), to);				\
	buf_fini(&b_);							\
} while (0)
#define ck_file(from, to) do {						\
	struct buf b_ = {0};						\
	(shorten_file)(&project, from, &b_);				\
	ck_assert_str_eq(buf_text(&b_), to);				\
	buf_fini(&b_);							\
} while (0)
#define ck_module(from, to) do {					\
	struct buf b_ = {0};						\
	shorten_module(&project, from, &b_);				\
	ck_assert_str_eq(buf_text(&b_), to);				\
	buf_fini(&b_);							\
} while (0)

START_TEST(below_the_project_paths_are_relative_to_it)
{
	ck_file("/home/me/project/src/a.c", "src/a.c");
	ck_file("/home/me/project//src/./a.c", "src/a.c");
	ck_file("/srv/run/x.py", "x.py");
	ck_file("/home/me/projects/a.c", "projects/a.c");
	ck_file("src/a.c", "src/a.c");
	ck_file("../lib/./b/../a.c", "../lib/a.c");
	ck_file("../../a.c", "../../a.c");
}
END_TEST

START_TEST(libraries_of_python_are_told_without_the_version)
{
	ck_file("/usr/lib/python3.11/json/decoder.py", "python/json/decoder.py");
	ck_file("/home/me/.pyenv/versions/3.13.0/lib/python3.13t/ast.py", "python/ast.py");
	ck_file("/x/lib/python3.9/site-packages/flask/app.py", "site-packages/flask/app.py");
	ck_file("/usr/lib/python3/dist-packages/six.py", "dist-packages/six.py");
	ck_file("/home/me/project/venv/lib/python3.12/site-packages/six.py", "site-packages/six.py");
	ck_file("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>");
}
END_TEST

START_TEST(of_other_paths_the_last_two_parts_stay)
{
	ck_file("/usr/include/c++/12/bits/stl_map.h", "bits/stl_map.h");
	ck_file("/a.c", "a.c");
	ck_file("", "");
}
END_TEST

START_TEST(modules_lose_their_version_and_the_program_its_name)
{
	ck_module("/usr/lib/x86_64-linux-gnu/libfoo.so.1.2.3", "libfoo.so");
	ck_module("libbar.so", "libbar.so");
	ck_module("/elsewhere/app", "<program>");
}
END_TEST

START_TEST(functions_lose_what_a_compiler_appends)
{
	ck_shortened(function, "parse.constprop.0", "parse");
	ck_shortened(function, "parse.part.3.cold", "parse");
	ck_shortened(function, "parse.isra.0.lto_priv.0", "parse");
	ck_shortened(function, "Node.next", "Node.next");
	ck_shortened(function, "app+0x1234", "?");
	ck_shortened(function, "0x7f00", "?");
	ck_shortened(function, "operator+0xyz", "operator+0xyz");
	ck_shortened(function, "", "?");
	ck_shortened(function, "<module>", "<module>");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("shorten");
	TCase *t = tcase_create("shorten");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_test(t, below_the_project_paths_are_relative_to_it);
	tcase_add_test(t, libraries_of_python_are_told_without_the_version);
	tcase_add_test(t, of_other_paths_the_last_two_parts_stay);
	tcase_add_test(t, modules_lose_their_version_and_the_program_its_name);
	tcase_add_test(t, functions_lose_what_a_compiler_appends);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
