#include "clock.h"

#include "loader.h"
#include "sys.h"

#include <string.h>

/* Of CLOCK_MONOTONIC a tick is 8 ns. */
struct clock ticking = { OURO_CLOCK_MONOTONIC, 3, 125000000 };

static int (*vdso_gettime)(clockid_t, struct timespec *);
static uint64_t stopped_ticks, stopped_ns;

uint64_t clock_ns(clockid_t id)
{
	struct timespec t = { 0 };

	if (!ticking.kind)
		return stopped_ns;
	/* Not through libc: there it can be interposed, to show the program another time. */
	if (!vdso_gettime || vdso_gettime(id, &t))
		SYS(SYS_clock_gettime, id, &t, 0, 0, 0, 0);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t clock_otherwise(void)
{
	return ticking.kind ? clock_ns(CLOCK_MONOTONIC) >> ticking.shift : stopped_ticks;
}

void clock_stop(void)
{
	stopped_ticks = clock_now();
	stopped_ns = clock_ns(CLOCK_MONOTONIC);
	__atomic_store_n(&ticking.kind, 0, __ATOMIC_RELEASE);
}

static bool kernel_trusts_counter(void)
{
	char name[16] = "";
	int fd = sys_open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
		O_RDONLY, 0);

	if (fd < 0)
		return false;
	sys_pread(fd, name, sizeof(name) - 1, 0);
	sys_close(fd);
	return !strncmp(name, "tsc", 3);
}

/* From 30 us of watching both clocks. */
static uint64_t counts_per_second(void)
{
	uint64_t ns = clock_ns(CLOCK_MONOTONIC), counts = counter_read(), passed;

	while ((passed = clock_ns(CLOCK_MONOTONIC) - ns) < 30000)
		;
	return (counter_read() - counts) * 1000000000 / passed;
}

void clock_setup(void)
{
	void *p = loader_vdso_symbol("__vdso_clock_gettime");
	uint64_t per_second;
	uint32_t shift;

	memcpy(&vdso_gettime, &p, sizeof p);
	if (!kernel_trusts_counter())
		return;
	per_second = counts_per_second();
	for (shift = 0; per_second >> shift > 140000000; shift++)
		;	/* a tick becomes 7 to 14 ns */
	ticking = (struct clock){ OURO_CLOCK_TSC, shift, per_second >> shift };
}
