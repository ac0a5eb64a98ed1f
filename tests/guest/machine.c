/*
 * machine.c - what a hook may not touch: registers, stack, signals, descriptors, threads
 *
 *	machine NAME [N]
 *
 * With -DOWN the program has an allocator of its own, in assembly, that leaves
 * every register alone but that of the result.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static long N;
static const char *word;
static void *volatile sink;

static void churn(long n)
{
	for (long i = 0; i < n; i++) {
		void *volatile p = malloc(1 + (size_t)i % 500);

		free(p);
	}
}

/* --- registers -------------------------------------------------------------------- */

#ifdef OWN
__asm__(
"	.bss\n"
"room:	.zero 16777216\n"
"	.data\n"
"next:	.quad room\n"
"	.text\n"
"	.globl malloc, calloc, realloc, free\n"
"	.type malloc, @function\n"
"	.type calloc, @function\n"
"	.type realloc, @function\n"
"	.type free, @function\n"
"malloc:	.cfi_startproc\n"
"	mov $4096, %eax\n"
"	lock xadd %rax, next(%rip)\n"
"	ret\n"
"	.cfi_endproc\n"
"	.size malloc, . - malloc\n"
"calloc:	.cfi_startproc\n"
"	mov $4096, %eax\n"
"	lock xadd %rax, next(%rip)\n"
"	ret\n"
"	.cfi_endproc\n"
"	.size calloc, . - calloc\n"
"realloc: .cfi_startproc\n"
"	mov $4096, %eax\n"
"	lock xadd %rax, next(%rip)\n"
"	ret\n"
"	.cfi_endproc\n"
"	.size realloc, . - realloc\n"
"free:	.cfi_startproc\n"
"	nopl 0(%rax,%rax,1)\n"
"	ret\n"
"	.cfi_endproc\n"
"	.size free, . - free\n");
#endif

/* rbx rbp r12 r13 r14 r15, then rcx rdx rsi rdi r8 r9 r10 r11, as they came back. */
uint64_t came_back[16];
uint64_t result;

/* call_poisoned(function, first, second, misalign) */
uint64_t call_poisoned(void *function, uint64_t first, uint64_t second, uint64_t misalign);
__asm__(
"	.text\n"
"	.type call_poisoned, @function\n"
"call_poisoned: .cfi_startproc\n"
"	push %rbx; .cfi_adjust_cfa_offset 8\n"
"	push %rbp; .cfi_adjust_cfa_offset 8\n"
"	push %r12; .cfi_adjust_cfa_offset 8\n"
"	push %r13; .cfi_adjust_cfa_offset 8\n"
"	push %r14; .cfi_adjust_cfa_offset 8\n"
"	push %r15; .cfi_adjust_cfa_offset 8\n"
"	sub $24, %rsp; .cfi_adjust_cfa_offset 24\n"
"	mov %rsp, saved_sp(%rip)\n"
"	sub %rcx, %rsp\n"
"	mov %rdi, %rax\n"
"	mov %rsi, %rdi\n"
"	mov %rdx, %rsi\n"
"	mov $0x1b1b1b1b1b1b1b1b, %rbx\n"
"	mov $0x5b5b5b5b5b5b5b5b, %rbp\n"
"	mov $0x1212121212121212, %r12\n"
"	mov $0x1313131313131313, %r13\n"
"	mov $0x1414141414141414, %r14\n"
"	mov $0x1515151515151515, %r15\n"
"	mov $0x0c0c0c0c0c0c0c0c, %rcx\n"
"	mov $0x0d0d0d0d0d0d0d0d, %rdx\n"
"	mov $0x0808080808080808, %r8\n"
"	mov $0x0909090909090909, %r9\n"
"	mov $0x1010101010101010, %r10\n"
"	mov $0x1111111111111111, %r11\n"
"	call *%rax\n"
"	mov saved_sp(%rip), %rsp\n"
"	mov %rax, result(%rip)\n"
"	lea came_back(%rip), %rax\n"
"	mov %rbx, 0(%rax)\n"
"	mov %rbp, 8(%rax)\n"
"	mov %r12, 16(%rax)\n"
"	mov %r13, 24(%rax)\n"
"	mov %r14, 32(%rax)\n"
"	mov %r15, 40(%rax)\n"
"	mov %rcx, 48(%rax)\n"
"	mov %rdx, 56(%rax)\n"
"	mov %rsi, 64(%rax)\n"
"	mov %rdi, 72(%rax)\n"
"	mov %r8, 80(%rax)\n"
"	mov %r9, 88(%rax)\n"
"	mov %r10, 96(%rax)\n"
"	mov %r11, 104(%rax)\n"
"	pushf; .cfi_adjust_cfa_offset 8\n"
"	pop 112(%rax); .cfi_adjust_cfa_offset -8\n"
"	add $24, %rsp; .cfi_adjust_cfa_offset -24\n"
"	pop %r15; .cfi_adjust_cfa_offset -8\n"
"	pop %r14; .cfi_adjust_cfa_offset -8\n"
"	pop %r13; .cfi_adjust_cfa_offset -8\n"
"	pop %r12; .cfi_adjust_cfa_offset -8\n"
"	pop %rbp; .cfi_adjust_cfa_offset -8\n"
"	pop %rbx; .cfi_adjust_cfa_offset -8\n"
"	mov result(%rip), %rax\n"
"	ret\n"
"	.cfi_endproc\n"
"	.size call_poisoned, . - call_poisoned\n"
"	.bss\n"
"	.balign 8\n"
"saved_sp: .zero 8\n"
"	.text\n");

static int callees_kept(void)
{
	static const uint64_t want[] = { 0x1b1b1b1b1b1b1b1b, 0x5b5b5b5b5b5b5b5b,
		0x1212121212121212, 0x1313131313131313, 0x1414141414141414, 0x1515151515151515 };

	return !memcmp(came_back, want, sizeof want) && !(came_back[14] & 0x400);
}

static int all_kept(uint64_t first, uint64_t second)
{
	const uint64_t want[] = { 0x0c0c0c0c0c0c0c0c, 0x0d0d0d0d0d0d0d0d, second, first,
		0x0808080808080808, 0x0909090909090909, 0x1010101010101010,
		0x1111111111111111 };

	return !memcmp(came_back + 6, want, sizeof want);
}

static int registers(void)
{
	static const struct {
		void *function;
		uint64_t first, second;
	} calls[] = {
		{ malloc, 100, 0 }, { calloc, 10, 10 }, { realloc, 0, 100 }, { free, 0, 0 },
#ifndef OWN
		{ aligned_alloc, 64, 128 }, { valloc, 100, 0 }, { reallocarray, 0, 1 },
#endif
	};
	uint32_t mxcsr = 0, mxcsr_after = 0;
	uint16_t control = 0, control_after = 0;
	int callees = 0, all = 0, n = 0;

	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(control));
	for (int round = 0; round < 50; round++)
		for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++) {
			uint64_t first = calls[i].function == free && round
				? (uint64_t)malloc(10) : calls[i].first;
			uint64_t misalign = 0;

#ifdef OWN
			misalign = round % 2 * 8;	/* as for a function that does not care */
#endif
			call_poisoned(calls[i].function, first, calls[i].second, misalign);
			callees += callees_kept();
			all += all_kept(first, calls[i].second);
			n++;
		}
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr_after), "=m"(control_after));
	printf("%d %d", n - callees, mxcsr == mxcsr_after && control == control_after);
#ifdef OWN
	printf(" %d", n - all);
#endif
	puts("");
	return 0;
}

/* --- stack ------------------------------------------------------------------------- */

enum { STACK = 262144, PAINT = 0xa7 };
static ucontext_t here, there;
static unsigned char *painted;

__attribute__((noinline)) static void little_calls(void)
{
	sink = malloc(40);
	free(sink);
	sink = calloc(1, 40);
	sink = realloc(sink, 50);
	free(sink);
}

static size_t stack_used(void (*f)(void))
{
	size_t n = 0;

	memset(painted, PAINT, STACK);
	getcontext(&there);
	there.uc_stack.ss_sp = painted;
	there.uc_stack.ss_size = STACK;
	there.uc_link = &here;
	makecontext(&there, f, 0);
	swapcontext(&here, &there);
	while (n < STACK && painted[n] == PAINT)
		n++;
	return STACK - n;
}

/* Bytes: the first time, when all is new to who watches, and then the most of many. */
static int stack(void)
{
	size_t first, most = 0;

	sink = malloc(40);
	free(sink);
	painted = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	first = stack_used(little_calls);
	for (int i = 0; i < 20; i++) {
		size_t n = stack_used(little_calls);

		most = n > most ? n : most;
	}
	printf("%zu %zu\n", first, most);
	return 0;
}

/* --- what the kernel sees ----------------------------------------------------------- */

static int status(void)
{
	static const char *const wanted[] = { "Threads:", "SigBlk:", "SigIgn:", "SigCgt:", "Seccomp:" };
	FILE *in;
	char line[256];

	churn(1000);
	in = fopen("/proc/self/status", "r");
	while (in && fgets(line, sizeof line, in))
		for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++)
			if (!strncmp(line, wanted[i], strlen(wanted[i])))
				fputs(line, stdout);
	fclose(in);
	for (int fd = 0; fd < 100; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf("%d ", fd);
	puts("");
	return 0;
}

/* Children in our memory, by the bare call; half of them fail to exec. */
static char child_stack[65536] __attribute__((aligned(16)));
static int child(void *arg)
{
	static char *const argv[] = { "true", NULL }, *const none[] = { NULL };

	if (arg)
		execve("/bin/true", argv, none);
	execve("/nowhere", argv, none);
	_exit(3);
}

static int shared_memory(void)
{
	long good = 0;

	for (long i = 0; i < N; i++) {
		int status, flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
		pid_t pid = clone(child, child_stack + sizeof child_stack, flags,
			(void *)(i & 1));

		churn(10);
		if (pid > 0 && waitpid(pid, &status, 0) == pid)
			good += status == (i & 1 ? 0 : 3 << 8);
	}
	printf("%ld\n", good);
	return 0;
}

static void *for_ever(void *arg)
{
	for (;;)
		churn(100);
}

static int busy_exit(void)
{
	pthread_t t;

	for (int i = 0; i < 8; i++)
		pthread_create(&t, NULL, for_ever, NULL);
	churn(N);
	exit(5);
}

/* Somebody removes the trace, and puts another file there. */
static int unlinked(void)
{
	int fd;

	churn(1000);
	unlink(word);
	fd = open(word, O_CREAT | O_RDWR | O_EXCL, 0600);
	if (write(fd, "mine", 4) != 4)
		return 1;
	churn(N);
	printf("%ld\n", (long)lseek(fd, 0, SEEK_END));
	unlink(word);
	return 0;
}

static int just_churn(void)
{
	churn(N);
	puts("done");
	return 0;
}

static const struct {
	const char *name;
	int (*run)(void);
} hazards[] = {
	{ "registers", registers }, { "stack", stack }, { "status", status },
	{ "shared-memory", shared_memory }, { "busy-exit", busy_exit },
	{ "unlinked", unlinked }, { "churn", just_churn },
};

int main(int argc, char **argv)
{
	N = argc > 2 ? atol(argv[2]) : 0;
	word = argc > 3 ? argv[3] : "";
	for (unsigned i = 0; argc > 1 && i < sizeof hazards / sizeof *hazards; i++)
		if (!strcmp(hazards[i].name, argv[1]))
			return hazards[i].run();
	return 99;
}
