#include "watchpoint.h"

#include "clock.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

enum {
	THREADS = 256,
	TRAP_BY_PERF = 6,		/* si_code: TRAP_PERF                        */
	TRIES = 16,			/* to find the price of a hit                */
	FDS_FROM = 500,			/* out of the way of who counts descriptors   */
};

static struct slot {
	uintptr_t address;		/* 0: not set                                */
	unsigned size;
	int fd[THREADS];
	unsigned n;			/* of fd                                     */
} slots[WATCHPOINTS];

static watchpoint_hit *on_hit;
static struct sigaction theirs;
static uint64_t probe;			/* watched while nothing else is                     */

static struct perf_event_attr attributes(uintptr_t address, unsigned size, bool disabled)
{
	return (struct perf_event_attr){
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(struct perf_event_attr),
		.bp_type = HW_BREAKPOINT_W, .bp_addr = address, .bp_len = size,
		.sample_period = 1, .disabled = disabled, .inherit = 1, .inherit_thread = 1,
		.exclude_kernel = 1, .exclude_hv = 1, .remove_on_exec = 1, .sigtrap = 1,
	};
}

/* What is not ours goes to who would have had it. */
static void pass_on(int sig, siginfo_t *info, void *context)
{
	if (theirs.sa_flags & SA_SIGINFO) {
		theirs.sa_sigaction(sig, info, context);
	} else if (theirs.sa_handler == SIG_DFL) {
		sigaction(SIGTRAP, &theirs, NULL);
		raise(SIGTRAP);		/* blocked here, so taken when we return         */
	} else if (theirs.sa_handler != SIG_IGN) {
		theirs.sa_handler(sig);
	}
}

static void trap(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *u = context;
	uintptr_t address = (uintptr_t)info->si_addr;

	if (info->si_code != TRAP_BY_PERF) {
		pass_on(sig, info, context);
		return;
	}
	if (address == (uintptr_t)&probe)
		return;
	for (unsigned i = 0; i < WATCHPOINTS; i++)
		if (slots[i].address && slots[i].address == address) {
			on_hit(i, (uintptr_t)u->uc_mcontext.gregs[REG_RIP],
			       (uintptr_t)u->uc_mcontext.gregs[REG_RSP],
			       (uintptr_t)u->uc_mcontext.gregs[REG_RBP]);
			return;
		}
	/* One that was removed between the write and this. */
}

static int open_for(uint32_t tid, uintptr_t address, unsigned size)
{
	struct perf_event_attr a = attributes(address, size, true);
	long fd = SYS(SYS_perf_event_open, &a, tid, -1, -1, PERF_FLAG_FD_CLOEXEC, 0);
	long moved;

	if (fd < 0)
		return (int)fd;
	moved = SYS(SYS_fcntl, fd, F_DUPFD_CLOEXEC, FDS_FROM, 0, 0, 0);
	if (moved < 0)
		return (int)fd;
	sys_close((int)fd);
	return (int)moved;
}

/* All threads there are; those that come later inherit from these. */
static int open_all(struct slot *s, uintptr_t address, unsigned size)
{
	struct entry { uint64_t ino, off; uint16_t length; uint8_t type; char name[]; } *e;
	_Alignas(8) char list[2048];
	int folder = sys_open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), r = 0;
	long n;

	if (folder < 0)
		return folder;
	while (!r && (n = SYS(SYS_getdents64, folder, list, sizeof list, 0, 0, 0)) > 0) {
		for (long at = 0; at < n && !r; at += e->length) {
			uint32_t tid = 0;
			int fd;

			e = (struct entry *)(list + at);
			for (const char *p = e->name; *p >= '0' && *p <= '9'; p++)
				tid = tid * 10 + (uint32_t)(*p - '0');
			if (!tid || s->n == THREADS)
				continue;
			fd = open_for(tid, address, size);
			if (fd == -ESRCH)
				continue;
			if (fd < 0)
				r = fd;
			else
				s->fd[s->n++] = fd;
		}
	}
	sys_close(folder);
	return r;
}

static void close_all(struct slot *s)
{
	for (unsigned i = 0; i < s->n; i++)
		sys_close(s->fd[i]);
	s->n = 0;
	s->address = 0;
}

/* Who has taken the signal from us would get hits he does not know. */
static bool signal_is_ours(void)
{
	struct sigaction now;

	return !sigaction(SIGTRAP, NULL, &now) && now.sa_sigaction == trap;
}

int watchpoint_place(unsigned slot, uintptr_t address, unsigned size)
{
	struct slot *s = &slots[slot];
	struct perf_event_attr a = attributes(address, size, false);
	int r = s->n && signal_is_ours() ? 0 : -EBUSY;

	__atomic_store_n(&s->address, address, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < s->n && !r; i++) {
		r = (int)SYS(SYS_ioctl, s->fd[i], PERF_EVENT_IOC_MODIFY_ATTRIBUTES, &a, 0, 0, 0);
		if (!r)
			r = (int)SYS(SYS_ioctl, s->fd[i], PERF_EVENT_IOC_ENABLE, 0, 0, 0, 0);
	}
	if (r)
		watchpoint_remove(slot);
	return r;
}

void watchpoint_remove(unsigned slot)
{
	struct slot *s = &slots[slot];

	for (unsigned i = 0; i < s->n; i++)
		SYS(SYS_ioctl, s->fd[i], PERF_EVENT_IOC_DISABLE, 0, 0, 0, 0);
	__atomic_store_n(&s->address, 0, __ATOMIC_RELEASE);
}

/* The quickest of a few: whoever else has the processor meanwhile is not part of the price. */
static uint64_t price_of_a_hit(void)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t before = clock_now();

		__atomic_store_n(&probe, i, __ATOMIC_RELAXED);
		before = clock_now() - before;
		if (before < best)
			best = before;
	}
	return best;
}

int watchpoint_start(watchpoint_hit *hit, uint64_t *ret_price)
{
	struct sigaction a = { .sa_sigaction = trap, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK };
	int r = 0;

	on_hit = hit;
	for (unsigned i = 0; i < WATCHPOINTS && !r; i++)
		r = open_all(&slots[i], (uintptr_t)&probe, sizeof probe);
	if (!r && sigaction(SIGTRAP, &a, &theirs))
		r = -errno;
	if (!r)
		r = watchpoint_place(0, (uintptr_t)&probe, sizeof probe);
	if (!r) {
		*ret_price = price_of_a_hit();
		watchpoint_remove(0);
	}
	for (unsigned i = 0; i < WATCHPOINTS && r; i++)
		close_all(&slots[i]);
	return r;
}

void watchpoint_forked(void)
{
	for (unsigned i = 0; i < WATCHPOINTS; i++)
		close_all(&slots[i]);
}
