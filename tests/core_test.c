/*
 * core_test.c - core files, and what strangers made of them
 */
#include "core.h"

#include <check.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/user.h>
#include <unistd.h>

#define AT	0x10000000u
#define PAGE	4096

static char path[] = "/tmp/ouro-core-XXXXXX";
static struct {
	Elf64_Ehdr head;
	Elf64_Phdr p[4];
	struct __attribute__((packed)) {
		Elf64_Nhdr n;
		char name[8];
		struct elf_prstatus s;
	} thread;
	struct __attribute__((packed)) {
		Elf64_Nhdr n;
		char name[8];
		siginfo_t s;
	} signal;
	struct __attribute__((packed)) {
		Elf64_Nhdr n;
		char name[8];
		struct elf_prpsinfo s;
	} process;
	_Alignas(PAGE) uint64_t memory[PAGE / 8];
} file;

static Elf64_Nhdr note(uint32_t type, size_t size)
{
	return (Elf64_Nhdr){ 5, (uint32_t)size, type };
}

/* One thread, one page at AT with its index in each word, one page that is not in the file. */
static void make(void)
{
	struct user_regs_struct r = { .rip = 0x1234, .rsp = AT + 64, .fs_base = AT + 128 };

	memset(&file, 0, sizeof file);
	memcpy(file.head.e_ident, ELFMAG, SELFMAG);
	file.head.e_ident[EI_CLASS] = ELFCLASS64;
	file.head.e_ident[EI_DATA] = ELFDATA2LSB;
	file.head.e_ident[EI_VERSION] = EV_CURRENT;
	file.head.e_type = ET_CORE;
	file.head.e_machine = EM_X86_64;
	file.head.e_version = EV_CURRENT;
	file.head.e_phoff = sizeof file.head;
	file.head.e_ehsize = sizeof file.head;
	file.head.e_phentsize = sizeof *file.p;
	file.head.e_phnum = 3;
	file.p[0] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = offsetof(typeof(file), thread),
		.p_filesz = sizeof file.thread + sizeof file.signal + sizeof file.process, .p_align = 4 };
	file.p[1] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_vaddr = AT,
		.p_offset = offsetof(typeof(file), memory), .p_filesz = PAGE, .p_memsz = PAGE };
	file.p[2] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R, .p_vaddr = AT + 2 * PAGE,
		.p_offset = sizeof file, .p_filesz = 0, .p_memsz = PAGE };
	file.thread.n = note(NT_PRSTATUS, sizeof file.thread.s);
	file.signal.n = note(NT_SIGINFO, sizeof file.signal.s);
	file.process.n = note(NT_PRPSINFO, sizeof file.process.s);
	memcpy(file.thread.name, "CORE", 5);
	memcpy(file.signal.name, "CORE", 5);
	memcpy(file.process.name, "CORE", 5);
	file.thread.s.pr_pid = 42;
	file.thread.s.pr_cursig = SIGSEGV;
	memcpy(file.thread.s.pr_reg, &r, sizeof r);
	file.signal.s.si_signo = SIGSEGV;
	file.signal.s.si_code = SEGV_MAPERR;
	file.signal.s.si_addr = (void *)0x10;
	file.process.s.pr_pid = 42;
	for (size_t i = 0; i < PAGE / 8; i++)
		file.memory[i] = i;
}

static int open_it(struct core *c, size_t size, char error[200])
{
	int fd = open(path, O_WRONLY | O_TRUNC), r;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, &file, size), (ssize_t)size);
	close(fd);
	*error = 0;
	r = core_open(c, path, error);
	ck_assert_int_eq(!r, !*error);
	return r;
}

START_TEST(memory_threads_and_the_end_are_read)
{
	char error[200], room[100];
	struct defs none = { 0 };
	struct core c;

	make();
	ck_assert_int_eq(open_it(&c, sizeof file, error), 0);
	ck_assert_uint_eq(*(const uint64_t *)core_at(&c, AT + 80, 8), 10);
	ck_assert_ptr_nonnull(core_at(&c, AT, PAGE));
	ck_assert_ptr_null(core_at(&c, AT, PAGE + 1));
	ck_assert_ptr_null(core_at(&c, AT - 8, 8));
	ck_assert_ptr_null(core_at(&c, AT + 2 * PAGE, 8));
	ck_assert_uint_eq(c.nthreads, 1);
	ck_assert_uint_eq(c.thread[0].sp, AT + 64);
	ck_assert_uint_eq(c.thread[0].fs, AT + 128);
	ck_assert_str_eq(core_ending(&c, room), "SIGSEGV at address 0x10");
	ck_assert(!c.cut);
	ck_assert_int_eq(core_check(&c, 42, &none, error), 0);
	ck_assert_int_eq(core_check(&c, 43, &none, error), -EINVAL);
	core_close(&c);
	core_close(&c);
}
END_TEST

START_TEST(one_that_is_cut_off_says_so_or_is_refused)
{
	char error[200];
	struct core c;

	make();
	for (size_t size = 0; size < sizeof file; size += size < 2048 ? 1 : 97) {
		if (open_it(&c, size, error))
			continue;
		ck_assert(c.cut);
		ck_assert_ptr_null(core_at(&c, AT, PAGE));
		core_close(&c);
	}
}
END_TEST

/* What matters is what sanitizers say of it. */
START_TEST(no_byte_that_is_wrong_reads_what_is_not_there)
{
	char error[200], room[100];
	uint8_t id[] = { 1, 2, 3, 4 };
	struct def_module module[2] = { { { 0 } }, { .path = { "a", 1 }, .start = AT, .end = AT + PAGE,
		.build_id = id, .build_id_length = 4 } };
	struct defs d = { .module = module, .modules = 2 };
	struct core c;

	for (size_t i = 0; i < offsetof(typeof(file), memory); i++)
		for (int k = 0; k < 3; k++) {
			make();
			memcpy(file.memory, &file.head, sizeof file.head);
			((uint8_t *)&file)[i] = k == 0 ? 0xff : k == 1 ? 0x80 : 0x01;
			if (open_it(&c, sizeof file, error))
				continue;
			core_check(&c, 42, &d, error);
			core_ending(&c, room);
			core_close(&c);
		}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("core");
	TCase *t = tcase_create("core");
	SRunner *r;
	int failed, fd = mkstemp(path);

	close(fd);
	tcase_set_timeout(t, 300);
	tcase_add_test(t, memory_threads_and_the_end_are_read);
	tcase_add_test(t, one_that_is_cut_off_says_so_or_is_refused);
	tcase_add_test(t, no_byte_that_is_wrong_reads_what_is_not_there);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	unlink(path);
	return failed != 0;
}
