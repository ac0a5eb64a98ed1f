/*
 * core_revive_test.c - objects out of core files that have not what it takes
 *
 * The core files are structs and the library in them is a few bytes of code of the test's own:
 * what a damaged file brings about, without one.
 */
#include "core_revive.h"

#include "launch.h"

#include <check.h>
#include <limits.h>
#include <ouro/revive.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE	4096
#define CODE	0x10000000u
#define DATA	0x10010000u

/* The core file: a page of code, a page of the library's variables. */
static struct {
	_Alignas(PAGE) uint8_t code[PAGE];
	_Alignas(PAGE) uint64_t data[PAGE / 8];
} file;

static struct core_part part[8];
static struct core_thread thread[2];
static struct core core;
static struct trace recorded;
static struct defs defs;
static struct snap snap;
static char why[200];

static struct core_part *add_part(uint64_t start, uint64_t end)
{
	struct core_part *p = &part[core.nparts++];

	*p = (struct core_part){ .start = start, .end = end, .readable = true };
	return p;
}

static void begin(const void *code, size_t bytes)
{
	struct ouro_core mark = { .magic = { OURO_CORE_MAGIC_0, OURO_CORE_MAGIC_1 }, .entry = CODE };
	struct core_part *p;
	FILE *f = tmpfile();

	memset(&file, 0xcc, sizeof file);
	memcpy(file.code, code, bytes);
	memcpy(file.data + 16, &mark, sizeof mark);
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(&file, sizeof file, 1, f), 1);
	ck_assert_int_eq(fflush(f), 0);
	core = (struct core){ .bytes = (const uint8_t *)&file, .size = sizeof file, .fd = fileno(f),
			      .part = part, .thread = thread, .nthreads = 1 };
	p = add_part(CODE, CODE + PAGE);
	p->data = file.code;
	p->bytes = PAGE;
	p->executable = true;
	p = add_part(DATA, DATA + PAGE);
	p->data = (const uint8_t *)file.data;
	p->bytes = PAGE;
	p->writable = p->file = true;
	why[0] = 0;
}

static int revive(void)
{
	struct revived r;
	int e = core_revive(&r, &snap, &core, &recorded, &defs, NULL, why);

	if (!e)
		core_revive_fini(&r);
	else	/* nothing is left behind */
		ck_assert(!r.bytes && !r.size);
	return e;
}

static void check_refusal(const char *text)
{
	ck_assert_int_eq(revive(), 1);
	ck_assert_msg(strstr(why, text) != NULL, "\"%s\" does not say \"%s\"", why, text);
}

/* mov $231, %eax; mov $n, %edi; syscall */
#define LEAVE(n) (const uint8_t[]){ 0xb8, 231, 0, 0, 0, 0xbf, n, 0, 0, 0, 0x0f, 0x05 }, 12

START_TEST(one_that_is_cut_off_is_not_entered)
{
	begin(LEAVE(0));
	core.cut = true;
	check_refusal("cut off");
}
END_TEST

START_TEST(without_the_librarys_variables_there_is_no_entry)
{
	begin(LEAVE(0));
	file.data[16] ^= 1;
	check_refusal("the library's memory is not in it");
	file.data[16] ^= 1;
	part[1].bytes = 16 * 8 + sizeof(struct ouro_core) - 1;	/* its last byte is missing */
	check_refusal("the library's memory is not in it");
	part[1].bytes = 0;
	check_refusal("the library's memory is not in it");
	core.nparts = 0;
	check_refusal("the library's memory is not in it");
}
END_TEST

START_TEST(one_that_was_recorded_before_there_was_an_entry_is_not_entered)
{
	struct ouro_core none = { .magic = { OURO_CORE_MAGIC_0, OURO_CORE_MAGIC_1 } };

	begin(LEAVE(0));
	memcpy(file.data + 16, &none, sizeof none);
	check_refusal("the library's memory is not in it");
}
END_TEST

START_TEST(an_entry_that_writes_nothing_is_a_damaged_heap)
{
	begin(LEAVE(0));
	check_refusal("its heap is damaged");
	begin(LEAVE(3));
	check_refusal("its heap is damaged");
}
END_TEST

START_TEST(an_entry_that_is_not_there_is_a_damaged_heap)
{
	begin(LEAVE(0));
	((struct ouro_core *)(file.data + 16))->entry = 0x7ffffffff000;
	check_refusal("its heap is damaged");
	((struct ouro_core *)(file.data + 16))->entry = UINT64_MAX;
	check_refusal("its heap is damaged");
	part[0].executable = false;
	((struct ouro_core *)(file.data + 16))->entry = CODE;
	check_refusal("its heap is damaged");
}
END_TEST

/* mov $2, %eax (open); lea path(%rip), %rdi; mov $0101, %esi; mov $0600, %edx; syscall; exit_group(0) */
START_TEST(its_code_can_not_open_a_file)
{
	static const char path[] = "/tmp/ouro-core-revive-test";
	uint8_t code[PAGE] = { 0xb8, 2, 0, 0, 0, 0x48, 0x8d, 0x3d, 0xf4, 0, 0, 0, 0xbe, 0x41, 0, 0, 0,
			       0xba, 0x80, 0x01, 0, 0, 0x0f, 0x05, 0xb8, 231, 0, 0, 0, 0x31, 0xff, 0x0f,
			       0x05 };

	memcpy(code + 0x100, path, sizeof path);
	unlink(path);
	begin(code, sizeof code);
	check_refusal("its heap is damaged");
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(parts_at_absurd_places_are_left_out)
{
	static const uint64_t absurd[][2] = {
		{ CODE + 1, CODE + 100 }, { 0x20000000, 0x20000001 }, { 0x20000800, 0x20001000 },
		{ 0xffffffffff600000, 0xffffffffff601000 }, { 0x7ffffffff000, UINT64_MAX & ~4095ull },
		{ OURO_REVIVE_START - PAGE, OURO_REVIVE_START + PAGE },
		{ OURO_REVIVE_STACK, OURO_REVIVE_STACK + PAGE }, { PAGE, OURO_REVIVE_END + PAGE },
	};

	for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++) {
		begin(LEAVE(0));
		add_part(absurd[i][0], absurd[i][1]);
		check_refusal("its heap is damaged");	/* so it was entered, and came back */
	}
}
END_TEST

START_TEST(missing_code_is_called_by_its_files_name)
{
	struct core_part *p;

	begin(LEAVE(1));
	p = add_part(0x30000000, 0x30000000 + PAGE);
	p->path = "/nowhere/libgone.so.1";
	p->executable = p->file = true;
	check_refusal("libgone.so.1 is not here, or it is another build");

	/* A folder, and a file that begins with something else. */
	p->path = "/tmp/";
	check_refusal("/tmp/ is not here");
	p->path = "/proc/self/exe";
	p->data = file.code;
	p->bytes = 100;
	check_refusal("exe is not here, or it is another build");
}
END_TEST

START_TEST(of_several_missing_files_the_entrys_own_is_told)
{
	struct core_part *p;

	begin(LEAVE(1));
	p = add_part(0x30000000, 0x30000000 + PAGE);
	p->path = "/nowhere/libother.so";
	p->executable = p->file = true;
	part[0].bytes = 0;
	part[0].path = "/nowhere/libouro.so";
	part[0].file = true;
	check_refusal("libouro.so is not here");
}
END_TEST

START_TEST(a_core_file_that_is_gone_is_told)
{
	begin(LEAVE(0));
	core.fd = -1;
	check_refusal("Bad file descriptor");
}
END_TEST

/* The program looks for it beside itself. */
static char beside[PATH_MAX];

static void find_program(void)
{
	ssize_t n = readlink("/proc/self/exe", beside, sizeof beside - sizeof OURO_REVIVE_NAME);

	ck_assert_int_gt(n, 0);
	beside[n] = 0;
	strcpy(strrchr(beside, '/') + 1, OURO_REVIVE_NAME);
	unlink(beside);
	ck_assert_int_eq(symlink("../" OURO_REVIVE_NAME, beside), 0);
}

static void lose_program(void)
{
	unlink(beside);
}

START_TEST(the_program_that_does_it_may_be_missing)
{
	lose_program();
	begin(LEAVE(0));
	check_refusal(OURO_REVIVE_NAME " is not beside this command");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("core_revive");
	TCase *c = tcase_create("core_revive");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, find_program, lose_program);
	tcase_set_timeout(c, 120);
	tcase_add_test(c, one_that_is_cut_off_is_not_entered);
	tcase_add_test(c, without_the_librarys_variables_there_is_no_entry);
	tcase_add_test(c, one_that_was_recorded_before_there_was_an_entry_is_not_entered);
	tcase_add_test(c, an_entry_that_writes_nothing_is_a_damaged_heap);
	tcase_add_test(c, an_entry_that_is_not_there_is_a_damaged_heap);
	tcase_add_test(c, its_code_can_not_open_a_file);
	tcase_add_test(c, parts_at_absurd_places_are_left_out);
	tcase_add_test(c, missing_code_is_called_by_its_files_name);
	tcase_add_test(c, of_several_missing_files_the_entrys_own_is_told);
	tcase_add_test(c, a_core_file_that_is_gone_is_told);
	tcase_add_test(c, the_program_that_does_it_may_be_missing);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
