/*
 * hazards.c - programs that do what preloaded libraries stumble over
 *
 *	hazards NAME [N]
 *
 * Each prints what it saw, the same with and without ouro, and ends with
 * status 0 unless its name says otherwise.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

extern char **environ;
static long N;				/* the second argument                       */

static void *volatile sink;
static const void *volatile volatile_null;

static void churn(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		void *volatile p = malloc(1 + i % 500);

		free(p);
	}
}

/* --- the family -------------------------------------------------------------------- */

static void *make(int how, size_t n)
{
	void *p = NULL;

	switch (how) {
	case 0: return malloc(n);
	case 1: return calloc(n, 1);
	case 2: return realloc(NULL, n);
	case 3: return reallocarray(NULL, n, 1);
	case 4: return posix_memalign(&p, 64, n) ? NULL : p;
	case 5: return aligned_alloc(64, n);
	case 6: return memalign(64, n);
	case 7: return valloc(n);
	case 8: return pvalloc(n);
	}
	return NULL;
}

/* 9 makers, each ended by each of 4: free, two resizes and free, realloc to 0. */
static int family(void)
{
	unsigned long sum = 0;

	for (int how = 0; how < 9; how++)
		for (int end = 0; end < 4; end++) {
			char *p = make(how, 1000 + how);

			memset(p, how, 1000);
			sum += malloc_usable_size(p) >= 1000;
			if (end == 1)
				p = realloc(p, 100000);
			if (end == 2)
				p = reallocarray(p, 30, 10);
			sum += p[99];
			if (end == 3)
				p = realloc(p, 0);
			free(p);
		}
	errno = 0;
	sink = malloc(PTRDIFF_MAX);
	printf("%lu %d", sum, errno);
	sink = reallocarray(NULL, SIZE_MAX / 2, 3);
	printf(" %d %p", errno, sink);
	free(NULL);
	sink = malloc(10);
	printf(" %p\n", realloc(sink, PTRDIFF_MAX));
	free(sink);
	return 0;
}

static int keeps_errno(void)
{
	errno = E2BIG;
	churn(10000);
	sink = realloc(malloc(10), 5000);
	free(sink);
	printf("%d\n", errno == E2BIG);
	return 0;
}

/* --- threads ------------------------------------------------------------------------ */

static void *little(void *arg)
{
	churn(5);
	return arg;
}

static int in_turn(void)
{
	pthread_t t;

	for (long i = 0; i < N; i++)
		if (pthread_create(&t, NULL, little, NULL) || pthread_join(t, NULL))
			return 1;
	puts("done");
	return 0;
}

static pthread_barrier_t gate;
static void *at_the_gate(void *arg)
{
	churn(5);
	pthread_barrier_wait(&gate);
	churn(5);
	return NULL;
}

static int at_once(void)
{
	pthread_t *t = calloc((size_t)N, sizeof *t);
	pthread_attr_t a;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, PTHREAD_STACK_MIN);
	pthread_barrier_init(&gate, NULL, (unsigned)N);
	for (long i = 0; i < N; i++)
		if (pthread_create(&t[i], &a, at_the_gate, NULL))
			return 1;
	for (long i = 0; i < N; i++)
		pthread_join(t[i], NULL);
	free(t);
	puts("done");
	return 0;
}

/* Eight threads hand blocks to each other; nobody frees its own. */
static void *slot[64];
static void *trade(void *arg)
{
	unsigned dice = (unsigned)(uintptr_t)arg;

	for (long i = 0; i < N; i++) {
		dice = dice * 1664525 + 1013904223;
		free(__atomic_exchange_n(&slot[dice >> 26], malloc(16 + (dice >> 20 & 63)),
			__ATOMIC_SEQ_CST));
	}
	return NULL;
}

static int trading(void)
{
	pthread_t t[8];

	for (long i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, trade, (void *)(i + 1));
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 64; i++)
		free(slot[i]);
	puts("done");
	return 0;
}

static int cancelled_reached;
static void *cancelled(void *arg)
{
	pthread_barrier_wait(&gate);
	pthread_barrier_wait(&gate);
	churn(100000);			/* malloc is no cancellation point */
	cancelled_reached = 1;
	pthread_testcancel();
	cancelled_reached = 2;
	return NULL;
}

static int cancel(void)
{
	pthread_t t;

	pthread_barrier_init(&gate, NULL, 2);
	pthread_create(&t, NULL, cancelled, NULL);
	pthread_barrier_wait(&gate);
	pthread_cancel(t);
	pthread_barrier_wait(&gate);
	pthread_join(t, NULL);
	printf("%d\n", cancelled_reached);
	return 0;
}

static pthread_key_t key[1024];
static long rounds;
static void destroy(void *p)
{
	free(p);
	churn(10);
	rounds++;
	pthread_setspecific(key[0], malloc(30));	/* and again, four times */
}

static void *use_keys(void *arg)
{
	pthread_setspecific(key[0], malloc(20));
	return NULL;
}

static int keys(void)
{
	pthread_t t;
	int n = 0;

	while (n < 1024 && !pthread_key_create(&key[n], n ? NULL : destroy))
		n++;
	for (int i = 0; i < 20; i++) {
		pthread_create(&t, NULL, use_keys, NULL);
		pthread_join(t, NULL);
	}
	printf("%d %ld\n", n, rounds);
	return 0;
}

/* --- stacks and signals ------------------------------------------------------------- */

static sigjmp_buf out;
static volatile sig_atomic_t handled;

static void allocate(int number)
{
	churn(1);
	handled++;
}

static void jump(int number)
{
	churn(1);
	handled++;
	siglongjmp(out, 1);
}

/* A handler that allocates, on a stack as small as the system allows. */
static int small_stack(void)
{
	size_t size = (size_t)sysconf(_SC_MINSIGSTKSZ) + 4096;
	stack_t s = { .ss_sp = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), .ss_size = size };
	struct sigaction a = { .sa_handler = allocate, .sa_flags = SA_ONSTACK };

	sigaltstack(&s, NULL);
	sigaction(SIGUSR1, &a, NULL);
	for (int i = 0; i < 1000; i++)
		raise(SIGUSR1);
	printf("%d\n", handled);
	return 0;
}

static void timer(long usec)
{
	struct itimerval t = { { 0, usec }, { 0, usec } };

	setitimer(ITIMER_REAL, &t, NULL);
}

/*
 * Out of handlers that allocate.  What they interrupt is no allocator call:
 * that would be the program's own mistake, with or without ouro.
 */
static int jumps(void)
{
	struct sigaction a = { .sa_handler = jump };
	volatile long n = 0;

	sigaction(SIGUSR1, &a, NULL);
	sigsetjmp(out, 1);
	if (n++ < N)
		raise(SIGUSR1);
	printf("%ld %d\n", n, handled);
	return 0;
}

static int profiled(void)
{
	struct sigaction a = { .sa_handler = allocate, .sa_flags = SA_RESTART };
	char buffer[64];

	sigaction(SIGALRM, &a, NULL);
	timer(1000);
	while (handled < N)
		snprintf(buffer, sizeof buffer, "%f", 1.0 / (handled + 1));
	timer(0);
	puts("done");
	return 0;
}

static ucontext_t context[5];
static long turns;
static void coroutine(int me)
{
	for (;;) {
		churn(3);
		turns++;
		swapcontext(&context[me], &context[4]);
	}
}

static int contexts(void)
{
	for (int i = 0; i < 4; i++) {
		getcontext(&context[i]);
		context[i].uc_stack.ss_sp = malloc(32768);
		context[i].uc_stack.ss_size = 32768;
		makecontext(&context[i], (void (*)(void))coroutine, 1, i);
	}
	for (long i = 0; i < N; i++)
		swapcontext(&context[4], &context[i & 3]);
	printf("%ld\n", turns);
	return 0;
}

/* --- processes ------------------------------------------------------------------------ */

static volatile int stop;
static void *allocate_on(void *arg)
{
	while (!stop)
		churn(100), usleep(200);
	return NULL;
}

static int forks(void)
{
	pthread_t t[8];
	int status, bad = 0;

	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, allocate_on, NULL);
	for (long i = 0; i < N; i++) {
		pid_t pid = i & 1 ? fork() : (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

		if (!pid) {
			/* The raw call leaves the allocator's locks as they were. */
			if (i & 1)
				churn(20);
			_exit(7);
		}
		waitpid(pid, &status, 0);
		bad += !WIFEXITED(status) || WEXITSTATUS(status) != 7;
	}
	stop = 1;
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	printf("%d\n", bad);
	return 0;
}

static int spawns(void)
{
	char *const yes[] = { "true", NULL }, *const no[] = { "nothing", NULL };
	int status, bad = 0, r;
	pid_t pid;

	for (long i = 0; i < N; i++) {
		switch (i % 4) {
		case 0:
			if (!(pid = vfork())) {
				execve("/nowhere", no, environ);
				execv("/bin/true", yes);
				_exit(1);
			}
			break;
		case 1:
			if (posix_spawnp(&pid, "true", NULL, NULL, yes, environ))
				return 1;
			break;
		case 2:
			if (!(pid = vfork()))
				_exit(0);
			break;
		default:
			r = posix_spawn(&pid, "/nowhere", NULL, NULL, no, environ);
			bad += r != ENOENT;
			bad += system("exit 3") != 3 << 8;
			churn(10);
			continue;
		}
		waitpid(pid, &status, 0);
		bad += status != 0;
		churn(10);
	}
	printf("%d\n", bad);
	return 0;
}

static int failed_exec(void)
{
	char *const argv[] = { "x", NULL };

	errno = 0;
	printf("%d", execve("/nowhere", argv, environ));
	printf(" %d", errno);
	printf(" %d", execve("/", argv, environ));
	printf(" %d", errno);
	printf(" %d", execve((char *)volatile_null, argv, NULL));
	printf(" %d", errno);
	printf(" %d", fexecve(-1, argv, environ));
	printf(" %d", errno);
	printf(" %d", execvp("nothing-of-this-name", argv));
	printf(" %d\n", errno);
	churn(10);
	return 0;
}

static int exec_environment(void)
{
	char *const argv[] = { "env", NULL }, *const env[] = { "B=2", "A=1", NULL };
	int fd = open("/usr/bin/env", O_RDONLY);

	if (!fork())
		execve("/usr/bin/env", argv, env);
	wait(NULL);
	if (!fork())
		fexecve(fd, argv, env);
	wait(NULL);
	if (!fork())
		execve("/usr/bin/env", argv, NULL);
	wait(NULL);
	return 0;
}

/* Programs that look for the auxiliary vector behind the environment. */
static int auxiliary(void)
{
	char **e = environ;
	Elf64_auxv_t *a;

	while (*e++)
		;
	for (a = (Elf64_auxv_t *)e; a->a_type; a++)
		if (a->a_type == AT_PAGESZ)
			printf("%lu\n", a->a_un.a_val);
	return 0;
}

/* --- the file ------------------------------------------------------------------------- */

static int descriptors(void)
{
	char name[32], text[64];
	int fd = open("/dev/null", O_RDONLY), bad = 0;

	printf("%d", fd);
	fflush(stdout);
	for (int i = 3; i < 1024; i++)
		close(i);
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof name, "f%d", i);
		fd = open(name, O_CREAT | O_RDWR | O_TRUNC, 0600);
		bad += fd != 3 + i || write(fd, name, strlen(name)) < 1;
		churn(10000);
	}
	for (int i = 0; i < 30; i++) {
		ssize_t n = pread(3 + i, text, sizeof text, 0);

		snprintf(name, sizeof name, "f%d", i);
		bad += n != (ssize_t)strlen(name) || memcmp(text, name, (size_t)n);
		unlink(name);
	}
	printf(" %d\n", bad);
	return 0;
}

static int limited_file(void)
{
	struct rlimit limit = { 65536, 65536 };

	setrlimit(RLIMIT_FSIZE, &limit);
	churn((unsigned)N);
	puts("done");
	return 0;
}

static int limited_memory(void)
{
	struct rlimit limit = { 300 << 20, 300 << 20 };
	long n = 0;

	setrlimit(RLIMIT_AS, &limit);
	while (malloc(8 << 20) && n < 1000)
		n++;
	printf("%d %d\n", n < 40, errno);
	return 0;
}

static int just_churn(void)
{
	churn((unsigned)N);
	puts("done");
	return 0;
}

static int another_root(void)
{
	char name[] = "/tmp/ouro-root-XXXXXX";

	if (!mkdtemp(name) || chroot(name) || chdir("/"))
		return 1;
	churn((unsigned)N);
	puts("done");
	return 0;
}

/* --- seccomp ------------------------------------------------------------------------ */

static int strict(void)
{
	churn(10);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		return 1;
	churn((unsigned)N);
	if (write(1, "done\n", 5) != 5)
		return 1;
	syscall(SYS_exit, 0);
	return 2;
}

/* Only write, brk and exit_group; anything else kills. */
static int filtered(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_brk, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { 6, code };

	churn(10);
	printf("%d\n", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	fflush(stdout);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter))
		return 1;
	churn((unsigned)N);
	if (write(1, "done\n", 5) != 5)
		return 1;
	_exit(3);
}

/* --- loading ---------------------------------------------------------------------------- */

static const char *library;		/* the third argument: its constructor allocates */

static int loading(void)
{
	for (long i = 0; i < N; i++) {
		void *h = dlopen(library, RTLD_NOW | RTLD_LOCAL);

		if (!h)
			return 1;
		churn(10);
		if (dlclose(h))
			return 1;
	}
	puts("done");
	return 0;
}

/* --- the end ---------------------------------------------------------------------------- */

static void at_end(void)
{
	churn(10);
}

static void *end_thread(void *arg)
{
	exit(11);
}

static int ends(void)
{
	pthread_t t;

	churn(100);
	atexit(at_end);
	switch (N) {
	case 1: exit(3);
	case 2: _exit(4);
	case 3: _Exit(5);
	case 4: quick_exit(6);
	case 5: abort();
	case 6: kill(getpid(), SIGKILL); break;
	case 7: pthread_create(&t, NULL, end_thread, NULL); pthread_exit(NULL);
	case 8: pthread_exit(NULL);
	case 9: syscall(SYS_exit_group, 9);
	}
	return 12;
}

static const struct {
	const char *name;
	int (*run)(void);
} hazards[] = {
	{ "family", family }, { "errno", keeps_errno }, { "in-turn", in_turn },
	{ "at-once", at_once }, { "trading", trading }, { "cancel", cancel },
	{ "keys", keys }, { "small-stack", small_stack }, { "jumps", jumps },
	{ "profiled", profiled }, { "contexts", contexts }, { "forks", forks },
	{ "spawns", spawns }, { "failed-exec", failed_exec },
	{ "exec-environment", exec_environment }, { "auxiliary", auxiliary },
	{ "descriptors", descriptors }, { "limited-file", limited_file },
	{ "limited-memory", limited_memory }, { "churn", just_churn },
	{ "another-root", another_root }, { "strict", strict }, { "filtered", filtered },
	{ "loading", loading }, { "ends", ends },
};

int main(int argc, char **argv)
{
	N = argc > 2 ? atol(argv[2]) : 0;
	library = argc > 3 ? argv[3] : "libm.so.6";
	for (unsigned i = 0; argc > 1 && i < sizeof hazards / sizeof *hazards; i++)
		if (!strcmp(hazards[i].name, argv[1]))
			return hazards[i].run();
	return 99;
}
