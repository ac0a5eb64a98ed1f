/*
 * code_test.c - instructions are told apart, and what they name is found
 */
#include "code.h"

#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "extent.h"

static const struct {
	const char *bytes;
	int size;
	enum code_flow flow;
	int field, field_size, target;	/* target: from the first byte; field_size 0: none */
} insns[] = {
	{ "\x90", 1, CODE_NEXT, 0, 0, 0 },
	{ "\x55", 1, CODE_NEXT, 0, 0, 0 },
	{ "\xf3\x0f\x1e\xfa", 4, CODE_NEXT, 0, 0, 0 },			/* endbr64 */
	{ "\x74\x10", 2, CODE_JCC, 1, 1, 18 },				/* je */
	{ "\x74\xfe", 2, CODE_JCC, 1, 1, 0 },
	{ "\x0f\x84\x10\x00\x00\x00", 6, CODE_JCC, 2, 4, 22 },
	{ "\x2e\x75\x10", 3, CODE_JCC, 2, 1, 19 },			/* with a hint */
	{ "\xe2\x10", 2, CODE_JCC, 1, 1, 18 },				/* loop */
	{ "\xe3\x80", 2, CODE_JCC, 1, 1, -126 },			/* jrcxz */
	{ "\xeb\x10", 2, CODE_JMP, 1, 1, 18 },
	{ "\xe9\x00\x00\x00\x80", 5, CODE_JMP, 1, 4, 5 - 0x7fffffff - 1 },
	{ "\xf2\xe9\x10\x00\x00\x00", 6, CODE_JMP, 2, 4, 22 },		/* bnd jmp */
	{ "\xe8\x10\x00\x00\x00", 5, CODE_CALL, 1, 4, 21 },
	{ "\xff\x25\x10\x00\x00\x00", 6, CODE_JMP_ANY, 2, 4, 22 },	/* jmp *[rip] */
	{ "\xff\xe0", 2, CODE_JMP_ANY, 0, 0, 0 },
	{ "\xff\x15\x10\x00\x00\x00", 6, CODE_CALL_ANY, 2, 4, 22 },
	{ "\xff\xd0", 2, CODE_CALL_ANY, 0, 0, 0 },
	{ "\xc3", 1, CODE_RET, 0, 0, 0 },
	{ "\xf3\xc3", 2, CODE_RET, 0, 0, 0 },
	{ "\xcc", 1, CODE_TRAP, 0, 0, 0 },
	{ "\x0f\x0b", 2, CODE_TRAP, 0, 0, 0 },
	{ "\xc7\xf8\x10\x00\x00\x00", 6, CODE_ODD, 2, 4, 22 },		/* xbegin */
	{ "\xcd\x80", 2, CODE_ODD, 0, 0, 0 },				/* int 0x80 */
	{ "\x48\xff\x28", 3, CODE_ODD, 0, 0, 0 },			/* far jmp */
	{ "\x48\x8d\x05\x10\x00\x00\x00", 7, CODE_NEXT, 3, 4, 23 },	/* lea rax,[rip] */
	{ "\x83\x3d\x10\x00\x00\x00\x07", 7, CODE_NEXT, 2, 4, 23 },	/* cmp [rip],imm8 */
	{ "\x81\x3d\x10\x00\x00\x00\x07\x00\x00\x00", 10, CODE_NEXT, 2, 4, 26 },
	{ "\xc5\xfb\x10\x05\x10\x00\x00\x00", 8, CODE_NEXT, 4, 4, 24 },	/* vmovsd */
	{ "\x62\xf1\x7c\x48\x28\x05\x10\x00\x00\x00", 10, CODE_NEXT, 6, 4, 26 },
	{ "\x8b\x04\x25\x10\x00\x00\x00", 7, CODE_NEXT, 0, 0, 0 },	/* [abs32] */
	{ "\x8b\x45\x10", 3, CODE_NEXT, 0, 0, 0 },			/* [rbp+16] */
	{ "\x0f\x05", 2, CODE_NEXT, 0, 0, 0 },				/* syscall */
};

START_TEST(an_instruction_is_what_the_manual_says)
{
	const uint8_t *at = (const uint8_t *)insns[_i].bytes;
	struct code_insn i;

	ck_assert_int_eq(code_decode(at, insns[_i].size, &i), 0);
	ck_assert_ptr_eq(i.at, at);
	ck_assert_int_eq(i.size, insns[_i].size);
	ck_assert_int_eq(i.flow, insns[_i].flow);
	ck_assert_int_eq(i.field_size, insns[_i].field_size);
	ck_assert_int_eq(i.landing, !strcmp(insns[_i].bytes, "\xf3\x0f\x1e\xfa"));
	if (!i.field_size) {
		ck_assert_ptr_null(i.target);
		return;
	}
	ck_assert_int_eq(i.field, insns[_i].field);
	ck_assert_ptr_eq(i.target, at + insns[_i].target);
}
END_TEST

START_TEST(an_instruction_cut_short_is_no_instruction)
{
	struct code_insn i = { .size = 99 };

	for (int n = 0; n < insns[_i].size; n++) {
		/* a prefix of some is an instruction already, but none that is as long */
		if (!code_decode(insns[_i].bytes, n, &i))
			ck_assert_int_le(i.size, n);
	}
	i.size = 99;
	ck_assert_int_eq(code_decode(insns[_i].bytes, 0, &i), -ENODATA);
	ck_assert_int_eq(i.size, 99);
}
END_TEST

START_TEST(what_is_no_instruction_is_said_to_be_none)
{
	struct code_insn i;

	ck_assert_int_eq(code_decode("\x06", 1, &i), -EILSEQ);
	ck_assert_int_eq(code_decode("\xff\xff\xff\xff", 4, &i), -EILSEQ);
	/* an address that wraps at 4 GiB can't be mended when moved */
	ck_assert_int_eq(code_decode("\x67\x48\x8d\x05\x10\x00\x00\x00", 8, &i), -EILSEQ);
	ck_assert_int_eq(code_decode("\x48\x8d\x05", 3, &i), -ENODATA);
}
END_TEST

/* --- functions ----------------------------------------------------------------------- */

#define FUNCTION(name, body) \
	".globl k_" name "\nk_" name ": " body "\n.globl e_" name "\ne_" name ":\n"

asm(".text\n.intel_syntax noprefix\n"
FUNCTION("calls",	"push rbx; jmp 1f; nop; 1: call k_other; pop rbx; ret")
FUNCTION("tail",	"mov rdi, rsi; jmp k_other")
FUNCTION("calls_none",	"test edi, edi; je 1f; call rax; 1: ret")
FUNCTION("other",	"mov eax, 1; ret")
FUNCTION("thunk",	"jmp qword ptr k_slot[rip]; nop; nop")
FUNCTION("thunk_bnd",	"endbr64; bnd jmp k_thunk; nop")
FUNCTION("thunk_self",	"jmp k_thunk_self; .skip 16, 0x90")
FUNCTION("flag_cmp",	"push rbx; cmp dword ptr k_flag[rip], 0; jne 1f; 1: ret")
FUNCTION("flag_load",	"mov eax, k_flag[rip]; push rbx; test eax, eax; ret")
FUNCTION("flag_cmp_reg", "xor eax, eax; cmp eax, k_flag[rip]; ret")
FUNCTION("flag_got",	"mov rax, k_pointer[rip]; push rbx; mov rbx, rdi; mov eax, [rax+4]; test eax, eax; ret")
FUNCTION("flag_got_cmp", "mov rdx, k_pointer[rip]; mov rax, rdx; cmp byte ptr [rax+8], 0; ret")
FUNCTION("flag_lea",	"lea rax, k_flag[rip]; cmp dword ptr [rax+12], 3; ret")
FUNCTION("flag_byte",	"movzx eax, byte ptr k_flag[rip]; cmp k_flag[rip+2], al; ret")
FUNCTION("flag_after_call", "call k_other; cmp dword ptr k_flag[rip], 0; ret")
FUNCTION("flag_argument", "test edi, edi; cmp dword ptr k_flag[rip], 0; ret")
FUNCTION("flag_lost",	"mov rax, k_pointer[rip]; add rax, rdi; cmp dword ptr [rax+4], 0; ret")
FUNCTION("flag_array",	"lea rax, k_flag[rip]; cmp dword ptr [rax+rdi*4], 0; ret")
FUNCTION("flag_tls",	"cmp dword ptr fs:[0x28], 0; ret")
FUNCTION("flag_none",	"mov eax, k_flag[rip]; ret")
FUNCTION("operands",	"lea rax, k_flag[rip]; mov ecx, k_flag[rip+4]; test ecx, ecx;"
			"mov byte ptr k_flag[rip+8], 1; inc qword ptr k_pointer[rip];"
			"cmp word ptr k_flag[rip+2], 5; mov edx, k_flag[rip]; test ecx, ecx; ret")
".data\n.p2align 3\nk_slot: .quad k_other\nk_pointer: .quad k_flag\n"
"k_flag: .zero 64\n"
".text\n.att_syntax\n");

extern char k_flag[], k_pointer[], k_other[];

#define SIZE(n) ((size_t)(e_##n - k_##n))
#define DECLARE(n) extern char k_##n[], e_##n[]
DECLARE(calls); DECLARE(tail); DECLARE(calls_none); DECLARE(thunk); DECLARE(thunk_bnd);
DECLARE(thunk_self); DECLARE(flag_cmp); DECLARE(flag_load); DECLARE(flag_cmp_reg);
DECLARE(flag_got); DECLARE(flag_got_cmp); DECLARE(flag_lea); DECLARE(flag_byte);
DECLARE(flag_after_call); DECLARE(flag_argument); DECLARE(flag_lost); DECLARE(flag_array);
DECLARE(flag_tls); DECLARE(flag_none); DECLARE(operands);

START_TEST(the_first_call_or_jump_out_is_found)
{
	ck_assert_ptr_eq(code_first_call(k_calls, SIZE(calls)), k_other);
	ck_assert_ptr_eq(code_first_call(k_tail, SIZE(tail)), k_other);
	ck_assert_ptr_null(code_first_call(k_calls_none, SIZE(calls_none)));
	/* the call is there, but not within these bytes; nor is where the jump goes */
	ck_assert_ptr_null(code_first_call(k_calls, 1));
	ck_assert_ptr_eq(code_first_call(k_calls, 4), k_calls + 4);
}
END_TEST

START_TEST(a_function_that_only_jumps_is_seen_through)
{
	ck_assert_ptr_eq(code_behind_jump(k_other), k_other);
	ck_assert_ptr_eq(code_behind_jump(k_thunk), k_other);
	ck_assert_ptr_eq(code_behind_jump(k_thunk_bnd), k_other);
	ck_assert_ptr_eq(code_behind_jump(k_thunk_self), k_thunk_self);
}
END_TEST

START_TEST(the_flag_that_a_function_tests_first_is_found)
{
	const struct {
		char *fn;
		size_t within;
		void *flag;
		size_t size;
	} c[] = {
		{ k_flag_cmp, SIZE(flag_cmp), k_flag, 4 },
		{ k_flag_load, SIZE(flag_load), k_flag, 4 },
		{ k_flag_cmp_reg, SIZE(flag_cmp_reg), k_flag, 4 },
		{ k_flag_got, SIZE(flag_got), k_flag + 4, 4 },
		{ k_flag_got_cmp, SIZE(flag_got_cmp), k_flag + 8, 1 },
		{ k_flag_lea, SIZE(flag_lea), k_flag + 12, 4 },
		{ k_flag_byte, SIZE(flag_byte), k_flag + 2, 1 },
		{ k_flag_after_call, SIZE(flag_after_call), NULL, 0 },
		{ k_flag_argument, SIZE(flag_argument), NULL, 0 },
		{ k_flag_lost, SIZE(flag_lost), NULL, 0 },
		{ k_flag_array, SIZE(flag_array), NULL, 0 },
		{ k_flag_tls, SIZE(flag_tls), NULL, 0 },
		{ k_flag_none, SIZE(flag_none), NULL, 0 },
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		size_t size = 0;

		ck_assert_ptr_eq(code_first_tested(c[i].fn, c[i].within, &size), c[i].flag);
		ck_assert_uint_eq(size, c[i].size);
	}
}
END_TEST

START_TEST(rip_relative_operands_are_listed_with_what_is_done_to_them)
{
	struct code_operand o[8];

	ck_assert_uint_eq(code_rip_operands(k_operands, SIZE(operands), o, 8), 6);
	ck_assert_uint_eq(code_rip_operands(k_operands, SIZE(operands), o, 2), 2);
	ck_assert_uint_eq(code_rip_operands(k_operands, SIZE(operands), o, 8), 6);
#define IS(i, where, n, l, s, t) \
	ck_assert(o[i].addr == (where) && o[i].size == (n) && o[i].load == (l) && \
		  o[i].store == (s) && o[i].tested == (t))
	IS(0, k_flag, 0, false, false, false);
	IS(1, k_flag + 4, 4, true, false, true);
	IS(2, k_flag + 8, 1, false, true, false);
	IS(3, k_pointer, 8, true, true, false);
	IS(4, k_flag + 2, 2, true, false, true);
	IS(5, k_flag, 4, true, false, false);	/* another register is tested next */
#undef IS
	ck_assert_ptr_eq(o[0].at, k_operands);
}
END_TEST

/* --- CPython, where all this is for --------------------------------------------------- */

static const struct {
	const char *lib;
	const char *base;	/* of the flag: a symbol, and the distance from it */
	int offset;
	bool calls;		/* a helper; 3.13 calls through a pointer          */
} pythons[] = {
	{ "3.9.18/lib/libpython3.9.so.1.0", "_Py_tracemalloc_config", 4, true },
	{ "3.10.13/lib/libpython3.10.so.1.0", "_Py_tracemalloc_config", 4, true },
	{ "3.11.7/lib/libpython3.11.so.1.0", "_Py_tracemalloc_config", 4, true },
	{ "3.12.1/lib/libpython3.12.so.1.0", "_PyRuntime", 2772, true },
	{ "3.13.0/lib/libpython3.13.so.1.0", "_PyRuntime", 10312, false },
	{ "libpython3.11.so.1.0", "_Py_tracemalloc_config", 4, true },
};

START_TEST(the_tracing_flag_of_cpython_is_found)
{
	char path[4096];
	struct extent x;
	char *fn;
	void *lib, *helper, *known;

	snprintf(path, sizeof(path), "%s%s%s", _i < 5 ? getenv("HOME") : "",
		 _i < 5 ? "/.pyenv/versions/" : "", pythons[_i].lib);
	lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		return;
	fn = dlsym(lib, "_Py_NewReference");
	ck_assert_ptr_nonnull(fn);
	ck_assert_int_eq(extent_of(fn, &x), 0);
	ck_assert_ptr_eq(code_first_tested(fn, x.end - x.begin, NULL),
			 (char *)dlsym(lib, pythons[_i].base) + pythons[_i].offset);
	helper = code_first_call(fn, x.end - x.begin);
	ck_assert_int_eq(helper != NULL, pythons[_i].calls);
	known = dlsym(lib, "_PyTraceMalloc_NewReference");
	if (known)
		ck_assert_ptr_eq(code_behind_jump(helper), known);
}
END_TEST

#define LENGTH(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	Suite *s = suite_create("code");
	TCase *t = tcase_create("code");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, an_instruction_is_what_the_manual_says, 0, LENGTH(insns));
	tcase_add_loop_test(t, an_instruction_cut_short_is_no_instruction, 0, LENGTH(insns));
	tcase_add_test(t, what_is_no_instruction_is_said_to_be_none);
	tcase_add_test(t, the_first_call_or_jump_out_is_found);
	tcase_add_test(t, a_function_that_only_jumps_is_seen_through);
	tcase_add_test(t, the_flag_that_a_function_tests_first_is_found);
	tcase_add_test(t, rip_relative_operands_are_listed_with_what_is_done_to_them);
	tcase_add_loop_test(t, the_tracing_flag_of_cpython_is_found, 0, LENGTH(pythons));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
