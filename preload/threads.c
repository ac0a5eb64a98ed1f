#include "threads.h"

#include "strbuf.h"
#include "sys.h"

#include <dirent.h>

/* What getdents64 gives. */
struct entry {
	uint64_t inode, offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

/* Bytes of /proc/WHO/task/TID/NAME, as a string; 0 or less: none. */
static long read_of(uint32_t who, uint32_t tid, const char *name, char *to, size_t room)
{
	char path[64];
	struct strbuf t = strbuf_in(path, sizeof path);
	long n;
	int fd;

	strbuf_add(&t, "/proc/");
	strbuf_add_number(&t, who, 10);
	strbuf_add(&t, "/task/");
	strbuf_add_number(&t, tid, 10);
	strbuf_add(&t, "/");
	strbuf_add(&t, name);
	fd = sys_open(path, O_RDONLY, 0);
	if (fd < 0)
		return fd;
	n = SYS(SYS_read, fd, to, room - 1, 0, 0, 0);
	sys_close(fd);
	to[n > 0 ? n : 0] = 0;
	return n;
}

static unsigned digit(char c)
{
	return c >= '0' && c <= '9' ? (unsigned)(c - '0')
		: c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* The number at *p, decimal or 0x; steps behind it and the blanks that follow. */
static uint64_t number(const char **p)
{
	unsigned base = (*p)[0] == '0' && (*p)[1] == 'x' ? 16 : 10;
	uint64_t v = 0;

	if (base == 16)
		*p += 2;
	for (; digit(**p) < base; ++*p)
		v = v * base + digit(**p);
	while (**p == ' ')
		++*p;
	return v;
}

/* /proc/PID/task/TID/schedstat: time run, time waited for a processor, slices. */
static bool slices_of(uint32_t who, uint32_t tid, uint64_t *ret)
{
	char text[96];
	const char *p = text;

	if (read_of(who, tid, "schedstat", text, sizeof text) <= 0)
		return false;
	number(&p);
	number(&p);
	*ret = number(&p);
	return true;
}

/*
 * .../syscall: "running", or "-1 SP PC" for a thread that waits elsewhere
 * (for a page, stopped), or the call's number, its six arguments, SP, PC.
 */
static void where_it_waits(struct thread_seen *x, uint32_t who)
{
	char text[256];
	const char *p = text;

	if (read_of(who, x->tid, "syscall", text, sizeof text) <= 0 || *p == 'r')
		return;
	if (*p == '-') {
		p += 2;
		while (*p == ' ')
			p++;
	} else {
		number(&p);
		for (int i = 0; i < THREAD_WORDS; i++)
			x->word[i] = number(&p);
	}
	x->sp = number(&p);
	x->waits = x->has_slices && x->sp;
}

/*
 * The C library keeps a thread's list of robust locks in its struct pthread,
 * and the kernel knows where: so that is found for running threads, too.
 */
static uintptr_t tcb_of(uint32_t tid)
{
	uintptr_t head = 0;
	size_t size;

	return SYS(SYS_get_robust_list, tid, &head, &size, 0, 0, 0) ? 0 : head;
}

static void add(struct threads *t, uint32_t tid)
{
	struct thread_seen *x;

	if (tid == t->self)
		return;
	if (t->n == THREADS_MAX) {
		t->all = false;
		return;
	}
	x = &t->thread[t->n++];
	x->tid = tid;
	x->tcb = tcb_of(tid);
	t->unplaced |= !x->tcb;
	/* Before the stack pointer: if it has not run since this, the pointer holds. */
	x->has_slices = slices_of(sys_getpid(), tid, &x->slices);
	where_it_waits(x, sys_getpid());
}

void threads_look(struct threads *t)
{
	int fd = sys_open("/proc/self/task", O_RDONLY | O_DIRECTORY, 0);
	long n;

	t->self = sys_gettid();
	t->all = fd >= 0;
	if (fd < 0)
		return;
	while ((n = SYS(SYS_getdents64, fd, t->room, sizeof t->room, 0, 0, 0)) > 0)
		for (long at = 0; at < n; at += ((struct entry *)(t->room + at))->length) {
			const char *name = ((struct entry *)(t->room + at))->name;

			if (digit(*name) < 10)
				add(t, (uint32_t)number(&name));
		}
	if (n < 0)
		t->all = false;
	sys_close(fd);
}

void threads_look_again(struct threads *t, uint32_t parent)
{
	for (uint32_t i = 0; i < t->n; i++) {
		struct thread_seen *x = &t->thread[i];
		uint64_t now = 0;

		x->waits = x->waits && slices_of(parent, x->tid, &now) && now == x->slices;
	}
}
