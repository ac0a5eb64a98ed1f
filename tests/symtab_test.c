/*
 * symtab_test.c - functions found in a file by names the loader does not know
 */
#include "symtab.h"

#include <check.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = { "malloc", "free", "nobody" };
static uintptr_t value[3];

struct image {
	Elf64_Ehdr head;
	Elf64_Shdr section[3];		/* none, symbols, their texts */
	Elf64_Sym symbol[6];
	char text[32];
};

/* malloc and free are functions; nobody is, in turn: data, undefined, of two places. */
static struct image image_of(void)
{
	static const char text[] = "\0malloc\0free\0nobody\0mallocs";
	struct image i = {
		.head = { .e_shoff = offsetof(struct image, section), .e_shnum = 3,
			.e_shentsize = sizeof(Elf64_Shdr) },
		.section = {
			[1] = { .sh_type = SHT_SYMTAB, .sh_link = 2,
				.sh_offset = offsetof(struct image, symbol),
				.sh_size = sizeof i.symbol },
			[2] = { .sh_type = SHT_STRTAB, .sh_size = sizeof text,
				.sh_offset = offsetof(struct image, text) },
		},
		.symbol = {
			{ 1, ELF64_ST_INFO(STB_LOCAL, STT_FUNC), 0, 1, 0x1000, 8 },
			{ 8, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1, 0x2000, 8 },
			{ 13, ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), 0, 1, 0x3000, 8 },
			{ 13, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, SHN_UNDEF, 0, 0 },
			{ 20, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1, 0x5000, 8 },
		},
	};

	memcpy(i.head.e_ident, ELFMAG, SELFMAG);
	memcpy(i.text, text, sizeof text);
	return i;
}

static unsigned find_in(const void *bytes, size_t n)
{
	char name[] = "/tmp/ouro-symtab-XXXXXX";
	int fd = mkstemp(name);
	unsigned found;

	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	close(fd);
	found = symtab_find(name, names, 3, value);
	unlink(name);
	return found;
}

START_TEST(functions_are_found_and_nothing_else)
{
	struct image i = image_of();

	ck_assert_uint_eq(find_in(&i, sizeof i), 2);
	ck_assert_uint_eq(value[0], 0x1000);
	ck_assert_uint_eq(value[1], 0x2000);
	ck_assert_uint_eq(value[2], 0);
}
END_TEST

START_TEST(two_of_one_name_are_none)
{
	struct image i = image_of();

	i.symbol[5] = i.symbol[0];
	ck_assert_uint_eq(find_in(&i, sizeof i), 2);	/* the same again is one */
	i.symbol[5].st_value = 0x6000;
	ck_assert_uint_eq(find_in(&i, sizeof i), 1);
	ck_assert_uint_eq(value[0], 0);
}
END_TEST

START_TEST(no_damaged_file_is_read_beyond_its_end)
{
	struct image whole = image_of();

	for (size_t n = 0; n < sizeof whole; n++)
		find_in(&whole, n);
	/* Every 4 bytes of it made enormous, one after the other. */
	for (size_t at = 0; at < sizeof whole; at += 4) {
		struct image i = whole;

		memset((char *)&i + at, 0xff, 4);
		find_in(&i, sizeof i);
		memset((char *)&i + at, 0x7f, 4);
		find_in(&i, sizeof i);
	}
	ck_assert_uint_eq(symtab_find("/nowhere", names, 3, value), 0);
	ck_assert_uint_eq(find_in(&whole, sizeof whole), 2);
}
END_TEST

START_TEST(a_static_function_of_this_program_is_found)
{
	static const char *const own[] = { "find_in" };
	uintptr_t at;

	ck_assert_uint_eq(symtab_find("/proc/self/exe", own, 1, &at), 1);
	ck_assert_uint_eq(at & 0xfff, (uintptr_t)find_in & 0xfff);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("symtab");
	TCase *c = tcase_create("symtab");
	SRunner *r;
	int failed;

	tcase_add_test(c, functions_are_found_and_nothing_else);
	tcase_add_test(c, two_of_one_name_are_none);
	tcase_add_test(c, no_damaged_file_is_read_beyond_its_end);
	tcase_add_test(c, a_static_function_of_this_program_is_found);
	suite_add_tcase(s, c);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
