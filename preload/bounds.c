#include "bounds.h"
#include "x86_64/unwind_machine.h"

#include <errno.h>
#include <signal.h>

enum {
	PAGE = 4096,
	STRIDE_MAX = 64 << 20,		/* of one own stack to prove at once                */
	REACH_MAX = 1 << 20,		/* of a foreign stack to prove for one frame        */
};

/* The loader's: the initial stack pointer, above which there are no frames. */
extern void *__libc_stack_end __attribute__((weak));

static uintptr_t main_thread, main_end;

void bounds_setup(void)
{
	main_thread = machine_thread_pointer();
	if (&__libc_stack_end)
		main_end = (uintptr_t)__libc_stack_end;
}

void bounds_init(struct bounds *b, uintptr_t thread_pointer)
{
	*b = (struct bounds){ .thread = thread_pointer };
}

bool bounds_readable(uintptr_t addr)
{
	/* The kernel reads the mask before it finds that there is no way -1 to use one. */
	return machine_syscall(SYS_rt_sigprocmask, -1, addr & -8ul, 0, 8, 0, 0) != -EFAULT;
}

/* Threads have their control block above their stack; the main thread's is elsewhere. */
static uintptr_t own_end(const struct bounds *b)
{
	return b->thread == main_thread ? main_end : b->thread;
}

/* Are all pages from the one after sp's up to end readable? */
static bool prove_up(struct bounds *b, uintptr_t sp, uintptr_t end)
{
	uintptr_t page;

	for (page = (sp & -(uintptr_t)PAGE) + PAGE; page < end; page += PAGE) {
		if (bounds_readable(page))
			continue;
		if (page > b->hole)
			b->hole = page;
		return false;
	}
	return true;
}

static bool is_own(struct bounds *b, uintptr_t sp)
{
	uintptr_t end = b->own_hi ? b->own_lo : own_end(b);

	if (sp >= end || end - sp > STRIDE_MAX || sp <= b->hole || !prove_up(b, sp, end))
		return false;
	b->own_lo = sp & -(uintptr_t)PAGE;
	if (!b->own_hi)
		b->own_hi = end;
	return true;
}

void bounds_enter_slow(struct bounds *b, uintptr_t sp, struct span *ret_span)
{
	uintptr_t page;

	if (is_own(b, sp)) {
		*ret_span = (struct span){ b->own_lo, b->own_hi, true };
		return;
	}
	page = (sp - 8) & -(uintptr_t)PAGE;
	*ret_span = (struct span){ page, page + PAGE, false };
}

bool bounds_reach_slow(struct span *s, uintptr_t end)
{
	if (s->own || end - s->hi > REACH_MAX)
		return false;
	while (s->hi < end) {
		if (!bounds_readable(s->hi))
			return false;
		s->hi += PAGE;
	}
	return true;
}
