/*
 * detour_test.c - functions whose entry is rewritten do what they did
 *
 * The corpus is prologues by hand.  Each is either detoured, and then called with every
 * register poisoned, or refused by the right name with all bytes as they were.
 */
#include "detour.h"

#include <check.h>
#include <dlfcn.h>
#include <link.h>
#include <sched.h>
#include <stddef.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "code.h"
#include "detour/sweep.h"
#include "text.h"

/* --- the corpus ---------------------------------------------------------------------- */

#define FUNCTION(name, body) \
	".globl c_" name "\n.type c_" name ",@function\n.p2align 4\n" \
	"c_" name ":\n.cfi_startproc\n" body "\n.cfi_endproc\n.size c_" name ",.-c_" name "\n"

asm(".text\n.intel_syntax noprefix\n"
FUNCTION("push",	"push rbx; mov rbx, rdi; lea rax, [rbx+rsi*2]; pop rbx; ret")
FUNCTION("mov_imm",	"mov esi, 0x12345678; lea rax, [rdi+rsi]; ret")
FUNCTION("rip_lea",	"lea rax, datum[rip]; mov rax, [rax]; add rax, rdi; ret")
FUNCTION("rip_load",	"push rbx; mov rbx, datum[rip]; lea rax, [rbx+rdi]; pop rbx; ret")
FUNCTION("rip_cmp8",	"cmp dword ptr datum[rip], 7; mov eax, 1; je 1f; mov eax, edi; 1: ret")
FUNCTION("rip_cmp32",	"cmp dword ptr datum[rip], 0x11223344; sete al; movzx eax, al; ret")
FUNCTION("rip_sse",	"movsd xmm1, real[rip]; addsd xmm0, xmm1; ret")
FUNCTION("rip_second",	"push rbp; lea rbp, datum[rip]; mov rax, [rbp]; pop rbp; ret")
FUNCTION("jcc_short",	"test edi, edi; je 1f; lea eax, [rdi+1]; ret; 1: mov eax, -1; ret")
FUNCTION("jcc_taken",	"test rsp, rsp; jne 1f; lea eax, [rdi+1]; ret; 1: mov eax, -1; ret")
FUNCTION("jcc_near",	"test edi, edi; .byte 0x0f, 0x84; .long 1f-.-4; mov eax, 3; ret; 1: ret")
FUNCTION("jrcxz",	"jrcxz 1f; lea eax, [rdi+1]; ret; 1: mov eax, -1; ret")
FUNCTION("jrcxz_taken",	"xor ecx, ecx; jrcxz 1f; lea eax, [rdi+1]; ret; 1: mov eax, -1; ret")
FUNCTION("loop_insn",	"loop 1f; lea eax, [rdi+1]; ret; 1: mov rax, rcx; ret")
FUNCTION("early_ret",	"test edi, edi; jne 1f; ret; 1: lea eax, [rdi+7]; ret")
FUNCTION("jmp_short",	"jmp 1f; nop; nop; nop; 1: lea eax, [rdi+9]; ret")
FUNCTION("tail_jmp",	".byte 0xe9; .long c_push-.-4")
FUNCTION("late_loop",	"mov eax, 0; 1: add eax, edi; dec esi; jne 1b; ret")
FUNCTION("loop_at_7",	"mov eax, 0; mov ecx, edi; 1: add eax, ecx; dec esi; jne 1b;"
			"lea eax, [rax+0x1000]; ret")
FUNCTION("endbr",	"endbr64; push rbx; mov rbx, rdi; lea eax, [rbx+5]; pop rbx; ret")
FUNCTION("stack_args",	"mov rax, [rsp+8]; add rax, [rsp+16]; ret")
FUNCTION("aligned",	"sub rsp, 24; movaps [rsp], xmm3; mov rax, [rsp]; add rsp, 24; ret")
FUNCTION("zeroes",	"sub rsp, 0x88; mov [rsp], rdi; mov rax, [rsp]; add rsp, 0x88; ret")
FUNCTION("recursive",	"mov eax, 0; test edi, edi; je 1f; push rdi; mov edi, 0;"
			"call c_recursive; pop rdi; add eax, edi; 1: ret")
FUNCTION("self_lea",	"push rbx; nop; nop; nop; nop; lea rax, c_self_lea[rip]; sub rax, rax; pop rbx; ret")

FUNCTION("back_to_4",	"xor eax, eax; nop; nop; 1: add eax, edi; dec edi; jne 1b; ret")
FUNCTION("back_to_last", "nop; nop; nop; nop; 1: nop; add rax, rdi; dec edi; jne 1b; ret")
FUNCTION("back_to_0",	"1: add rax, rdi; dec edi; jne 1b; ret")
FUNCTION("back_far",	"xor eax, eax; 1: add eax, edi; .skip 300, 0x90; dec edi; jne 1b; ret")
FUNCTION("endbr_loop",	"endbr64; 1: add rax, rdi; dec edi; jne 1b; ret")
FUNCTION("forward_in",	"test edi, edi; jne 1f; 1: lea eax, [rdi+1]; ret")
FUNCTION("call_first",	"call c_push; ret")
FUNCTION("call_second",	"sub rsp, 8; call c_push; add rsp, 8; ret")
FUNCTION("call_reg",	"push rbx; call r11; pop rbx; ret")
FUNCTION("ret_only",	"ret")
FUNCTION("short",	"xor eax, eax; ret")
FUNCTION("endbr_short",	"endbr64; xor eax, eax; ret")
FUNCTION("plt",		"jmp qword ptr pointer[rip]")
FUNCTION("plt_bnd",	"endbr64; bnd jmp qword ptr pointer[rip]; nop")
FUNCTION("unknown",	"mov eax, 1; .byte 0x06; ret")
FUNCTION("unknown_first", ".byte 0x06, 0x06; mov eax, 1; ret")
FUNCTION("int3",	"int3; mov eax, 1; ret")
FUNCTION("ud2",		"ud2; mov eax, 1; ret")
FUNCTION("xbegin",	"xbegin 1f; xend; 1: mov eax, 1; ret")
FUNCTION("eip",		".byte 0x67; lea rax, datum[rip]; ret")
FUNCTION("cold_back",	"push rbx; 1: movzx ebx, byte ptr [rdi]; test bl, bl; jne cold_1; pop rbx; ret")
"cold_1: .cfi_startproc; add rdi, 1; jmp c_cold_back+1\n.cfi_endproc\n"
FUNCTION("cold_loop",	"mov rax, [rdi]; add rdi, 8; 1: test rax, rax; jne cold_2; ret")
"cold_2: .cfi_startproc; dec rax; js c_cold_loop; jmp 1b\n.cfi_endproc\n"
FUNCTION("cold_twice",	"push rbx; test edi, edi; jne cold_3; 1: pop rbx; ret")
"cold_3: .cfi_startproc; jg cold_4; jmp 1b\n.cfi_endproc\n"
"cold_4: .cfi_startproc; dec edi; jmp c_cold_twice+1\n.cfi_endproc\n"
FUNCTION("cold_fine",	"mov eax, 0; test edi, edi; jne cold_5; 1: ret")
"cold_5: .cfi_startproc; lea eax, [rdi+1]; jmp 1b\n.cfi_endproc\n"
FUNCTION("mutual",	"sub rdi, 1; jne mutual_2; mov eax, 7; ret")
"mutual_2: .cfi_startproc; sub rdi, 1; jne c_mutual; mov eax, 8; ret\n.cfi_endproc\n"
FUNCTION("far",		".byte 0x48, 0x8d, 0x05, 0x00, 0xf0, 0xff, 0x7f; ret")
"c_no_cfi: .type c_no_cfi,@function; push rbx; mov rbx, rdi; mov rax, rbx; pop rbx; ret\n"
".size c_no_cfi,.-c_no_cfi\n"
".data\n.p2align 3\ndatum: .quad 0x11223344\nreal: .double 1.5\npointer: .quad c_push\n"
FUNCTION("in_data",	"push rbx; mov rbx, rdi; mov rax, rbx; pop rbx; ret")
".section .rodata\n"
FUNCTION("in_rodata",	"push rbx; mov rbx, rdi; mov rax, rbx; pop rbx; ret")
".text\n.att_syntax\n");

/*
 * void call_with(const struct cpu *in, struct cpu *ret, void *fn, long arg7, long arg8):
 * every register from `in`, two arguments on the stack, and every register into *ret.
 * spy: notes every register, then goes on to the original.
 */
struct cpu {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rsp;
	uint64_t xmm[8][2];
};

#define GPRS(op) \
	op("rbx", 8) op("rcx", 16) op("rdx", 24) op("rsi", 32) op("rbp", 48) op("r8", 56) \
	op("r9", 64) op("r10", 72) op("r11", 80) op("r12", 88) op("r13", 96) op("r14", 104) \
	op("r15", 112)
#define XMMS(op) op("0", 128) op("1", 144) op("2", 160) op("3", 176) op("4", 192) \
	op("5", 208) op("6", 224) op("7", 240)
#define LOAD(r, at) "mov " r ", [rdi+" #at "]\n"
#define LOADX(n, at) "movups xmm" n ", [rdi+" #at "]\n"
#define STORE(r, at) "mov [rax+" #at "], " r "\n"
#define STOREX(n, at) "movups [rax+" #at "], xmm" n "\n"
#define NOTE(r, at) "mov seen[rip+" #at "], " r "\n"
#define NOTEX(n, at) "movups seen[rip+" #at "], xmm" n "\n"

struct cpu seen;
void *spied;			/* the original behind the spy */
void spy(void);
void call_with(const struct cpu *in, struct cpu *ret, void *fn, long arg7, long arg8);

asm(".text\n.intel_syntax noprefix\n"
"call_with: .cfi_startproc\n"
"push rbx; push rbp; push r12; push r13; push r14; push r15\n"
"push rsi; push rdx; push 0; push r8; push rcx\n"
XMMS(LOADX) GPRS(LOAD) "mov rax, [rdi]; mov rdi, [rdi+40]\n"
"call [rsp+24]\n"
"mov [rsp+16], rax; mov rax, [rsp+32]\n"
GPRS(STORE) XMMS(STOREX) "mov [rax+40], rdi; mov rdi, [rsp+16]; mov [rax], rdi\n"
"add rsp, 40; pop r15; pop r14; pop r13; pop r12; pop rbp; pop rbx; ret\n"
".cfi_endproc\n"
"spy: endbr64\n" GPRS(NOTE) XMMS(NOTEX)
"mov seen[rip], rax; mov seen[rip+40], rdi; mov seen[rip+120], rsp\n"
"jmp qword ptr spied[rip]\n"
".att_syntax\n");

static struct cpu poisoned(void)
{
	struct cpu c;
	uint64_t *word = (uint64_t *)&c;

	for (size_t i = 0; i < sizeof(c) / 8; i++)
		word[i] = 0xdead0000beef0000 + i * 0x1111;
	c.rdi = 5;
	c.rsi = 3;
	c.rsp = 0;
	return c;
}

static void *corpus(const char *name)
{
	void *fn = NULL;

#define ONE(n) do { extern char c_##n[]; if (!strcmp(name, #n)) fn = c_##n; } while (0)
	ONE(push); ONE(mov_imm); ONE(rip_lea); ONE(rip_load); ONE(rip_cmp8); ONE(rip_cmp32);
	ONE(rip_sse); ONE(rip_second); ONE(jcc_short); ONE(jcc_taken); ONE(jcc_near);
	ONE(jrcxz); ONE(jrcxz_taken); ONE(loop_insn); ONE(early_ret); ONE(jmp_short);
	ONE(tail_jmp); ONE(late_loop);
	ONE(loop_at_7); ONE(endbr); ONE(stack_args); ONE(aligned);
	ONE(zeroes); ONE(recursive); ONE(self_lea); ONE(cold_fine); ONE(mutual);
	ONE(cold_back); ONE(cold_loop); ONE(cold_twice); ONE(far); ONE(back_to_last);
	ONE(back_to_4); ONE(back_to_0); ONE(back_far); ONE(endbr_loop); ONE(forward_in);
	ONE(call_first); ONE(call_second); ONE(call_reg); ONE(ret_only); ONE(short);
	ONE(endbr_short); ONE(plt); ONE(plt_bnd); ONE(unknown); ONE(unknown_first);
	ONE(int3); ONE(ud2); ONE(xbegin); ONE(eip); ONE(no_cfi); ONE(in_data);
	ONE(in_rodata);
#undef ONE
	ck_assert_msg(fn != NULL, "%s is not in the corpus", name);
	return fn;
}

static const char *const movable[] = {
	"push", "mov_imm", "rip_lea", "rip_load", "rip_cmp8", "rip_cmp32", "rip_sse",
	"rip_second", "jcc_short", "jcc_taken", "jcc_near", "jrcxz", "jrcxz_taken",
	"loop_insn", "early_ret", "jmp_short", "tail_jmp", "late_loop", "loop_at_7",
	"endbr", "stack_args",
	"aligned", "zeroes", "recursive", "self_lea",
	"cold_fine", "mutual",
};

static const struct {
	const char *name;
	int refusal;
} immovable[] = {
	{ "back_to_last", DETOUR_BRANCH }, { "back_to_4", DETOUR_BRANCH },
	{ "back_to_0", DETOUR_BRANCH },
	{ "back_far", DETOUR_BRANCH }, { "endbr_loop", DETOUR_BRANCH },
	{ "cold_back", DETOUR_BRANCH }, { "cold_loop", DETOUR_BRANCH },
	{ "cold_twice", DETOUR_BRANCH }, { "forward_in", DETOUR_BRANCH }, { "call_first", DETOUR_CALL },
	{ "call_second", DETOUR_CALL }, { "call_reg", DETOUR_CALL },
	{ "ret_only", DETOUR_SHORT }, { "short", DETOUR_SHORT },
	{ "endbr_short", DETOUR_SHORT }, { "plt", DETOUR_JUMP }, { "plt_bnd", DETOUR_JUMP },
	{ "unknown", DETOUR_UNKNOWN }, { "unknown_first", DETOUR_UNKNOWN },
	{ "int3", DETOUR_TRAP }, { "ud2", DETOUR_TRAP }, { "xbegin", DETOUR_UNKNOWN },
	{ "eip", DETOUR_UNKNOWN }, { "no_cfi", DETOUR_UNBOUNDED },
	{ "in_data", DETOUR_NOT_CODE }, { "in_rodata", DETOUR_NOT_CODE },
};

/* The bytes of a refused function are the same before and after. */
static void refuses(int refusal, const char *name, void *fn, void *replacement,
		    void **ret_original)
{
	uint8_t before[16], after[16];
	int err;

	memcpy(before, fn, 16);
	errno = 77;
	err = detour_place(name, fn, replacement, ret_original);
	ck_assert_int_eq(errno, 77);
	ck_assert_msg(err == -refusal, "%s: %s instead of %s", name, detour_refusal_name(err),
		      detour_refusal_name(refusal));
	memcpy(after, fn, 16);
	ck_assert_mem_eq(before, after, 16);
}

/* ThreadSanitizer has a thread of its own, which never is in a function of ours. */
#ifdef __SANITIZE_THREAD__
enum { SANITIZER_THREADS = 1 };
#else
enum { SANITIZER_THREADS = 0 };
#endif

static void places(const char *name, void *fn, void *replacement, void **ret_original)
{
	int err;

	errno = 77;
	err = SANITIZER_THREADS ? detour_place_unrun(name, fn, replacement, ret_original)
				: detour_place(name, fn, replacement, ret_original);
	ck_assert_int_eq(errno, 77);
	ck_assert_msg(!err, "%s: %s", name, detour_refusal_name(err));
}

START_TEST(a_detoured_function_does_what_it_did_with_every_register)
{
	const char *name = movable[_i];
	void *fn = corpus(name);
	struct cpu in = poisoned(), bare = { 0 }, detoured = { 0 };

	ck_assert_int_eq(detour_check(fn, 0), 0);
	call_with(&in, &bare, fn, 70, 80);
	places(name, fn, spy, &spied);
	memset(&seen, 0, sizeof(seen));
	call_with(&in, &detoured, fn, 70, 80);
	ck_assert_uint_eq(seen.rsp & 15, 8);
	seen.rsp = 0;
	/* these were seen again, with the argument that they came back with */
	if (!strcmp(name, "recursive")) {
		ck_assert_uint_eq(seen.rdi, 0);
		seen.rax = in.rax;
		seen.rdi = in.rdi;
	} else if (!strcmp(name, "mutual")) {
		ck_assert_uint_eq(seen.rdi, 1);
		seen.rdi = in.rdi;
	}
	ck_assert_mem_eq(&seen, &in, sizeof(in));
	ck_assert_mem_eq(&bare, &detoured, sizeof(bare));
}
END_TEST

START_TEST(a_removed_detour_leaves_the_bytes_as_they_were)
{
	const char *name = movable[_i];
	void *fn = corpus(name);
	struct cpu in = poisoned(), bare = { 0 }, again = { 0 };
	uint8_t before[16], after[16];

	memcpy(before, fn, 16);
	call_with(&in, &bare, fn, 1, 2);
	ck_assert_int_eq(detour_remove(fn), -DETOUR_NONE);
	for (int i = 0; i < 100; i++) {
		places(name, fn, spy, &spied);
		refuses(DETOUR_TWICE, name, fn, spy, &spied);
		ck_assert_int_eq(detour_check(fn, 0), -DETOUR_TWICE);
		ck_assert_int_eq(detour_remove(fn), 0);
		ck_assert_int_eq(detour_remove(fn), -DETOUR_NONE);
	}
	memcpy(after, fn, 16);
	ck_assert_mem_eq(before, after, 16);
	memset(&seen, 0, sizeof(seen));
	call_with(&in, &again, fn, 1, 2);
	ck_assert_mem_eq(&bare, &again, sizeof(bare));
	ck_assert_uint_eq(seen.r9, 0);
	/* a thread that still stands in the removed detour gets through */
	call_with(&in, &again, spied, 1, 2);
	ck_assert_uint_eq(bare.rax, again.rax);
}
END_TEST

START_TEST(what_cannot_be_moved_is_refused_by_name_and_left_alone)
{
	void *original = &original;

	refuses(immovable[_i].refusal, immovable[_i].name, corpus(immovable[_i].name), spy,
		&original);
	ck_assert_ptr_eq(original, &original);
	ck_assert_int_eq(detour_check(corpus(immovable[_i].name), 0), -immovable[_i].refusal);
}
END_TEST

START_TEST(what_is_no_code_is_refused)
{
	char stack[64] = "";
	void *heap = malloc(64);

	refuses(DETOUR_NOT_CODE, "stack", stack, spy, &spied);
	refuses(DETOUR_NOT_CODE, "heap", heap, spy, &spied);
	ck_assert_int_eq(detour_check(NULL, 0), -DETOUR_NOT_CODE);
	ck_assert_int_eq(detour_check((void *)4096, 64), -DETOUR_NOT_CODE);
	ck_assert_int_eq(detour_check((void *)-4096, 64), -DETOUR_NOT_CODE);
	free(heap);
}
END_TEST

/* What lies two GiB above it is out of reach for a page below it; its own jump is not. */
START_TEST(what_refers_to_the_end_of_its_reach_is_refused)
{
	refuses(DETOUR_FAR, "far", corpus("far"), spy, &spied);
	places("far", corpus("far"), spy, NULL);
}
END_TEST

START_TEST(a_given_size_stands_in_for_unwind_tables)
{
	ck_assert_int_eq(detour_check(corpus("no_cfi"), 0), -DETOUR_UNBOUNDED);
	ck_assert_int_eq(detour_check(corpus("no_cfi"), 9), 0);
	ck_assert_int_eq(detour_check(corpus("no_cfi"), 3), -DETOUR_SHORT);
}
END_TEST

START_TEST(the_resolver_of_an_indirect_function_is_not_taken_for_the_function)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD), *chosen;
	const ElfW(Sym) *sym;
	Dl_info info;

	ck_assert_ptr_nonnull(libc);
	chosen = dlsym(libc, "memcpy");
	ck_assert(dladdr1(chosen, &info, (void **)&sym, RTLD_DL_SYMENT));
	/* strchr and its like are found by name in the table: the symbol is the resolver */
	sym = NULL;
	{
		struct link_map *map;
		const char *names = NULL;
		const ElfW(Sym) *table = NULL;

		ck_assert_int_eq(dlinfo(libc, RTLD_DI_LINKMAP, &map), 0);
		for (ElfW(Dyn) *d = map->l_ld; d->d_tag; d++) {
			if (d->d_tag == DT_STRTAB)
				names = (void *)d->d_un.d_ptr;
			if (d->d_tag == DT_SYMTAB)
				table = (void *)d->d_un.d_ptr;
		}
		/* the string table follows the symbols in every glibc */
		for (const ElfW(Sym) *s = table; (const char *)s < names && !sym; s++) {
			if (!strcmp(names + s->st_name, "memcpy") &&
			    ELF64_ST_TYPE(s->st_info) == STT_GNU_IFUNC)
				sym = s;
		}
		ck_assert_ptr_nonnull(sym);
		refuses(DETOUR_RESOLVER, "memcpy", (char *)map->l_addr + sym->st_value, spy,
			&spied);
	}
}
END_TEST

/* --- replaced for good --------------------------------------------------------------- */

static long forty_two(void)
{
	return 42;
}

START_TEST(a_function_replaced_for_good_may_begin_with_what_cannot_move)
{
	long (*fn)(void) = corpus("call_second");

	refuses(DETOUR_CALL, "moved", fn, forty_two, &spied);
	places("for good", fn, forty_two, NULL);
	ck_assert_int_eq(fn(), 42);
	ck_assert_int_eq(detour_remove(fn), 0);

	refuses(DETOUR_SHORT, "short", corpus("short"), forty_two, NULL);
	refuses(DETOUR_BRANCH, "back", corpus("back_to_4"), forty_two, NULL);
	/* the call at its second byte returns to its fourth, where the jump would be */
	refuses(DETOUR_CALL, "call", corpus("call_reg"), forty_two, NULL);
}
END_TEST

static void leave_no_page_near(void *at)
{
	void *page;

	while (!text_page_near(at, &page))
		;
}

START_TEST(without_memory_near_it_a_longer_jump_replaces_for_good)
{
	void *fn = corpus("loop_at_7"), *far = dlsym(RTLD_DEFAULT, "labs");
	struct cpu in = poisoned(), out;

	leave_no_page_near(fn);
	in.rdi = -123;
	refuses(DETOUR_NO_PAGE, "near", fn, far, &spied);
	/* five bytes would do, but fourteen take the loop in */
	refuses(DETOUR_BRANCH, "loop", fn, far, NULL);
	refuses(DETOUR_NO_PAGE, "13 bytes", corpus("push"), far, NULL);
	fn = corpus("zeroes");
	places("far", fn, far, NULL);
	call_with(&in, &out, fn, 0, 0);
	ck_assert_int_eq(out.rax, 123);
	ck_assert_int_eq(detour_remove(fn), 0);
	call_with(&in, &out, fn, 0, 0);
	ck_assert_int_eq(out.rax, -123);
}
END_TEST

/* --- what crosses a detour ------------------------------------------------------------ */

static sigjmp_buf back;
static long hits;
static void *original;

__attribute__((noipa)) static long jumps_or_adds(long a, long b)
{
	if (a < 0)
		siglongjmp(back, 1);
	return a + b;
}

static long counts(long a, long b)
{
	hits++;
	return ((long (*)(long, long))original)(a, b);
}

START_TEST(siglongjmp_leaves_through_a_detour)
{
	places("jumps_or_adds", jumps_or_adds, counts, &original);
	for (volatile int i = 0; i < 10000; i++) {
		ck_assert_int_eq(jumps_or_adds(i, 1), i + 1);
		if (!sigsetjmp(back, 1)) {
			jumps_or_adds(-1, 0);
			ck_abort_msg("came back");
		}
	}
	ck_assert_int_eq(hits, 20000);
}
END_TEST

/* Builds a library out of C++ and opens it; NULL without a compiler. */
static void *open_cxx(const char *source)
{
	char dir[] = "/tmp/ouro-detour-XXXXXX", path[64], command[256];
	void *lib = NULL;
	FILE *f;

	if (system("command -v g++ >/dev/null 2>&1"))
		return NULL;
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/t.cc", dir);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(source, f);
	fclose(f);
	snprintf(command, sizeof(command),
		 "g++ -O2 -shared -fPIC -o %s/t.so %s 2>/dev/null", dir, path);
	if (!system(command)) {
		snprintf(path, sizeof(path), "%s/t.so", dir);
		lib = dlopen(path, RTLD_NOW);
	}
	snprintf(command, sizeof(command), "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
	return lib;
}

START_TEST(exceptions_leave_through_a_detour)
{
	void *lib = open_cxx(
		"extern \"C\" __attribute__((noinline)) long thrower(long a, long b)\n"
		"{ if (a < 0) throw b; return a + b; }\n"
		"extern \"C\" __attribute__((noinline)) long catcher(long a, long b)\n"
		"{ try { return thrower(a, b); } catch (long v) { return v * 2; } }\n");
	long (*catcher)(long, long);

	if (!lib)
		return;
	catcher = dlsym(lib, "catcher");
	places("thrower", dlsym(lib, "thrower"), counts, &original);
	for (int i = 0; i < 10000; i++) {
		ck_assert_int_eq(catcher(i, 1), i + 1);
		ck_assert_int_eq(catcher(-1, i), i * 2);
	}
	ck_assert_int_eq(hits, 20000);
}
END_TEST

START_TEST(a_pc_in_a_stub_is_known_as_one_in_the_original)
{
	uint8_t *fn = corpus("jrcxz"), *moved;
	const char *name = NULL;
	struct code_insn i;

	places("jrcxz", fn, spy, &spied);
	moved = (uint8_t *)spied + 4;
	ck_assert_uint_eq(detour_origin((uintptr_t)moved, &name), (uintptr_t)fn);
	ck_assert_str_eq(name, "jrcxz");
	/* all nine bytes of the widened one are it; the lea follows, then the jump back */
	ck_assert_uint_eq(detour_origin((uintptr_t)moved + 4, NULL), (uintptr_t)fn);
	ck_assert_uint_eq(detour_origin((uintptr_t)moved + 9, NULL), (uintptr_t)fn + 2);
	ck_assert_uint_eq(detour_origin((uintptr_t)moved + 12, NULL), (uintptr_t)fn + 5);
	ck_assert_int_eq(code_decode(moved + 12, 15, &i), 0);
	ck_assert_ptr_eq(i.target, fn + 5);
	ck_assert_uint_eq(detour_origin((uintptr_t)fn, NULL), 0);
	ck_assert_uint_eq(detour_origin((uintptr_t)fn + 5, NULL), 0);
}
END_TEST

/* --- memory --------------------------------------------------------------------------- */

static void no_page_is_writable_and_executable(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		ck_assert_msg(!strstr(line, " rwx"), "%s", line);
	fclose(f);
}

START_TEST(no_page_is_writable_and_executable_after_placing)
{
	for (size_t i = 0; i < sizeof(movable) / sizeof(movable[0]); i++)
		places(movable[i], corpus(movable[i]), spy, &spied);
	no_page_is_writable_and_executable();
}
END_TEST

START_TEST(endbr64_stays_the_first_instruction_everywhere)
{
	static const uint8_t endbr[4] = { 0xf3, 0x0f, 0x1e, 0xfa };
	uint8_t *fn = corpus("endbr");

	places("endbr", fn, dlsym(RTLD_DEFAULT, "labs"), &spied);
	ck_assert_mem_eq(fn, endbr, 4);
	ck_assert_uint_eq(fn[4], 0xe9);
	ck_assert_mem_eq(spied, endbr, 4);
	/* what is left of the last instruction traps */
	places("zeroes", corpus("zeroes"), spy, &original);
	ck_assert_mem_eq((char *)corpus("zeroes") + 5, "\xcc\xcc", 2);
	/* labs is far away, so there is a stub to jump to */
	{
		struct code_insn i;

		ck_assert_int_eq(code_decode(fn + 4, 5, &i), 0);
		ck_assert_mem_eq(i.target, endbr, 4);
	}
}
END_TEST

/* System call nr fails with EPERM where argument `arg` has the bits of mask. */
static void forbid(int nr, int arg, uint32_t mask)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[arg])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, mask, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(filter) / sizeof(filter[0]), filter };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), 0);
}

static const struct {
	int nr, arg;
	uint32_t mask;
} denials[] = {
	{ SYS_mprotect, 2, PROT_EXEC },
	{ SYS_mremap, 3, MREMAP_FIXED },
	{ SYS_mmap, 2, PROT_EXEC },
};

START_TEST(a_system_that_denies_changing_code_is_obeyed)
{
	void *fn = corpus("push"), *was = spied = &spied;
	struct cpu in = poisoned(), out;

	forbid(denials[_i].nr, denials[_i].arg, denials[_i].mask);
	refuses(DETOUR_DENIED, "push", fn, spy, &spied);
	refuses(DETOUR_DENIED, "push", fn, spy, &spied);
	ck_assert_ptr_eq(spied, was);
	call_with(&in, &out, fn, 0, 0);
	ck_assert_int_eq(out.rax, 11);
	no_page_is_writable_and_executable();
}
END_TEST

START_TEST(a_denial_that_comes_after_placing_leaves_the_detour)
{
	void *fn = corpus("push");
	struct cpu in = poisoned(), out;

	places("push", fn, spy, &spied);
	forbid(SYS_mprotect, 2, PROT_EXEC);
	ck_assert_int_eq(detour_remove(fn), -DETOUR_DENIED);
	call_with(&in, &out, fn, 0, 0);
	ck_assert_uint_eq(seen.r9, in.r9);
	ck_assert_int_eq(out.rax, 11);
}
END_TEST

START_TEST(a_denial_at_the_last_step_puts_the_original_back)
{
	void *fn = corpus("push");

	/* the second time the stub is there already, and only the jump is written */
	places("push", fn, spy, &spied);
	ck_assert_int_eq(detour_remove(fn), 0);
	spied = &spied;
	forbid(SYS_mremap, 3, MREMAP_FIXED);
	refuses(DETOUR_DENIED, "push", fn, spy, &spied);
	ck_assert_ptr_eq(spied, &spied);
}
END_TEST

START_TEST(memory_deny_write_execute_is_obeyed)
{
	/* PR_SET_MDWE, Linux 6.3: systemd's MemoryDenyWriteExecute where the kernel has it */
	if (prctl(65, 1, 0, 0, 0))
		return;
	refuses(DETOUR_DENIED, "push", corpus("push"), spy, &spied);
}
END_TEST

START_TEST(without_descriptors_nothing_is_claimed_about_memory)
{
	struct rlimit was, none;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = (struct rlimit){ 0, was.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	refuses(DETOUR_NO_MAPS, "push", corpus("push"), spy, &spied);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
	places("push", corpus("push"), spy, &spied);
}
END_TEST

/* vm.max_map_count: a page that was taken away and not replaced would be the end. */
START_TEST(at_the_limit_of_mappings_functions_stay_whole)
{
	enum { LIMIT = 1 << 17, KEPT = 16 };
	static void *last[KEPT];
	struct cpu in = poisoned(), out;
	void *fn = corpus("push");
	int n, placed = 0;

	for (n = 0; n < LIMIT; n++) {
		void *p = mmap(NULL, 4096, n & 1 ? PROT_READ : PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			break;
		last[n % KEPT] = p;
	}
	if (n == LIMIT)
		return;		/* a machine without the usual limit */
	for (int i = 0; i < KEPT && !placed; i++) {
		int err = detour_place_unrun("push", fn, spy, &spied);

		if (err)
			ck_assert(err == -DETOUR_DENIED || err == -DETOUR_NO_PAGE);
		placed = !err;
		call_with(&in, &out, fn, 0, 0);
		ck_assert_int_eq(out.rax, 11);
		ck_assert_int_eq(munmap(last[(n - 1 - i) % KEPT], 4096), 0);
	}
	ck_assert(placed);
	ck_assert_uint_eq(seen.r9, in.r9);
}
END_TEST

START_TEST(more_detours_than_a_page_holds_find_their_stubs)
{
	enum { FUNCTIONS = 100, SIZE = 32 };
	char source[8192];
	int n = 0;
	void *lib;

	/* functions with unwind tables come from a compiler */
	for (int i = 0; i < FUNCTIONS; i++)
		n += snprintf(source + n, sizeof(source) - n,
			      "extern \"C\" long f%d(long a, long b) { return a + b * %d; }\n",
			      i, 1000 + i);
	lib = open_cxx(source);
	if (!lib)
		return;
	for (int i = 0; i < FUNCTIONS; i++) {
		char name[16];
		long (*fn)(long, long), (*through)(long, long);

		snprintf(name, sizeof(name), "f%d", i);
		fn = dlsym(lib, name);
		places(name, fn, forty_two, (void **)&through);
		ck_assert_int_eq(fn(1, 1), 42);
		ck_assert_int_eq(through(1, 1), 1001 + i);
	}
	no_page_is_writable_and_executable();
}
END_TEST

START_TEST(a_library_loaded_again_in_the_same_place_can_be_detoured_again)
{
	static const char path[] = "libm.so.6";
	void *lib = dlopen(path, RTLD_NOW), *fn;
	void *first;

	if (!lib)
		return;
	fn = first = dlsym(lib, "scalbn");
	for (int i = 0; i < 3; i++) {
		ck_assert_ptr_nonnull(fn);
		if (detour_check(fn, 0))
			return;
		places("scalbn", fn, forty_two, &original);
		ck_assert_int_eq(((long (*)(void))fn)(), 42);
		dlclose(lib);
		lib = dlopen(path, RTLD_NOW);
		fn = dlsym(lib, "scalbn");
	}
	(void)first;
}
END_TEST

/* --- threads -------------------------------------------------------------------------- */

static _Atomic bool stop;
static _Atomic long calls;

static long passes_on(long a, long b)
{
	return ((long (*)(long, long))original)(a, b);
}

static void *hammer(void *arg)
{
	long (*fn)(long, long) = arg;

	while (!stop) {
		for (long i = 0; i < 1000; i++) {
			if (fn(i, 0) != i + 0x12345678)
				abort();
		}
		calls += 1000;
	}
	return NULL;
}

START_TEST(functions_are_detoured_and_restored_while_threads_run_them)
{
	void *fn = corpus("mov_imm");
	pthread_t thread[3];
	long before;

	ck_assert(text_alone() || SANITIZER_THREADS);
	places("mov_imm", fn, passes_on, &original);
	ck_assert_int_eq(detour_remove(fn), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, hammer, fn), 0);
	ck_assert(!text_alone());
	for (int i = 0; i < 3000; i++) {
		places("mov_imm", fn, passes_on, &original);
		before = calls;
		ck_assert_int_eq(detour_remove(fn), 0);
	}
	while (calls == before)
		sched_yield();
	/* between its first instructions a thread may be standing */
	refuses(DETOUR_THREADS, "push", corpus("push"), spy, &spied);
	ck_assert_int_eq(detour_place_unrun("push", corpus("push"), spy, &spied), 0);
	stop = true;
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
}
END_TEST

static void *places_and_removes(void *arg)
{
	for (int placed = 0; placed < 300; ) {
		void *mine;
		int err = detour_place_unrun("race", arg, forty_two, &mine);

		ck_assert(!err || err == -DETOUR_BUSY);
		if (err)
			continue;
		placed++;
		while ((err = detour_remove(arg)))
			ck_assert_int_eq(err, -DETOUR_BUSY);
	}
	return NULL;
}

START_TEST(of_two_threads_one_is_told_to_come_again)
{
	void *fn[2] = { corpus("push"), corpus("zeroes") };
	struct cpu in = poisoned(), out;
	pthread_t thread[2];

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, places_and_removes, fn[i]),
				 0);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	call_with(&in, &out, fn[0], 0, 0);
	ck_assert_int_eq(out.rax, 11);
	call_with(&in, &out, fn[1], 0, 0);
	ck_assert_int_eq(out.rax, 5);
}
END_TEST

/* --- real targets --------------------------------------------------------------------- */

static void *open_libpython(void)
{
	char path[4096];
	void *lib;

	snprintf(path, sizeof(path), "%s/.pyenv/versions/3.11.7/lib/libpython3.11.so.1.0",
		 getenv("HOME") ? getenv("HOME") : "");
	lib = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
	return lib ? lib : dlopen("libpython3.11.so.1.0", RTLD_NOW | RTLD_GLOBAL);
}

static const char *const swept[] = { "libc.so.6", "libgobject-2.0.so.0", "libpython" };

START_TEST(most_functions_of_real_libraries_can_be_detoured)
{
	void *lib = _i == 2 ? open_libpython() : dlopen(swept[_i], RTLD_NOW);
	struct sweep s = { 0 };
	struct link_map *map;

	if (!lib)
		return;
	ck_assert_int_eq(dlinfo(lib, RTLD_DI_LINKMAP, &map), 0);
	ck_assert(sweep_list(&s, map->l_name, map->l_addr));
	sweep_check(&s);
	sweep_print(&s, map->l_name);
	ck_assert_uint_gt(s.answers[0], s.n * 8 / 10);
	ck_assert_uint_eq(s.answers[DETOUR_NOT_CODE] + s.answers[DETOUR_NO_MAPS], 0);
	/* libc's assembly need not keep to what compilers keep to */
	if (_i > 0)
		ck_assert_uint_eq(sweep_intruded(&s), 0);
	free(s.fn);
}
END_TEST

/* What an interpreter says with inside.so preloaded to do `what`, or bare when that is "". */
static int run_inside(const char *python, const char *what, char *ret_said, size_t room)
{
	char self[4096], command[8192];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t have;
	FILE *f;

	ck_assert_int_gt(n, 0);
	self[n] = 0;
	*strrchr(self, '/') = 0;
	snprintf(command, sizeof(command),
		 "OURO_INSIDE=%s LD_PRELOAD=%s%s %s -c '\n"
		 "import json, math\n"
		 "class Bad(Exception): pass\n"
		 "total = 0.0\n"
		 "for i in range(20000):\n"
		 "    l = [float(i), (i, str(i)), dict(k=i)]\n"
		 "    total += math.sqrt(l[0]) + len(l[1:]) + len(json.dumps(l))\n"
		 "    try: raise Bad([i], (i,))\n"
		 "    except Bad: pass\n"
		 "deep = None\n"
		 "for i in range(100000): deep = [deep]\n"
		 "del deep\n"
		 "print(\"total\", int(total))' 2>&1", what, what[0] ? self : "",
		 what[0] ? "/detour/inside.so" : "", python);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	have = fread(ret_said, 1, room - 1, f);
	ret_said[have] = 0;
	return pclose(f);
}

static const char *const interpreters[] = {
	"/usr/bin/python3",
	"$HOME/.pyenv/versions/3.8.18/bin/python3", "$HOME/.pyenv/versions/3.9.18/bin/python3",
	"$HOME/.pyenv/versions/3.10.13/bin/python3", "$HOME/.pyenv/versions/3.11.7/bin/python3",
	"$HOME/.pyenv/versions/3.12.1/bin/python3", "$HOME/.pyenv/versions/3.13.0/bin/python3",
};

/* A program built with a sanitizer can't be preloaded with one into a program without. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { CAN_PRELOAD = 0 };
#else
enum { CAN_PRELOAD = 1 };
#endif

static void same_total_as_bare(const char *python, const char *said)
{
	char bare[256];

	ck_assert_int_eq(run_inside(python, "", bare, sizeof(bare)), 0);
	ck_assert_msg(!strncmp(bare, "total ", 6) && strstr(said, bare), "%s", said);
}

static bool have(const char *interpreter)
{
	char command[256];

	snprintf(command, sizeof(command), "test -x %s", interpreter);
	return CAN_PRELOAD && !system(command);
}

/* Debian's python3 has PyOS_strtol, whose cold part comes back to its second instruction. */
START_TEST(no_detour_of_python_is_in_the_way_of_a_cold_part)
{
	char said[4096];

	if (!have(interpreters[_i]))
		return;
	ck_assert_int_eq(run_inside(interpreters[_i], "sweep", said, sizeof(said)), 0);
	ck_assert_msg(strstr(said, "intruded: 0\n"), "%s", said);
}
END_TEST

START_TEST(python_runs_with_detoured_deallocators)
{
	static const char *const types[] = { "PyFloat_Type", "PyList_Type", "PyTuple_Type",
		"PyDict_Type", "PySlice_Type", "PyUnicode_Type" };
	char said[4096], *at;

	if (!have(interpreters[_i]))
		return;
	ck_assert_int_eq(run_inside(interpreters[_i], "deallocs", said, sizeof(said)), 0);
	same_total_as_bare(interpreters[_i], said);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		at = strstr(said, types[i]);
		ck_assert_msg(at && atol(at + strlen(types[i])) > 100, "%s", said);
	}
}
END_TEST

START_TEST(python_runs_with_every_function_detoured_that_is_not_refused)
{
	char said[4096], *at;

	if (!have(interpreters[_i]))
		return;
	ck_assert_int_eq(run_inside(interpreters[_i], "all", said, sizeof(said)), 0);
	same_total_as_bare(interpreters[_i], said);
	at = strstr(said, " functions, ");
	ck_assert_msg(at && atof(at + strlen(" functions, ")) < 20, "%s", said);
	if (strchr(said, '\n'))
		printf("%.*s\n", (int)(strchr(said, '\n') - said), said);
}
END_TEST

/* What a detour costs, for the record: no claim, since machines differ. */
START_TEST(the_price_of_a_detour_is_printed)
{
	enum { ROUNDS = 20000000 };
	long (*volatile fn)(long, long) = corpus("mov_imm");
	double ns[2];

	for (int detoured = 0; detoured < 2; detoured++) {
		struct timespec a, b;

		clock_gettime(CLOCK_MONOTONIC, &a);
		for (long i = 0; i < ROUNDS; i++)
			fn(i, 0);
		clock_gettime(CLOCK_MONOTONIC, &b);
		ns[detoured] = ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec)) / ROUNDS;
		if (!detoured)
			places("mov_imm", (void *)fn, passes_on, &original);
	}
	printf("a call: %.2f ns, detoured to a function that calls the original: %.2f ns\n",
	       ns[0], ns[1]);
}
END_TEST

#define LENGTH(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	Suite *s = suite_create("detour");
	TCase *t = tcase_create("detour");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, a_detoured_function_does_what_it_did_with_every_register, 0,
			    LENGTH(movable));
	tcase_add_loop_test(t, a_removed_detour_leaves_the_bytes_as_they_were, 0,
			    LENGTH(movable));
	tcase_add_loop_test(t, what_cannot_be_moved_is_refused_by_name_and_left_alone, 0,
			    LENGTH(immovable));
	tcase_add_test(t, what_is_no_code_is_refused);
	tcase_add_test(t, what_refers_to_the_end_of_its_reach_is_refused);
	tcase_add_test(t, a_given_size_stands_in_for_unwind_tables);
	tcase_add_test(t, the_resolver_of_an_indirect_function_is_not_taken_for_the_function);
	tcase_add_test(t, a_function_replaced_for_good_may_begin_with_what_cannot_move);
	tcase_add_test(t, without_memory_near_it_a_longer_jump_replaces_for_good);
	tcase_add_test(t, siglongjmp_leaves_through_a_detour);
	tcase_add_test(t, exceptions_leave_through_a_detour);
	tcase_add_test(t, a_pc_in_a_stub_is_known_as_one_in_the_original);
	tcase_add_test(t, no_page_is_writable_and_executable_after_placing);
	tcase_add_test(t, endbr64_stays_the_first_instruction_everywhere);
	tcase_add_loop_test(t, a_system_that_denies_changing_code_is_obeyed, 0,
			    LENGTH(denials));
	tcase_add_test(t, a_denial_that_comes_after_placing_leaves_the_detour);
	tcase_add_test(t, a_denial_at_the_last_step_puts_the_original_back);
	tcase_add_test(t, memory_deny_write_execute_is_obeyed);
	tcase_add_test(t, without_descriptors_nothing_is_claimed_about_memory);
	tcase_add_test(t, at_the_limit_of_mappings_functions_stay_whole);
	tcase_add_test(t, more_detours_than_a_page_holds_find_their_stubs);
	tcase_add_test(t, a_library_loaded_again_in_the_same_place_can_be_detoured_again);
	tcase_add_test(t, functions_are_detoured_and_restored_while_threads_run_them);
	tcase_add_test(t, of_two_threads_one_is_told_to_come_again);
	tcase_add_loop_test(t, most_functions_of_real_libraries_can_be_detoured, 0,
			    LENGTH(swept));
	tcase_add_loop_test(t, no_detour_of_python_is_in_the_way_of_a_cold_part, 0,
			    LENGTH(interpreters));
	tcase_add_loop_test(t, python_runs_with_detoured_deallocators, 0,
			    LENGTH(interpreters));
	tcase_add_loop_test(t, python_runs_with_every_function_detoured_that_is_not_refused,
			    0, LENGTH(interpreters));
	tcase_add_test(t, the_price_of_a_detour_is_printed);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
