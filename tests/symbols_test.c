/*
 * symbols_test.c - this very program's code has names
 */
#include "symbols.h"

#include "trace_writer.h"

#include <check.h>
#include <link.h>
#include <unistd.h>

static struct trace_writer w;
static struct trace t;
static struct defs d;
static struct symbols *names;
static char self[4096];
static uint64_t here[2];		/* addresses within inner(), within outer()  */
static unsigned line[2];

#define HERE(i) do { \
	uint64_t pc_; \
	__asm__ volatile ("lea 0(%%rip), %0" : "=r"(pc_)); \
	here[i] = pc_; \
	line[i] = __LINE__; \
} while (0)

static inline __attribute__((always_inline)) void inner(void)
{
	HERE(0);
}

static __attribute__((noinline)) void outer(void)
{
	HERE(1);
	inner();
}

static int first_bias(struct dl_phdr_info *info, size_t size, void *ret)
{
	*(uint64_t *)ret = info->dlpi_addr;
	return 1;
}

/* A trace in which our own file is module 1; build_id of a wrong length: none. */
static uint32_t define_self(const char *path, const char *build_id)
{
	struct ouro_def_module m = { .id = 1, .end = UINT64_MAX };

	dl_iterate_phdr(first_bias, &m.bias);
	m.path = writer_string(&w, path);
	m.build_id_length = (uint32_t)strlen(build_id);
	memcpy(m.build_id, build_id, m.build_id_length);
	writer_define(&w, OURO_DEF_MODULE, 0, &m, sizeof(m), NULL, 0);
	return m.id;
}

static uint32_t define_address(uint32_t id, uint64_t address)
{
	struct ouro_def_native n = { .id = id, .module = 1, .address = address };

	writer_define(&w, OURO_DEF_NATIVE, 0, &n, sizeof(n), NULL, 0);
	return id;
}

static void load(void)
{
	ck_assert_int_eq(trace_open_memory(&t, w.bytes, w.size, NULL), 0);
	ck_assert_int_eq(defs_load(&d, &t), 0);
	names = symbols_new(&d, NULL);
	ck_assert_ptr_nonnull(names);
}

static void setup(void)
{
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = 0;
	outer();
}

static void teardown(void)
{
	symbols_free(names);
	names = NULL;
	defs_free(&d);
	trace_close(&t);
	writer_fini(&w);
}

START_TEST(a_function_has_its_name_file_and_line)
{
	const struct frame *f;
	uint32_t n;

	define_self(self, "");
	define_address(16, here[1]);
	load();
	f = symbols_frames(names, 16, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(f->function, "outer");
	ck_assert_str_eq(strrchr(f->file, '/') ? strrchr(f->file, '/') + 1 : f->file,
		"symbols_test.c");
	ck_assert_uint_eq(f->line, line[1]);
	ck_assert_str_eq(f->module, "symbols_test");
	ck_assert(f->known && !f->inlined && !f->interp);
	ck_assert_ptr_eq(symbols_frames(names, 16, &n), f);
	ck_assert_uint_eq(symbols_complaints(names), 0);
}
END_TEST

START_TEST(an_inlined_function_stands_in_the_one_that_took_it_in)
{
	const struct frame *f;
	uint32_t n;

	define_self(self, "");
	define_address(16, here[0]);
	load();
	f = symbols_frames(names, 16, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(f[0].function, "outer");
	ck_assert_uint_eq(f[0].line, line[1] + 1);
	ck_assert(!f[0].inlined);
	ck_assert_str_eq(f[1].function, "inner");
	ck_assert_uint_eq(f[1].line, line[0]);
	ck_assert(f[1].inlined);
	ck_assert_ptr_eq(symbols_frame(names, 16), &f[1]);
}
END_TEST

START_TEST(another_build_of_a_file_is_not_asked)
{
	const struct frame *f;

	define_self(self, "not this build at al");
	define_address(16, here[1]);
	load();
	f = symbols_frame(names, 16);
	ck_assert(!f->known);
	ck_assert_int_eq(strncmp(f->function, "symbols_test+0x", 15), 0);
	ck_assert_uint_eq(symbols_complaints(names), 1);
	ck_assert_ptr_nonnull(strstr(symbols_complaint(names, 0), "build-id differs"));
}
END_TEST

START_TEST(files_that_are_gone_or_no_files_give_offsets)
{
	static const char *const paths[] = { "/nonexistent/lib.so", "/dev/zero", "[vdso]",
		"", "/" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		define_self(paths[i], "");
		define_address(16, here[1]);
		load();
		ck_assert(!symbols_frame(names, 16)->known);
		ck_assert_ptr_nonnull(strstr(symbols_frame(names, 16)->function, "+0x"));
		ck_assert_uint_eq(symbols_complaints(names), 1);
		teardown();
	}
}
END_TEST

START_TEST(interpreter_lines_come_from_the_definitions)
{
	const struct frame *f;
	uint32_t id = writer_line(&w, "!go:7=x");

	load();
	f = symbols_frame(names, id);
	ck_assert_str_eq(f->function, "go");
	ck_assert_str_eq(f->file, "/src/test.py");
	ck_assert_uint_eq(f->line, 7);
	ck_assert_str_eq(f->name, "x");
	ck_assert(f->interp);
	ck_assert_ptr_null(f->module);
}
END_TEST

START_TEST(any_number_has_an_answer)
{
	uint32_t n;

	define_address(16, 0x1234);		/* in a module that was never defined */
	load();
	ck_assert_str_eq(symbols_frame(names, 16)->function, "0x1234");
	ck_assert_str_eq(symbols_frames(names, UINT32_MAX, &n)->function, "?");
	ck_assert_str_eq(symbols_frames(names, 0, &n)->function, "?");
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(
		symbols_frame(names, OURO_LOC_CUT)->function, "[frames left out]");
}
END_TEST

START_TEST(data_has_a_name_too)
{
	define_self(self, "");
	load();
	ck_assert_str_eq(
		symbols_data(names, (uint64_t)(uintptr_t)&here), "symbols_test: here");
	ck_assert_str_eq(symbols_data(names, (uint64_t)(uintptr_t)&here + 8),
		"symbols_test: here+0x8");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("symbols");
	TCase *c = tcase_create("symbols");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_function_has_its_name_file_and_line);
	tcase_add_test(c, an_inlined_function_stands_in_the_one_that_took_it_in);
	tcase_add_test(c, another_build_of_a_file_is_not_asked);
	tcase_add_test(c, files_that_are_gone_or_no_files_give_offsets);
	tcase_add_test(c, interpreter_lines_come_from_the_definitions);
	tcase_add_test(c, any_number_has_an_answer);
	tcase_add_test(c, data_has_a_name_too);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
