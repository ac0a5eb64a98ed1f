/*
 * binary_test.c - what is read of files before a program starts
 */
#include "binary.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *file_of(const char *text, size_t n)
{
	static char name[] = "/tmp/ouro-binary-XXXXXX";
	int fd;

	strcpy(strchr(name, '-') + 8, "XXXXXX");
	fd = mkstemp(name);
	ck_assert_int_eq(write(fd, text, n), (ssize_t)n);
	close(fd);
	return name;
}

START_TEST(the_interpreter_line_is_two_words)
{
	static const struct {
		const char *text, *interpreter, *argument;
	} lines[] = {
		{ "#!/bin/sh\necho\n", "/bin/sh", "" },
		{ "#! /usr/bin/env\tpython3 -u\n", "/usr/bin/env", "python3" },
		{ "#!/bin/sh", "/bin/sh", "" },
		{ "#!/bin/sh  \n", "/bin/sh", "" },
		{ "#!\n/bin/sh", NULL, NULL },
		{ "#", NULL, NULL },
		{ "echo\n", NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		const char *name = file_of(lines[i].text, strlen(lines[i].text));
		struct script s;

		ck_assert_int_eq(script_read(&s, name), lines[i].interpreter != NULL);
		unlink(name);
		if (!lines[i].interpreter)
			continue;
		ck_assert_str_eq(s.interpreter, lines[i].interpreter);
		ck_assert_str_eq(s.argument, lines[i].argument);
	}
}
END_TEST

START_TEST(a_line_longer_than_the_kernel_reads_is_cut)
{
	char text[1000] = "#!/";
	const char *name;
	struct script s;

	memset(text + 3, 'a', sizeof(text) - 3);
	name = file_of(text, sizeof(text));
	ck_assert(script_read(&s, name));
	ck_assert_uint_lt(strlen(s.interpreter), sizeof(s.line));
	ck_assert_str_eq(s.argument, "");
	unlink(name);
}
END_TEST

START_TEST(the_loader_says_what_would_be_loaded)
{
	struct binaries b;
	const struct binary *libc;

	ck_assert_int_eq(binaries_of(&b, "/bin/sh", NULL), 0);
	ck_assert_str_eq(b.all[0].path, "/bin/sh");
	libc = binaries_with(&b, "malloc");
	ck_assert_ptr_nonnull(libc);
	ck_assert_ptr_nonnull(strstr(libc->path, "libc.so.6"));
	ck_assert(binary_has(libc, "malloc", false));
	ck_assert(!binary_has(libc, "malloc_of_nobody", false));
	ck_assert_ptr_null(binaries_with(&b, "malloc_of_nobody"));
	binaries_fini(&b);
	ck_assert_uint_eq(b.n, 0);
}
END_TEST

START_TEST(what_is_missing_is_listed)
{
	struct binaries b;
	bool missing = false;

	ck_assert_int_eq(binaries_of(&b, "/bin/sh", "/nowhere/libnothing.so"), 0);
	for (uint32_t i = 0; i < b.n; i++)
		missing |= b.all[i].missing;
	ck_assert(!missing);		/* the loader skips what cannot be preloaded */
	binaries_fini(&b);
}
END_TEST

START_TEST(no_elf_file_has_nothing)
{
	struct binary b = { .path = (char *)file_of("MZ", 2) };
	char version[32];
	uint64_t v;

	ck_assert(!binary_has(&b, "malloc", false));
	ck_assert(!binary_constant(&b, "Py_Version", &v));
	ck_assert(!binary_version(&b, "3.", version, sizeof(version)));
	unlink(b.path);
	ck_assert(!binary_has(&b, "malloc", true));
}
END_TEST

/* The last in a long text, as linkers leave it; one that goes on is none. */
const char version_text[] = "1.23.45\0/opt/Thing-23.4.56\0x-23.4.5 more\0no-23.4.57rc1";

START_TEST(a_version_may_be_the_end_of_a_longer_text)
{
	struct binary b = { .path = (char *)"/proc/self/exe" };
	char version[32];

	ck_assert_ptr_nonnull(version_text);
	ck_assert(binary_version(&b, "23.4.", version, sizeof(version)));
	ck_assert_str_eq(version, "23.4.56");
	ck_assert(!binary_version(&b, "23.4.5 ", version, sizeof(version)));
	ck_assert(!binary_version(&b, "23.4.", version, 4));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("binary");
	TCase *c = tcase_create("binary");
	SRunner *r;
	int failed;

	tcase_add_test(c, the_interpreter_line_is_two_words);
	tcase_add_test(c, a_line_longer_than_the_kernel_reads_is_cut);
	tcase_add_test(c, the_loader_says_what_would_be_loaded);
	tcase_add_test(c, what_is_missing_is_listed);
	tcase_add_test(c, no_elf_file_has_nothing);
	tcase_add_test(c, a_version_may_be_the_end_of_a_longer_text);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
