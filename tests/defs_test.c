/*
 * defs_test.c - definitions are read, joined, and nothing wrong in them does harm
 */
#include "../analyzer/defs.h"	/* the guest has a header of that name too */

#include "trace_writer.h"

#include <check.h>

static struct trace_writer w;
static struct trace t;
static struct defs d;

static void load(void)
{
	ck_assert_int_eq(trace_open_memory(&t, w.bytes, w.size, NULL), 0);
	ck_assert_int_eq(defs_load(&d, &t), 0);
}

static void teardown(void)
{
	defs_free(&d);
	trace_close(&t);
	writer_fini(&w);
}

static struct ouro_def *first_def(void)
{
	return (struct ouro_def *)(w.bytes + w.defs_chunk + sizeof(struct ouro_chunk));
}

START_TEST(a_location_leads_to_its_file_and_function)
{
	const struct def_location *l;
	uint32_t native, line;

	native = writer_native(&w, "main");
	line = writer_line(&w, "!go:7=x");
	load();
	l = def_location(&d, native);
	ck_assert_int_eq(l->kind, LOCATION_NATIVE);
	ck_assert(text_is(def_module(&d, l->native.module)->path, "/bin/app"));
	l = def_location(&d, line);
	ck_assert_int_eq(l->kind, LOCATION_LINE);
	ck_assert_int_eq(l->flags, LOCATION_ENTRY);
	ck_assert_uint_eq(l->line.line, 7);
	ck_assert(text_is(def_string(&d, l->line.name), "x"));
	ck_assert(text_is(def_code(&d, l->line.code)->name, "go"));
	ck_assert(text_is(def_code(&d, l->line.code)->file, "/src/test.py"));
	ck_assert_int_eq(def_location(&d, OURO_LOC_CUT)->kind, LOCATION_MARK);
}
END_TEST

START_TEST(code_of_the_evaluator_and_of_the_guest_is_marked)
{
	uint32_t plain = writer_native(&w, "main"), eval = writer_native(&w, "eval1");
	uint32_t guest = writer_native(&w, "guest1");

	load();
	ck_assert_int_eq(def_location(&d, plain)->flags, 0);
	ck_assert_int_eq(def_location(&d, eval)->flags, LOCATION_EVAL);
	ck_assert_int_eq(def_location(&d, guest)->flags, LOCATION_GUEST);
}
END_TEST

START_TEST(what_was_defined_twice_is_one)
{
	uint32_t module = writer_module(&w, "/bin/app", 0x10000000);
	struct ouro_def_native n = { .module = module, .address = 0x10000100 };
	struct ouro_def_string s = { .length = 4 };
	struct ouro_def_code c = { .line = 3 };
	struct ouro_def_line l = { .line = 5 };
	struct ouro_def_type y = { .address = 64 };

	for (uint32_t i = 0; i < 2; i++) {
		s.id = 40 + i;
		writer_define(&w, OURO_DEF_STRING, 0, &s, sizeof(s), "name", 4);
		n.id = 20 + i;
		writer_define(&w, OURO_DEF_NATIVE, 0, &n, sizeof(n), NULL, 0);
		c.id = 7 + i;
		c.name = c.file = s.id;
		writer_define(&w, OURO_DEF_CODE, 0, &c, sizeof(c), NULL, 0);
		l.id = 30 + i;
		l.code = c.id;
		l.name = s.id;
		writer_define(&w, OURO_DEF_LINE, 0, &l, sizeof(l), NULL, 0);
		y.id = 3 + i;
		y.name = s.id;
		writer_define(&w, OURO_DEF_TYPE, 0, &y, sizeof(y), NULL, 0);
	}
	n.id = 22;
	n.address++;
	writer_define(&w, OURO_DEF_NATIVE, 0, &n, sizeof(n), NULL, 0);
	load();
	ck_assert_uint_eq(location_same(&d, 21), 20);
	ck_assert_uint_eq(location_same(&d, 22), 22);
	ck_assert_uint_eq(location_same(&d, 31), 30);
	ck_assert_uint_eq(location_same(&d, 123456), 123456);
	ck_assert_uint_eq(type_same(&d, 4), 3);
}
END_TEST

START_TEST(a_definition_whose_writer_died_is_stepped_over)
{
	uint32_t a = writer_string(&w, "half"), b = writer_string(&w, "whole");

	first_def()->size |= OURO_DEF_OPEN;
	load();
	ck_assert_uint_eq(def_string(&d, a).length, 0);
	ck_assert(text_is(def_string(&d, b), "whole"));
	ck_assert_uint_eq(t.damages, 0);
}
END_TEST

START_TEST(the_last_word_on_a_runtime_counts)
{
	struct ouro_def_runtime r = { .state = OURO_RUNTIME_ACTIVE };

	r.name = writer_string(&w, "cpython");
	writer_define(&w, OURO_DEF_RUNTIME, 0, &r, sizeof(r), NULL, 0);
	r.state = OURO_RUNTIME_DORMANT;
	r.reason = writer_string(&w, "too new");
	writer_define(&w, OURO_DEF_RUNTIME, 0, &r, sizeof(r), NULL, 0);
	load();
	ck_assert_uint_eq(d.runtimes, 1);
	ck_assert_uint_eq(def_runtime(&d, "cpython")->state, OURO_RUNTIME_DORMANT);
	ck_assert(text_is(def_runtime(&d, "cpython")->reason, "too new"));
	ck_assert_ptr_null(def_runtime(&d, "perl"));
}
END_TEST

START_TEST(a_process_has_its_arguments)
{
	struct ouro_def_process p = { .argc = 2 };
	uint32_t argv[2] = { writer_string(&w, "prog"), writer_string(&w, "-x") };

	p.executable = writer_string(&w, "/bin/prog");
	writer_define(&w, OURO_DEF_PROCESS, 0, &p, sizeof(p), argv, sizeof(argv));
	load();
	ck_assert_uint_eq(d.argc, 2);
	ck_assert(text_is(d.argv[1], "-x"));
	ck_assert(text_is(d.executable, "/bin/prog"));
}
END_TEST

START_TEST(absurd_sizes_and_numbers_are_noted)
{
	struct ouro_def_string s = { .id = 4000000000u, .length = 1 };
	struct ouro_def_process p = { .argc = UINT32_MAX };

	writer_define(&w, OURO_DEF_STRING, 0, &s, sizeof(s), "x", 1);
	s.id = 1;
	s.length = 1000;
	writer_define(&w, OURO_DEF_STRING, 0, &s, sizeof(s), "x", 1);
	writer_define(&w, OURO_DEF_PROCESS, 0, &p, sizeof(p), NULL, 0);
	writer_define(&w, OURO_DEF_NATIVE, 0, &s, sizeof(s), NULL, 0);
	load();
	ck_assert_uint_eq(t.damages, 4);
	ck_assert_uint_eq(d.strings, 0);
	ck_assert_uint_eq(d.argc, 0);
}
END_TEST

START_TEST(a_size_out_of_bounds_ends_its_chunk_alone)
{
	uint32_t kept = writer_string(&w, "kept");

	w.defs_used = OURO_CHUNK_SIZE;		/* the next one begins a chunk */
	writer_string(&w, "lost");
	first_def()->size = 0x7ffffff8;
	load();
	ck_assert(text_is(def_string(&d, kept), "kept"));
	ck_assert_uint_eq(t.damages, 1);
	ck_assert_str_eq(t.damage[0].text,
		"chunk 1 (byte 69632): definition at byte 0 has 2147483640 bytes");
}
END_TEST

START_TEST(kinds_to_come_are_stepped_over)
{
	struct ouro_def_note n = { .severity = 1 };
	uint32_t id;

	writer_define(&w, 999, 0, &n, sizeof(n), NULL, 0);
	id = writer_string(&w, "after");
	load();
	ck_assert(text_is(def_string(&d, id), "after"));
	ck_assert_uint_eq(t.damages, 0);
}
END_TEST

START_TEST(what_another_trace_defines_is_added_behind_its_own)
{
	struct trace_writer parent = { 0 };
	struct trace parents_trace;
	struct defs parents;
	struct defs_added at;
	uint32_t own = writer_native(&w, "main"), own_line = writer_line(&w, "go:7=x"), before, modules;
	uint32_t other = writer_native(&parent, "guest1"), far = writer_line(&parent, "stay:9=y");
	uint32_t line = writer_line(&parent, "go:7=x"), native = writer_native(&parent, "main");
	const struct def_location *l;

	load();
	ck_assert_int_eq(trace_open_memory(&parents_trace, parent.bytes, parent.size, NULL), 0);
	ck_assert_int_eq(defs_load(&parents, &parents_trace), 0);
	before = d.locations;
	modules = d.modules;
	ck_assert_int_eq(defs_add(&d, &parents, &at), 0);
	ck_assert_uint_eq(at.location, before);
	ck_assert_uint_eq(d.modules, modules + 1);

	/* Machine code: its module is the one that stands there. */
	l = def_location(&d, at.location + native);
	ck_assert_int_eq(l->kind, LOCATION_NATIVE);
	ck_assert_uint_eq(l->native.module, def_location(&d, own)->native.module);
	ck_assert_uint_eq(l->native.address, def_location(&parents, native)->native.address);
	l = def_location(&d, at.location + other);
	ck_assert(text_is(def_module(&d, l->native.module)->path, "/lib/libouro.so"));
	ck_assert_int_eq(l->flags, LOCATION_GUEST);

	/* A line that both have is one; another one has its own name and code. */
	ck_assert_uint_eq(location_same(&d, at.location + line), location_same(&d, own_line));
	l = def_location(&d, at.location + far);
	ck_assert_uint_eq(location_same(&d, at.location + far), at.location + far);
	ck_assert_uint_eq(l->line.line, 9);
	ck_assert(text_is(def_string(&d, l->line.name), "y"));
	ck_assert(text_is(def_code(&d, l->line.code)->name, "stay"));

	/* What was there is as it was. */
	ck_assert_int_eq(def_location(&d, own)->kind, LOCATION_NATIVE);
	ck_assert(text_is(def_code(&d, def_location(&d, own_line)->line.code)->name, "go"));
	defs_free(&parents);
	trace_close(&parents_trace);
	writer_fini(&parent);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("defs");
	TCase *c = tcase_create("defs");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_add_test(c, a_location_leads_to_its_file_and_function);
	tcase_add_test(c, code_of_the_evaluator_and_of_the_guest_is_marked);
	tcase_add_test(c, what_was_defined_twice_is_one);
	tcase_add_test(c, a_definition_whose_writer_died_is_stepped_over);
	tcase_add_test(c, the_last_word_on_a_runtime_counts);
	tcase_add_test(c, a_process_has_its_arguments);
	tcase_add_test(c, absurd_sizes_and_numbers_are_noted);
	tcase_add_test(c, a_size_out_of_bounds_ends_its_chunk_alone);
	tcase_add_test(c, kinds_to_come_are_stepped_over);
	tcase_add_test(c, what_another_trace_defines_is_added_behind_its_own);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
