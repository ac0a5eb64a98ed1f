#include "resident.h"

#include "clock.h"
#include "confine.h"
#include "events.h"
#include "sys.h"

#include <unistd.h>

static bool on;
static uint64_t told_ns;		/* CLOCK_MONOTONIC                           */
static uint64_t page;

void resident_start(void)
{
	page = (uint64_t)sysconf(_SC_PAGESIZE);
	on = true;
}

/* The number at *p, and *p behind it. */
static uint64_t number(const char **p)
{
	uint64_t n = 0;

	while (**p == ' ')
		++*p;
	for (; **p >= '0' && **p <= '9'; ++*p)
		n = n * 10 + (uint64_t)(**p - '0');
	return n;
}

/* Bytes in memory, and how many of them are shared.  False: not to be had. */
static bool look(uint64_t value[2])
{
	int fd = sys_open("/proc/self/statm", O_RDONLY | O_CLOEXEC, 0);
	char text[128];
	const char *p = text;
	long n;

	if (fd < 0)
		return false;
	n = sys_pread(fd, text, sizeof text - 1, 0);
	sys_close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	number(&p);			/* of address space */
	value[0] = number(&p) * page;
	value[1] = number(&p) * page;
	return value[0] > 0;
}

uint64_t resident_bytes(void)
{
	uint64_t value[2];

	return on && look(value) ? value[0] : 0;
}

void resident_tell(struct thr *t, bool always)
{
	uint64_t now, last = __atomic_load_n(&told_ns, __ATOMIC_RELAXED), value[2];
	struct guard g = { .t = t };

	/* Behind a filter that somebody set, what we may still do is not known. */
	if (!on || confined)
		return;
	now = clock_ns(CLOCK_MONOTONIC);
	if (!always && now - last < RESIDENT_EVERY)
		return;
	/* One of several threads that come at once. */
	if (!__atomic_compare_exchange_n(&told_ns, &last, now, false, __ATOMIC_RELAXED,
		__ATOMIC_RELAXED))
		return;
	if (look(value))
		event_ext(&g, OURO_EXT_RESIDENT, value, 2);
}
